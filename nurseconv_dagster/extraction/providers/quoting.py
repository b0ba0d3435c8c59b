"""A stretch of the transcript as a quote: its own words and the segments they stand in.

What lives here: `quote()`.
When to add here: nothing that looks for the stretch.
What to keep out: grades and times of evidence (one room up).
"""

from __future__ import annotations

from nurseconv_dagster.speech.transcripts import Transcript


def quote(transcript: Transcript, start: int, end: int) -> tuple[str, tuple[int, ...]]:
    """The words and the ids of the segments they run over.

    Args:
        transcript: whose words.
        start: offset into `full_text`, code points.
        end: one past the last code point.
    """
    segments = tuple(item.id for item in transcript.segments if item.start_char < end and item.end_char > start)
    return transcript.full_text[start:end], segments
