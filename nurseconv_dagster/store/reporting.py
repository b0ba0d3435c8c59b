"""What leaves the store for the reporting tables: which uploads changed, the frame to check, one build at a time.

What lives here: `oldest_unreported_s()`; `snapshot_unreported()`, `mark_reported()`, `list_arrivals()` around a build;
`marts_lock()`; `reporting_rows()`.
When to add here: a column of the checked frame.
What to keep out: the marts themselves (dbt) and the expectations (checks).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, and_, func, select, text, update

from nurseconv_dagster.errors import MartsBusyError
from nurseconv_dagster.store.codec import decode_text
from nurseconv_dagster.store.engine import autocommit, transaction
from nurseconv_dagster.store.tables import conversation_scores as scores
from nurseconv_dagster.store.tables import conversation_transcriptions as transcriptions
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import question_answers as answers

_ENDS = ("completed", "failed", "rejected", "cancelled", "erased")
_MARTS_LOCK = "hashtext('nurseconv:marts')"

Snapshot = list[tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Came:
    """How an upload came: the ids by which it is told of."""

    id: UUID
    correlation_id: str | None
    traceparent: str | None


def snapshot_unreported(engine: Engine) -> Snapshot:
    """Each upload at an end that the marts do not show as it is now, with the version a build will see."""
    query = select(uploads.c.id, uploads.c.updated_at).where(_is_unreported())
    with transaction(engine) as connection:
        return [(row.id, row.updated_at) for row in connection.execute(query)]


def oldest_unreported_s(engine: Engine) -> float | None:
    """For how many seconds an upload at an end has waited to be in the marts as it is now; null when none waits."""
    waited = func.extract("epoch", func.clock_timestamp() - func.min(uploads.c.updated_at))
    with transaction(engine) as connection:
        seconds = connection.execute(select(waited).where(_is_unreported())).scalar_one()
        return None if seconds is None else float(seconds)


def mark_reported(engine: Engine, snapshot: Snapshot) -> None:
    """After a build: these versions are in the marts. One that changed meanwhile stays due."""
    with transaction(engine) as connection:
        for upload_id, version in snapshot:
            connection.execute(
                update(uploads)
                .where(uploads.c.id == upload_id, uploads.c.updated_at == version)
                .values(reported_version=version)
            )


def list_arrivals(engine: Engine, snapshot: Snapshot) -> list[Came]:
    """How each upload of a snapshot came."""
    ids = [upload_id for upload_id, _ in snapshot]
    query = select(uploads.c.id, uploads.c.correlation_id, uploads.c.traceparent).where(uploads.c.id.in_(ids))
    with transaction(engine) as connection:
        rows = connection.execute(query.order_by(uploads.c.created_at, uploads.c.id))
        return [Came(row.id, row.correlation_id, row.traceparent) for row in rows]


@contextmanager
def marts_lock(engine: Engine) -> Iterator[None]:
    """Held while dbt builds; Postgres lets go of it when the process dies.

    Raises:
        MartsBusyError: another build is running, on this machine or another.
    """
    with autocommit(engine) as connection:
        is_mine: bool = connection.execute(text(f"select pg_try_advisory_lock({_MARTS_LOCK})")).scalar_one()
        if not is_mine:
            raise MartsBusyError("another build of the reporting tables is running; this one will be asked for again.")
        try:
            yield
        finally:
            connection.execute(text(f"select pg_advisory_unlock({_MARTS_LOCK})"))


def reporting_rows(engine: Engine) -> Iterator[dict[str, Any]]:
    """One row per current answer of an upload that is not erased, with its proof and its upload's scores; no words."""
    query = (
        select(
            answers.c.upload_id, answers.c.question_id, answers.c.state, answers.c.provider,
            answers.c.confidence_score, answers.c.is_confident, answers.c.evidence,
            transcriptions.c.full_text, transcriptions.c.duration_s,
            scores.c.completeness_score, scores.c.overall_score,
        )
        .join(transcriptions, transcriptions.c.id == answers.c.transcription_id)
        .join(uploads, uploads.c.id == answers.c.upload_id)
        .outerjoin(scores, and_(scores.c.upload_id == answers.c.upload_id, scores.c.is_current))
        .where(answers.c.is_current, uploads.c.status != "erased")
        .order_by(answers.c.upload_id, answers.c.question_id)
    )  # fmt: skip
    with transaction(engine) as connection:
        for row in connection.execution_options(yield_per=500).execute(query):
            yield _frame_row(row._mapping)


def _frame_row(row: Any) -> dict[str, Any]:
    full_text, evidence = decode_text(row["full_text"]), row["evidence"]
    starts = [item["start_s"] for item in evidence if item["start_s"] is not None]
    ends = [item["end_s"] for item in evidence if item["end_s"] is not None]
    return {
        **{name: row[name] for name in row if name not in ("evidence", "full_text")},
        "upload_id": str(row["upload_id"]),
        "n_evidence": len(evidence),
        "evidence_ok": all(full_text[item["start_char"] : item["end_char"]] == item["quote"] for item in evidence),
        "start_s": min(starts, default=None),
        "end_s": max(ends, default=None),
    }


def _is_unreported() -> Any:
    return and_(uploads.c.status.in_(_ENDS), uploads.c.updated_at.is_distinct_from(uploads.c.reported_version))
