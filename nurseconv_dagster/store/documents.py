"""The results of one upload, as plain values for the API's result document.

What lives here: `read_results()`.
When to add here: a column that the document shows.
What to keep out: the document's shape (api), typed values of the rooms (`results`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Table, select

from nurseconv_dagster.store import codec
from nurseconv_dagster.store.erasure import refuse_erased
from nurseconv_dagster.store.tables import conversation_scores as scores
from nurseconv_dagster.store.tables import conversation_transcriptions as transcriptions
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import question_answers as answers
from nurseconv_dagster.store.uploads import unknown
from nurseconv_dagster.store.visibility import Units, visible_to

_ANSWER = (
    "id", "question_id", "question_text", "category", "value_type", "is_required", "is_safety_critical", "state",
    "answer_text", "answer_value", "is_valid", "confidence_score", "is_confident", "needs_review", "review_reasons",
    "evidence", "timestamp_start_s", "timestamp_end_s", "provider", "model_name",
)  # fmt: skip
_WORDS = ("full_text", "segments")
_INNER = ("upload_id", "is_current")


@dataclass(frozen=True, slots=True)
class Results:
    """What is known of an upload.

    Args:
        upload: its row.
        transcription: of the current transcript; `full_text` and `segments` only where they were asked for.
        answers: the current answers, in the order in which they were written.
        score: the current scores.
    """

    upload: dict[str, Any]
    transcription: dict[str, Any] | None
    answers: list[dict[str, Any]]
    score: dict[str, Any] | None


def read_results(connection: Connection, upload_id: UUID, units: Units, *, with_words: bool) -> Results:
    """The upload and its current results, in two queries.

    Args:
        connection: of the caller's transaction.
        upload_id: whose results.
        units: what the caller may see.
        with_words: transcript and segments too, decoded.

    Raises:
        UnknownUploadError: there is none, or none that somebody with these units may see.
        ErasedUploadError: it was erased.
    """
    query = _SPOKEN if with_words else _WORDLESS
    row = connection.execute(query.where(uploads.c.id == upload_id, visible_to(units))).first()
    if row is None:
        raise unknown()
    refuse_erased(row)
    found = connection.execute(_ANSWERS.where(answers.c.upload_id == upload_id)).mappings()
    transcription = _take(row, "t")
    if transcription is not None and with_words:
        transcription["full_text"] = codec.decode_text(transcription["full_text"])
        transcription["segments"] = codec.decode_segment_rows(transcription["segments"])
    return Results(
        {column.name: row._mapping[column.name] for column in uploads.c},
        transcription,
        [dict(answer) for answer in found],
        _take(row, "s"),
    )


def _labelled(table: Table, letter: str, without: tuple[str, ...]) -> list[Any]:
    return [column.label(f"{letter}_{column.name}") for column in table.c if column.name not in without]


def _take(row: Row[Any], letter: str) -> dict[str, Any] | None:
    """The columns of one of the joined tables; null where it had no row."""
    if row._mapping[f"{letter}_id"] is None:
        return None
    return {name[2:]: value for name, value in row._mapping.items() if name.startswith(f"{letter}_")}


def _select(without: tuple[str, ...]) -> Any:
    return (
        select(
            *uploads.c, *_labelled(transcriptions, "t", (*_INNER, *without)), *_labelled(scores, "s", _INNER)
        )
        .outerjoin(transcriptions, (transcriptions.c.upload_id == uploads.c.id) & transcriptions.c.is_current)
        .outerjoin(scores, (scores.c.upload_id == uploads.c.id) & scores.c.is_current)
    )  # fmt: skip


_SPOKEN, _WORDLESS = _select(()), _select(_WORDS)
_ANSWERS = (
    select(*(answers.c[name] for name in _ANSWER)).where(answers.c.is_current).order_by(answers.c.created_at)
)  # fmt: skip
