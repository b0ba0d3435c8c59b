"""Laws of subtitles: one cue a segment, the speaker named, and players can read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nurseconv_dagster.speech.subtitles import write_srt, write_vtt
from nurseconv_dagster.speech.transcripts import Segment, Transcript, assemble

SEGMENTS = [
    Segment(id=0, text="Any allergies?", start_s=0.5, end_s=1.75, speaker="channel_0", role="nurse"),
    Segment(id=1, text="No.", start_s=3661.0, end_s=3661.5, speaker="channel_1"),
]


@pytest.fixture
def transcript():
    text, segments = assemble(SEGMENTS)
    return Transcript(
        outcome="speech",
        full_text=text,
        segments=segments,
        language="en",
        language_probability=None,
        model_name="whisper-base",
        model_revision="0",
        compute_type="int8",
        processing_time_s=1.0,
        duration_s=3700.0,
    )


def test_srt_has_a_numbered_cue_for_each_segment(transcript):
    assert write_srt(transcript) == (
        "1\n00:00:00,500 --> 00:00:01,750\n[nurse]: Any allergies?\n\n"
        "2\n01:01:01,000 --> 01:01:01,500\n[channel_1]: No.\n\n"
    )


def test_vtt_opens_with_its_header(transcript):
    assert write_vtt(transcript) == (
        "WEBVTT\n\n00:00.500 --> 00:01.750\n[nurse]: Any allergies?\n\n"
        "01:01:01.000 --> 01:01:01.500\n[channel_1]: No.\n\n"
    )


def test_a_recording_without_speech_has_no_cues(transcript):
    silent = replace(transcript, outcome="no_speech", full_text="", segments=())
    assert write_srt(silent) == ""
    assert write_vtt(silent) == "WEBVTT\n\n"
