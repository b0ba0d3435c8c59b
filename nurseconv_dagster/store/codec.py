"""The one codec for transcript text and segments: what is written into the table, and back.

What lives here: `encode_*`, plain or sealed with the newest key of `ENCRYPTION_KEY_FILE`; `decode_*`, which reads both.
When to add here: a new form of keeping words.
What to keep out: answers and quotes, which stay readable rows; how a text is sealed (encryption).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic_core import from_json, to_json

from nurseconv_dagster.encryption.ring import Ring, current_ring
from nurseconv_dagster.encryption.texts import open_text, seal_text
from nurseconv_dagster.speech.transcripts import Segment, Word

# What a column is for; a cell of one does not open in another.
_TEXT, _SEGMENTS = "text", "segments"
Rows = list[dict[str, Any]]


def encode_segments(segments: tuple[Segment, ...], ring: Ring | None = None) -> Rows | str:
    """Segments as they stand in the table: a list of objects, or one sealed text."""
    return encode_segment_rows([asdict(segment) for segment in segments], ring)


def encode_segment_rows(rows: Rows, ring: Ring | None = None) -> Rows | str:
    """The same from plain objects."""
    ring = ring or current_ring()
    return rows if ring.newest is None else seal_text(to_json(rows).decode(), _SEGMENTS, ring)


def decode_segments(cell: Rows | str) -> tuple[Segment, ...]:
    """The same segments as typed values.

    Raises:
        SealedError: permanent; the key is missing, or the cell was changed.
    """
    return tuple(
        Segment(**{**row, "words": tuple(Word(**word) for word in row["words"]), "flags": tuple(row["flags"])})
        for row in decode_segment_cell(cell)
    )


def decode_segment_cell(cell: Rows | str) -> Rows:
    """The same segments as plain objects, from a cell as the driver reads it."""
    if not isinstance(cell, str):
        return cell
    rows: Rows = from_json(open_text(cell, _SEGMENTS, current_ring()))
    return rows


def decode_segment_rows(column: str) -> Rows:
    """The same segments as plain objects, for readers that only pass them on.

    Args:
        column: the column's JSON as text; reading it here takes half the time that the driver takes, measured.
    """
    return decode_segment_cell(from_json(column))


def encode_text(text: str, ring: Ring | None = None) -> str:
    """Full text as it stands in the table."""
    return seal_text(text, _TEXT, ring or current_ring())


def decode_text(text: str) -> str:
    """Full text as it was heard or typed.

    Raises:
        SealedError: permanent; the key is missing, or the cell was changed.
    """
    return open_text(text, _TEXT, current_ring())
