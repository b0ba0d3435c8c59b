"""The readers of container bytes count what is there and survive anything."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.intake.containers import ebml, flac, mpeg, ogg, riff
from nurseconv_dagster.intake.containers.promises import read_promise
from tests.fakes.sounds import RECIPES, make


@given(st.binary(max_size=400), st.sampled_from([b"", b"ID3\4\0\0\0\0\0\0", b"OggS\0\2", b"\x1a\x45\xdf\xa3", b"fLaC"]))
def test_no_bytes_make_a_reader_fail(data, opening):
    data = opening + data
    mpeg.walk(data)
    ogg.walk(data)
    ogg.find_codec(data)
    ebml.walk(data)
    flac.read_stream_info(data)
    riff.read_header(io.BytesIO(data), len(data))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_whole_file_keeps_its_promise(recipe, tmp_path):
    assert read_promise(make(tmp_path / "a", recipe, 1.0), RECIPES[recipe][0]).damage == ()


def test_mpeg_frame_lengths_follow_the_standard():
    assert mpeg.parse_frame(0xFFFB9064) == mpeg.MpegFrame(417, 1152, 44100, is_mono=False)  # 128 kbit/s
    assert mpeg.parse_frame(0xFFF348C4) == mpeg.MpegFrame(144, 576, 16000, is_mono=True)  # MPEG-2, 32 kbit/s
    assert mpeg.parse_frame(0xFFF15080) is None  # ADTS AAC is no MPEG frame


def test_mp3_tags_at_both_ends_are_no_damage(tmp_path):
    data = make(tmp_path / "a", "mp3_without_header", 1.0).read_bytes()
    whole = mpeg.walk(data)
    tagged = mpeg.walk(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + data + b"TAG" + bytes(125))
    assert (tagged.n_frames, tagged.n_junk_bytes, tagged.is_cut) == (whole.n_frames, 0, False)


def test_mp3_junk_between_frames_is_counted(tmp_path):
    data = make(tmp_path / "a", "mp3_without_header", 1.0).read_bytes()
    at = 0
    for _ in range(6):
        at += mpeg.parse_frame(int.from_bytes(data[at : at + 4], "big")).length_bytes
    assert mpeg.walk(data[:at] + b"junk" * 10 + data[at:]).n_junk_bytes == 40


def test_an_mp3_cut_inside_a_frame_header_is_cut(tmp_path):
    data = make(tmp_path / "a", "mp3_without_header", 1.0).read_bytes()
    assert mpeg.walk(data + data[:3]).is_cut


def test_a_page_cut_by_the_end_of_the_head_ends_the_search_for_a_codec():
    assert ogg.find_codec(b"OggS" + bytes(22) + b"\xff") is None


@given(st.data())
def test_every_flipped_bit_of_an_ogg_page_is_found(ogg_bytes, data):
    at = data.draw(st.integers(0, len(ogg_bytes) - 1))
    flipped = bytearray(ogg_bytes)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    walk = ogg.walk(bytes(flipped))
    assert walk.n_bad_pages or walk.n_junk_bytes


@pytest.fixture(scope="module")
def ogg_bytes(tmp_path_factory):
    return make(tmp_path_factory.mktemp("ogg") / "a", "ogg_opus", 1.0).read_bytes()


def test_a_left_out_ogg_page_is_missed(tmp_path):
    data = make(tmp_path / "a", "ogg_opus", 4.0).read_bytes()
    third = [at for at in range(len(data)) if data.startswith(b"OggS", at)][3:5]
    assert ogg.walk(data[: third[0]] + data[third[1] :]).n_missing_pages == 1


@pytest.mark.parametrize("n_samples", [0, 16000])
def test_flac_promises_its_samples_or_nothing(n_samples, tmp_path):
    head = bytearray(make(tmp_path / "a", "flac", 1.0).read_bytes()[:42])
    head[21:26] = (head[21] & 0xF0 | n_samples >> 32).to_bytes(1, "big") + n_samples.to_bytes(4, "big")
    assert flac.read_stream_info(bytes(head)).n_samples == (n_samples or None)
