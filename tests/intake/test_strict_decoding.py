"""Decoding never shortens a recording in silence, and never holds more than its limits allow."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from nurseconv_dagster.intake.arrivals import Recording, Refusal
from nurseconv_dagster.intake.decoding import decode
from nurseconv_dagster.intake.demuxing import probe
from nurseconv_dagster.intake.limits import Limits
from tests.fakes.sounds import RECIPES, encode, make, stretch, tone

LIMITS = Limits()
CHECKED = ("flac", "flac_24_bit", "ogg_opus", "ogg_vorbis")  # these containers carry checksums of their sound
PADDING_S = 0.1  # what encoders add or take at the ends; less than this may go untold


def read(path: Path, recipe: str, limits: Limits = LIMITS) -> Recording | Refusal:
    return decode(path, RECIPES[recipe][0], limits)


def spoil(path: Path, recipe: str, data: bytes) -> Recording | Refusal:
    path.write_bytes(data)
    return read(path, recipe)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, Recording]]:
    folder, found = tmp_path_factory.mktemp("sounds"), {}
    for recipe in RECIPES:
        path = make(folder / recipe, recipe, 2.0)
        recording = read(path, recipe)
        assert isinstance(recording, Recording)
        found[recipe] = path.read_bytes(), recording
    return found


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_whole_recording_is_decoded_without_a_word_about_damage(recipe, whole):
    recording = whole[recipe][1]
    assert recording.damage == ()
    assert recording.n_decode_errors == 0
    assert recording.format == RECIPES[recipe][0]
    assert recording.samples.dtype == np.float32
    assert np.abs(recording.samples).max() <= 1.0
    assert recording.duration_s == pytest.approx(2.0, abs=0.15)
    assert recording.duration_s == recording.samples.shape[1] / 16000


def test_samples_are_those_that_were_recorded(tmp_path):
    samples = tone(1.0, 16000)
    recording = read(encode(tmp_path / "a", samples, "wav"), "wav")
    assert np.array_equal(recording.samples, samples.astype(np.float32) / 32768)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_truncated_recording_is_refused_or_flagged(recipe, fraction, whole, tmp_path):
    data, before = whole[recipe]
    # An odd length: between two MP3 frames a cut leaves a whole, shorter file, unless a header counts the frames.
    after = spoil(tmp_path / "a", recipe, data[: int(len(data) * fraction) | 1])
    if isinstance(after, Refusal):
        assert after.code == "damaged_audio"
    else:
        assert after.damage or np.array_equal(after.samples, before.samples)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_flipped_bit_never_shortens_a_recording_in_silence(recipe, whole, tmp_path):
    data, before = whole[recipe]
    random = np.random.default_rng(7)
    for at in random.integers(0, len(data), 25):
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(random.integers(0, 8))
        after = spoil(tmp_path / "a", recipe, bytes(flipped))
        if isinstance(after, Refusal):
            assert after.code in (
                "damaged_audio",
                "no_audio_stream",
                "too_long",
                "too_many_channels",
                "bad_sample_rate",
            )
        elif not after.damage:
            assert after.duration_s >= before.duration_s - PADDING_S
            if recipe in CHECKED:
                assert np.array_equal(after.samples, before.samples)


@pytest.mark.parametrize("recipe", ["mp3", "mp3_without_header", "ogg_opus", "flac", "m4a_header_first", "webm"])
def test_a_hole_in_the_middle_is_refused_or_flagged(recipe, whole, tmp_path):
    data, _ = whole[recipe]
    middle = len(data) // 2
    after = spoil(tmp_path / "a", recipe, data[:middle] + data[middle + 777 :])
    assert isinstance(after, Refusal) or after.damage


def test_sound_lost_inside_becomes_silence_so_that_later_words_keep_their_second(tmp_path):
    data = bytearray(encode(tmp_path / "a", tone(6.0, 48000), "ogg_opus").read_bytes())
    before = read(tmp_path / "a", "ogg_opus")
    data[len(data) // 2] ^= 0xFF  # one page of a second fails its checksum and is dropped
    after = spoil(tmp_path / "b", "ogg_opus", bytes(data))
    assert any("lost inside" in fact for fact in after.damage)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.001)
    assert (after.samples == 0).sum() > 12000
    tail = slice(-8000, None)
    assert np.corrcoef(after.samples[0, tail], before.samples[0, tail])[0, 1] > 0.95


def test_a_frame_that_lost_its_time_is_no_gap(whole, tmp_path):
    data, before = whole["flac"]
    middle = len(data) // 2
    after = spoil(tmp_path / "a", "flac", data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
    assert after.samples.shape == before.samples.shape
    assert after.damage == ("the samples do not match the FLAC file's own checksum",)


def test_packets_that_do_not_decode_are_counted_and_leave_their_time(whole, tmp_path):
    data, before = whole["m4a_header_first"]
    middle = len(data) * 3 // 4
    after = spoil(tmp_path / "a", "m4a_header_first", data[:middle] + b"\xff" * 600 + data[middle + 600 :])
    assert after.n_decode_errors >= 1
    assert f"{after.n_decode_errors} of" in after.damage[0]
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.001)


def test_a_wav_that_lost_its_last_bytes_is_flagged(whole, tmp_path):
    assert spoil(tmp_path / "a", "wav", whole["wav"][0][:-10]).damage[0].startswith("the last 10 bytes")


def test_a_recording_that_lost_more_than_the_limit_is_refused(whole, tmp_path):
    data, _ = whole["wav"]
    path = tmp_path / "a"
    path.write_bytes(data[: int(len(data) * 0.7)])
    assert isinstance(read(path, "wav", Limits(max_lost_fraction=0.5)), Recording)
    assert read(path, "wav", Limits(max_lost_fraction=0.2)).code == "damaged_audio"


def test_a_wav_that_lies_about_its_rate_is_flagged(whole, tmp_path):
    data, _ = whole["wav"]
    liar = data[:24] + (32000).to_bytes(4, "little") + data[28:]
    assert any("contradicts" in fact for fact in spoil(tmp_path / "a", "wav", liar).damage)


def test_a_wav_whose_recorder_never_filled_in_the_length_is_taken_whole(whole, tmp_path):
    data, before = whole["wav"]
    at = data.index(b"data") + 4
    after = spoil(tmp_path / "a", "wav", data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    assert after.declared_duration_s is None
    assert after.damage == ()
    assert np.array_equal(after.samples, before.samples)


@pytest.mark.parametrize("junk", [b"", b"nothing that decodes" * 200])
@pytest.mark.parametrize("recipe", ["mp3", "wav", "m4a", "ogg_opus", "flac", "webm"])
def test_a_header_with_nothing_behind_it_is_refused(recipe, junk, whole, tmp_path):
    after = spoil(tmp_path / "a", recipe, whole[recipe][0][:44] + junk)
    assert isinstance(after, Refusal)


@pytest.mark.parametrize("recipe", ["m4a", "webm_live"])
def test_five_hours_of_silence_in_a_small_file_are_refused_without_holding_them(recipe, tmp_path):
    path = stretch(tmp_path / "a", recipe, 5.0)
    assert path.stat().st_size < 8_000_000
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read(path, recipe).code == "too_long"
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 64_000  # five hours of samples are 562,500 KiB even at 16 bits


def test_the_door_refuses_by_the_header_what_is_too_long(tmp_path):
    path = make(tmp_path / "a", "m4a", 2.0)
    assert probe(path, "m4a", Limits(max_duration_s=1.0)).code == "too_long"
    assert probe(path, "m4a", LIMITS).declared_duration_s == pytest.approx(2.0)


def test_a_header_that_lies_about_its_length_does_not_get_past_the_limit(whole, tmp_path):
    data, _ = whole["wav"]
    at = data.index(b"data") + 4
    path = tmp_path / "a"
    path.write_bytes(data[:at] + b"\0\0\0\0" + data[at + 4 :])
    assert read(path, "wav", Limits(max_duration_s=1.0)).code == "too_long"


def test_a_recording_of_exactly_the_longest_length_is_taken(tmp_path):
    assert isinstance(read(make(tmp_path / "a", "m4a", 2.0), "m4a", Limits(max_duration_s=2.0)), Recording)


def test_too_many_channels_too_odd_a_rate_and_too_much_memory_are_refused(tmp_path):
    path = make(tmp_path / "a", "wav", 1.0, n_channels=4)
    assert read(path, "wav", Limits(max_channels=2)).code == "too_many_channels"
    assert read(path, "wav", Limits(max_sample_rate_hz=8000)).code == "bad_sample_rate"
    assert read(path, "wav", Limits(max_memory_bytes=1000)).code == "too_much_memory"


def test_the_format_is_forced_so_that_no_other_demuxer_is_tried(tmp_path):
    path = make(tmp_path / "a.wav", "wav", 1.0)
    assert decode(path, "flac", LIMITS).code == "damaged_audio"


def test_a_name_is_never_read_as_an_address(tmp_path):
    path = make(tmp_path / "concat:a|b.wav", "wav", 1.0)
    assert isinstance(read(path, "wav"), Recording)


def test_a_file_with_pictures_only_has_no_audio_stream(tmp_path):
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    assert decode(path, "m4a", LIMITS).code == "no_audio_stream"
    assert probe(path, "m4a", LIMITS).code == "no_audio_stream"
