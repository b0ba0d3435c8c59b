"""Laws of the transcriber: each upload gets its own words, whoever rides with it; what cannot be heard says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nurseconv_dagster.errors import ModelError, SettingsError
from nurseconv_dagster.speech.transcriber import Unheard
from nurseconv_dagster.speech.whisper import WhisperTranscriber


@pytest.fixture(scope="module")
def uploads(conversation, not_speech, make_job):
    """A mixed batch: stereo with crosstalk, short lines, noise, broken samples, an unknown language."""
    left, right = conversation.samples
    crosstalk = np.stack([left + 0.15 * np.roll(right, 30), right + 0.15 * np.roll(left, 25)])
    broken = conversation.line(0).copy()
    broken[0, 100] = np.nan
    return {
        "stereo": make_job(crosstalk),
        "allergies": make_job(conversation.line(2)),
        "penicillin": make_job(conversation.line(3), n_decode_errors=3),
        "pressure": make_job(conversation.line(4)),
        "smoke": make_job(conversation.line(5)),
        "broken": make_job(broken),
        "noise": make_job(not_speech(4, 0)["pink_noise"]),
        "silence": make_job(np.zeros((1, 48_000), dtype=np.float32)),
        "nothing": make_job(np.zeros((1, 0), dtype=np.float32)),
        "klingon": make_job(conversation.line(5), language="xx"),
    }


@pytest.fixture(scope="module")
def heard(transcriber, uploads):
    """What became of that batch."""
    results = {one.upload_id: one.result for one in transcriber.transcribe(iter(uploads.values()))}
    return {name: results[upload.upload_id] for name, upload in uploads.items()}


def bare(text):
    return " ".join("".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").split())


def test_results_come_in_the_order_of_the_jobs(transcriber, uploads):
    quick = [uploads[name] for name in ("broken", "silence", "nothing", "klingon")]
    assert [one.upload_id for one in transcriber.transcribe(quick)] == [one.upload_id for one in quick]


@pytest.mark.parametrize("name", ["allergies", "pressure"])
def test_an_upload_is_heard_the_same_alone_and_in_a_mixed_batch(transcriber, uploads, heard, name):
    (alone,) = transcriber.transcribe([uploads[name]])
    together = heard[name]
    assert alone.result.full_text == together.full_text != ""
    assert alone.result.segments == together.segments


def test_numbers_and_doses_keep_their_time_and_probability(heard):
    words = {word.text.strip(".,"): word for one in heard["pressure"].segments for word in one.words}
    assert {"140", "85", "92"} <= set(words)
    assert all(0 < words[number].probability <= 1 for number in ("140", "85", "92"))
    assert words["140"].end_s <= words["85"].start_s < words["92"].start_s


def test_words_point_into_the_text_and_never_run_backwards(heard):
    for name in ("stereo", "allergies", "penicillin", "pressure"):
        transcript = heard[name]
        for segment in transcript.segments:
            edges = [edge for word in segment.words for edge in (word.start_s, word.end_s)]
            assert edges == sorted(edges)
            assert (segment.start_s, segment.end_s) == (edges[0], edges[-1])
            assert segment.end_s <= transcript.duration_s
            assert transcript.full_text[segment.start_char : segment.end_char] == segment.text
            for word in segment.words:
                assert transcript.full_text[word.start_char : word.end_char] == word.text


def test_stereo_with_crosstalk_is_told_once_in_order_with_roles(heard, conversation):
    """Each turn stands once, in the order spoken, under its speaker, although both microphones hear both voices."""
    turns = []
    for segment in heard["stereo"].segments:
        if turns and turns[-1][0] == segment.role:
            turns[-1][1] += " " + segment.text
        else:
            turns.append([segment.role, segment.text])
    assert [role for role, _ in turns] == ["nurse", "patient", "nurse", "patient", "nurse", "patient"]
    text = bare(heard["stereo"].full_text)
    for phrase in ("your nurse today", "chest pain", "any allergies", "blood pressure", "smoke", "ten years ago"):
        assert text.replace("10 years", "ten years").count(phrase) == 1, phrase
    assert {one.speaker for one in heard["stereo"].segments} == {"channel_0", "channel_1"}


def test_the_times_are_those_of_the_recording(heard, conversation):
    word = next(word for one in heard["stereo"].segments for word in one.words if bare(word.text) == "allergies")
    line = conversation.lines[2]
    assert line["start_s"] < word.start_s < word.end_s < line["end_s"] + 0.2


def test_a_mono_recording_has_no_speakers_and_no_roles(heard):
    assert {(one.speaker, one.role) for one in heard["allergies"].segments} == {(None, None)}


def test_silence_and_noise_are_no_speech_with_no_words_and_no_figures(heard):
    for name in ("noise", "silence", "nothing"):
        found = heard[name]
        assert (found.outcome, found.full_text, found.segments) == ("no_speech", "", ())
        assert (found.language, found.confidence_score, found.snr_db) == (None, None, None)


def test_broken_samples_and_unknown_languages_fail_alone_and_say_why(heard):
    assert {name for name, result in heard.items() if isinstance(result, Unheard)} == {"broken", "klingon"}
    assert heard["broken"].code == "bad_samples"
    assert heard["klingon"].code == "unknown_language"


def test_damage_is_flagged_on_what_was_heard(heard):
    assert all("damaged_audio" in one.flags for one in heard["penicillin"].segments)
    assert all("damaged_audio" not in one.flags for one in heard["allergies"].segments)


def test_a_transcript_says_which_weights_heard_it(heard, weights):
    found = heard["allergies"]
    assert (found.model_name, found.model_revision) == ("whisper-base", weights.revision)
    assert found.compute_type.startswith("int8")
    assert found.language == "en"
    assert found.language_probability is None
    assert 0.5 < found.confidence_score <= 1
    assert found.processing_time_s > 0
    assert 10 < found.snr_db < 60


def test_the_language_is_detected_when_nobody_names_it(transcriber, uploads, home):
    detecting = WhisperTranscriber(model="base", home=home, device="cpu")
    detecting._loaded = transcriber._load()
    (one,) = detecting.transcribe([uploads["pressure"]])
    assert one.result.language == "en"
    assert one.result.language_probability > 0.8


def test_two_microphones_in_one_room_are_one_channel(transcriber, conversation, make_job):
    both = conversation.samples.sum(axis=0)[:130_000]
    noise = np.random.default_rng(0).normal(0, 0.001, (2, len(both)))
    room = np.stack([both, 0.9 * np.roll(both, 12)]) + noise
    (one,) = transcriber.transcribe([make_job(room.astype(np.float32))])
    assert {segment.speaker for segment in one.result.segments} == {None}
    assert bare(one.result.full_text).count("nurse today") == 1


def test_cuda_without_a_gpu_is_refused_with_what_to_do(home, weights):
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelError, match="WHISPER_DEVICE=cuda"):
        WhisperTranscriber(model="base", home=home, device="cuda").warm()


def test_a_compute_type_that_the_device_cannot_do_is_refused_with_its_setting(home, weights):
    with pytest.raises(ModelError, match="WHISPER_COMPUTE_TYPE=float16"):
        WhisperTranscriber(model="base", home=home, device="cpu", compute_type="float16").warm()


def test_a_language_setting_that_whisper_does_not_know_is_refused(home, weights):
    with pytest.raises(SettingsError, match="WHISPER_LANGUAGE=english"):
        WhisperTranscriber(model="base", home=home, device="cpu", language="english").warm()


def test_nothing_is_loaded_before_the_first_job():
    assert WhisperTranscriber(model="base", home=Path("/nowhere"))._loaded is None
