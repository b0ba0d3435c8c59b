"""Laws of typed conversations: the text stays as typed, its lines point into it, and it has no times."""

from __future__ import annotations

from nurseconv_dagster.intake.texts import read_text
from nurseconv_dagster.speech.subtitles import Untimed, write_srt, write_vtt
from nurseconv_dagster.speech.typed import transcribe_text

TYPED = "Nurse: Any allergies?\nPatient: No – none 😀.\n\n  still the patient \nDoctor: Good."


def test_the_text_stays_as_typed_and_every_segment_points_into_it():
    transcript = transcribe_text(read_text(TYPED.encode()))
    assert transcript.full_text == TYPED
    assert [TYPED[one.start_char : one.end_char] for one in transcript.segments] == [
        one.text for one in transcript.segments
    ]
    assert [one.text for one in transcript.segments] == [
        "Any allergies?",
        "No – none 😀.",
        "still the patient",
        "Good.",
    ]
    assert [one.id for one in transcript.segments] == [0, 1, 2, 3]


def test_labels_become_roles():
    segments = transcribe_text(read_text(TYPED.encode())).segments
    assert [one.role for one in segments] == ["nurse", "patient", "patient", "other"]


def test_typed_text_has_no_sound_to_measure():
    transcript = transcribe_text(read_text(b"Patient refuses assessment."))
    assert (transcript.outcome, transcript.is_typed, transcript.duration_s) == ("speech", True, None)
    assert (transcript.confidence_score, transcript.snr_db, transcript.model_name) == (None, None, "typed")
    assert all(one.start_s is None and one.words == () for one in transcript.segments)


def test_typed_text_has_no_subtitles_and_says_so():
    transcript = transcribe_text(read_text(TYPED.encode()))
    assert write_srt(transcript) == write_vtt(transcript) == Untimed()
    assert "no times" in Untimed().message
