"""The one codec for transcript text and segments: what is written into the table, and back.

What lives here: `encode_*` and `decode_*`, plain JSON today. Encryption at rest goes here and nowhere else.
When to add here: a new form of keeping words.
What to keep out: answers and quotes, which stay readable rows.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic_core import from_json

from nurseconv_dagster.speech.transcripts import Segment, Word


def encode_segments(segments: tuple[Segment, ...]) -> list[dict[str, Any]]:
    """Segments as the list of objects that stands in the table."""
    return [asdict(segment) for segment in segments]


def decode_segments(rows: list[dict[str, Any]]) -> tuple[Segment, ...]:
    """The same segments as typed values."""
    return tuple(
        Segment(**{**row, "words": tuple(Word(**word) for word in row["words"]), "flags": tuple(row["flags"])})
        for row in rows
    )


def decode_segment_rows(column: str) -> list[dict[str, Any]]:
    """The same segments as plain objects, for readers that only pass them on.

    Args:
        column: the column's JSON as text; reading it here takes half the time that the driver takes, measured.
    """
    rows: list[dict[str, Any]] = from_json(column)
    return rows


def encode_text(text: str) -> str:
    """Full text as it stands in the table."""
    return text


def decode_text(text: str) -> str:
    """Full text as it was heard or typed."""
    return text
