"""A transcript as subtitles: SRT and WebVTT, written by whisper-ctranslate2's own writers.

What lives here: `write_srt()`, `write_vtt()`.
When to add here: another subtitle format that those writers know.
What to keep out: other exports (operations) and anything that is not about times.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

from nurseconv_dagster.speech.transcripts import Segment, Transcript


@dataclass(frozen=True, slots=True)
class Untimed:
    """Why there are no subtitles: a result, not an exception."""

    code: str = "no_times"
    message: str = "a typed conversation has no times, so there are no subtitles of it; export it as jsonl or csv."


def write_srt(transcript: Transcript) -> str | Untimed:
    """The transcript as SubRip text, empty for a recording without speech; `Untimed` for typed text."""
    return _write(transcript, "srt")


def write_vtt(transcript: Transcript) -> str | Untimed:
    """The transcript as WebVTT, only the header for a recording without speech; `Untimed` for typed text."""
    return _write(transcript, "vtt")


def _write(transcript: Transcript, form: Literal["srt", "vtt"]) -> str | Untimed:
    from whisper_ctranslate2.writers import get_writer

    if transcript.is_typed:
        return Untimed()
    result = {"segments": [_cue(segment) for segment in transcript.segments]}
    file = io.StringIO()
    get_writer(form, "").write_result(result, file, {})
    return file.getvalue()


def _cue(segment: Segment) -> dict[str, Any]:
    """One segment as the writers want it: without words, so that one segment is one cue."""
    who = segment.role or segment.speaker
    cue = {"start": segment.start_s or 0.0, "end": segment.end_s or 0.0, "text": segment.text}
    return {**cue, "speaker": who} if who else cue
