"""The result document of one upload, put together where its rows lie.

What lives here: `read_results()`. It is read all day, so Postgres writes the JSON of everything but the words: rows
that became Python values only to become JSON again took most of a request's time, measured.
When to add here: a column that the document shows; `upload_models` of the API tells callers of it.
What to keep out: typed values of the rooms (`results`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from nurseconv_dagster.store import codec
from nurseconv_dagster.store.erasure import refuse_erased
from nurseconv_dagster.store.tables import SCORE_COLUMNS
from nurseconv_dagster.store.uploads import unknown
from nurseconv_dagster.store.visibility import Units, may_see


def _object(table: str, names: Sequence[str], **more: str) -> str:
    """SQL that makes a JSON object of these columns, times as the API writes them."""
    columns = {name: f"{table}.{name}" for name in names} | more
    return f"json_build_object({', '.join(f'{name!r}, {_plain(value)}' for name, value in columns.items())})"


def _plain(column: str) -> str:
    if not column.endswith("_at"):
        return column
    return f"""to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


_UPLOAD = _object(
    "conversation_uploads",
    (
        "id", "status", "created_at", "kind", "content_type", "file_size_bytes", "duration_s", "damage", "stage",
        "priority", "unit", "nurse_id", "encounter_id", "profile", "language", "consent", "updated_at",
        "processing_started_at", "processing_completed_at",
    ),
    filename="conversation_uploads.original_filename",
    task_id="conversation_uploads.id",
    error="case when conversation_uploads.error_code is not null then json_build_object("
    "'code', conversation_uploads.error_code, 'message', coalesce(conversation_uploads.error_message, '')) end",
    overall_score="s.overall_score",
    answers_requiring_review="s.answers_requiring_review",
)  # fmt: skip
_ANSWER = _object(
    "a",
    (
        "id", "question_id", "question_text", "category", "value_type", "is_required", "is_safety_critical", "state",
        "answer_value", "is_valid", "confidence_score", "is_confident", "needs_review", "review_reasons", "evidence",
        "provider", "model_name",
    ),
    answer_text="case when a.state in ('answered', 'denied') then a.answer_text end",
    timestamp_start="a.timestamp_start_s",
    timestamp_end="a.timestamp_end_s",
)  # fmt: skip
_SCORE = _object(
    "s",
    (
        *SCORE_COLUMNS, "run_no", "questions_answered", "questions_total", "high_confidence_answers",
        "answers_requiring_review", "components", "dynamics", "news2", "score_version", "catalogue_version",
        "calculated_at",
    ),
)  # fmt: skip
# A run writes its answers in the catalogue's order, each with its own time; a correction keeps its question's place.
_ANSWERS = f"""coalesce((
    select json_agg({_ANSWER} order by a.first_at)
    from (
        select *, min(created_at) over (partition by question_id) as first_at
        from question_answers where upload_id = conversation_uploads.id
    ) a
    where a.is_current
), '[]')"""  # noqa: S608 - put together from constants of this file
_SPOKEN = (
    "outcome", "language", "language_probability", "model_name", "model_revision", "duration_s", "confidence_score",
)  # fmt: skip
_WORDS = ", ".join(
    ("t.id as transcription_id", "t.full_text", "t.segments::text as segments", *(f"t.{name}" for name in _SPOKEN))
)
_QUERY = """
select conversation_uploads.id, conversation_uploads.status, conversation_uploads.unit,
    ({upload})::text as upload, ({answers})::text as answers,
    case when s.id is not null then ({score})::text end as score
    {words}
from conversation_uploads
left join conversation_scores s on s.upload_id = conversation_uploads.id and s.is_current
{joined}
where conversation_uploads.id = :upload_id
"""
_PARTS = {"upload": _UPLOAD, "answers": _ANSWERS, "score": _SCORE}
_WORDLESS = text(_QUERY.format(**_PARTS, words="", joined=""))
_WITH_WORDS = text(
    _QUERY.format(
        **_PARTS,
        words=f", {_WORDS}",
        joined="left join conversation_transcriptions t on t.upload_id = conversation_uploads.id and t.is_current",
    )
)


@dataclass(frozen=True, slots=True)
class Results:
    """What is known of an upload.

    Args:
        upload: its row, as JSON.
        answers: the current answers, as a JSON list.
        score: the current scores, as JSON; null where there are none.
        transcription: of the current transcript, with `text` and `segments` decoded; null where there is none, or where
            the words were not asked for.
    """

    upload: str
    answers: str
    score: str | None
    transcription: dict[str, Any] | None


def read_results(connection: Connection, upload_id: UUID, units: Units, *, with_words: bool) -> Results:
    """The upload and its current results, in one query.

    Args:
        connection: of the caller's transaction.
        upload_id: whose results.
        units: what the caller may see.
        with_words: the transcript too.

    Raises:
        UnknownUploadError: there is none, or none that somebody with these units may see.
        ErasedUploadError: it was erased.
    """
    query = _WITH_WORDS if with_words else _WORDLESS
    row = connection.execute(query, {"upload_id": upload_id}).first()
    if row is None or not may_see(units, row.unit):
        raise unknown()
    refuse_erased(row)
    return Results(row.upload, row.answers, row.score, _transcription(row) if with_words else None)


def _transcription(row: Row[Any]) -> dict[str, Any] | None:
    if row.transcription_id is None:
        return None
    return {
        "id": row.transcription_id,
        "text": codec.decode_text(row.full_text),
        "segments": codec.decode_segment_rows(row.segments),
        **{name: row._mapping[name] for name in _SPOKEN},
    }
