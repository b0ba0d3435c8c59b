"""A typed conversation becomes a transcript: the text as typed, its lines as segments, no times.

What lives here: `transcribe_text()`.
When to add here: something else that typed text can tell about who spoke.
What to keep out: finding lines and labels (intake's texts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nurseconv_dagster.speech.transcripts import Segment, Transcript

if TYPE_CHECKING:
    from nurseconv_dagster.intake.texts import TypedText

MODEL_NAME = "typed"


def transcribe_text(typed: TypedText) -> Transcript:
    """The transcript of a typed conversation: `full_text` is the text as typed, and each segment points into it.

    Args:
        typed: the text and its lines with their labels, roles and offsets.
    """
    segments = tuple(
        Segment(
            id=number,
            text=typed.text[line.start_char : line.end_char],
            speaker=line.speaker,
            role=line.role,
            start_char=line.start_char,
            end_char=line.end_char,
        )
        for number, line in enumerate(typed.lines)
    )
    return Transcript(
        outcome="speech",
        full_text=typed.text,
        segments=segments,
        language=None,
        language_probability=None,
        model_name=MODEL_NAME,
        model_revision="",
        compute_type="",
        processing_time_s=0.0,
        duration_s=None,
    )
