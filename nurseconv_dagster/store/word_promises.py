"""Promises that need the words: transcripts may be sealed, so these are counted here and not by Postgres.

What lives here: a function a promise, each the count of recent rows that break it.
When to add here: a promise that looks into text or segments.
What to keep out: promises that a query can count (promises).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, select, text

from nurseconv_dagster.store import codec
from nurseconv_dagster.store.tables import conversation_transcriptions as transcriptions
from nurseconv_dagster.store.tables import question_answers as answers

# Rows of the last days only: a check runs after every build and must stay cheap when there are years of rows.
RECENT = "now() - interval '3 days'"


def count_segments_out_of_time(connection: Connection) -> int:
    """Segments that end before they begin, or after the recording."""
    return sum(
        _is_out_of_time(segment, row.duration_s)
        for row in _recent(connection)
        if row.duration_s is not None
        for segment in codec.decode_segment_cell(row.segments)
    )


def count_words_of_silence(connection: Connection) -> int:
    """Recordings without speech that have text."""
    return sum(
        bool(codec.decode_text(row.full_text) or codec.decode_segment_cell(row.segments))
        for row in _recent(connection)
        if row.outcome == "no_speech"
    )


def count_unproven(connection: Connection) -> int:
    """Answers and denials whose quote does not stand in the transcript at its place."""
    query = (
        select(
            answers.c.evidence_quote, answers.c.context_start_char, answers.c.context_end_char,
            answers.c.transcription_id, transcriptions.c.full_text,
        )
        .join(transcriptions, transcriptions.c.id == answers.c.transcription_id)
        .where(
            answers.c.created_at > text(RECENT), answers.c.state.in_(("answered", "denied")),
            answers.c.provider != "reviewer",
        )
        .order_by(answers.c.transcription_id)
    )  # fmt: skip
    n_unproven, whose, words = 0, None, ""
    for row in connection.execution_options(yield_per=200).execute(query):
        if row.transcription_id != whose:
            whose, words = row.transcription_id, codec.decode_text(row.full_text)
        n_unproven += row.evidence_quote is None or _quoted(words, row) != row.evidence_quote
    return n_unproven


def _quoted(words: str, row: Row[Any]) -> str | None:
    if row.context_start_char is None or row.context_end_char is None:
        return None
    return words[row.context_start_char : row.context_end_char]


def _is_out_of_time(segment: dict[str, Any], duration_s: float) -> bool:
    start_s, end_s = segment["start_s"], segment["end_s"]
    if end_s is None:
        return False
    return bool((start_s is not None and end_s < start_s) or end_s > duration_s + 0.5)


def _recent(connection: Connection) -> Iterator[Row[Any]]:
    query = select(transcriptions).where(transcriptions.c.created_at > text(RECENT))
    yield from connection.execution_options(yield_per=200).execute(query)
