"""Uploads as callers of the API see them: found one by one, listed a page at a time, watched many at once.

What lives here: `find_upload()`, `page_uploads()`, `where_uploads_are()`.
When to add here: a filter of the list, or a column that callers need to see.
What to keep out: results (`documents`), lists for operators (`listings`), writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Row, exists, select, tuple_

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.erasure import refuse_erased
from nurseconv_dagster.store.tables import conversation_scores as scores
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import question_answers as answers
from nurseconv_dagster.store.visibility import Units, visible_to

Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which uploads a list shows; null or empty is no limit.

    Args:
        statuses: any of these.
        unit, profile, kind, priority: exactly this.
        created_from: arrived then or later.
        created_before: arrived earlier.
        needs_review: whether an answer waits for a reviewer.
    """

    statuses: tuple[str, ...] = ()
    unit: str | None = None
    profile: str | None = None
    kind: str | None = None
    priority: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    needs_review: bool | None = None


def find_upload(connection: Connection, upload_id: UUID, units: Units) -> Row[Any]:
    """The upload's row.

    Raises:
        UnknownUploadError: there is none, or none that somebody with these units may see.
        ErasedUploadError: it was erased.
    """
    row = connection.execute(select(uploads).where(uploads.c.id == upload_id, visible_to(units))).first()
    if row is None:
        raise unknown()
    refuse_erased(row)
    return row


def unknown() -> UnknownUploadError:
    """What is said of an upload that does not exist, or not for this caller."""
    return UnknownUploadError("no upload with this id; GET /api/v1/uploads lists those you may see.")


def page_uploads(
    connection: Connection, units: Units, filters: Filters, *, after: Place | None, limit: int
) -> list[Row[Any]]:
    """Rows of `conversation_uploads` with `overall_score` and `answers_requiring_review`, newest first.

    Args:
        units: what the caller may see.
        filters: what the caller wants to see.
        after: arrival and id of the last row of the page before; null for the first page.
        limit: at most so many.
    """
    query = (
        select(uploads, scores.c.overall_score, scores.c.answers_requiring_review)
        .outerjoin(scores, (scores.c.upload_id == uploads.c.id) & scores.c.is_current)
        .where(visible_to(units), *_conditions(filters))
        .order_by(uploads.c.created_at.desc(), uploads.c.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(uploads.c.created_at, uploads.c.id) < tuple_(*after))
    return list(connection.execute(query))


def where_uploads_are(engine: Engine, ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """Unit, status, stage, `updated_at`, error and what was asked of each of these uploads, in one query."""
    of = uploads.c
    query = select(
        of.id, of.unit, of.status, of.stage, of.updated_at, of.error_code, of.error_message, of.cancel_requested_at,
        of.restart_from,
    ).where(of.id.in_(list(ids)))  # fmt: skip
    with transaction(engine) as connection:
        return {row.id: row for row in connection.execute(query)}


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    exact = {name: getattr(filters, name) for name in ("unit", "profile", "kind", "priority")}
    found: list[ColumnElement[bool]] = [uploads.c[name] == value for name, value in exact.items() if value is not None]
    if filters.statuses:
        found.append(uploads.c.status.in_(filters.statuses))
    if filters.created_from is not None:
        found.append(uploads.c.created_at >= filters.created_from)
    if filters.created_before is not None:
        found.append(uploads.c.created_at < filters.created_before)
    if filters.needs_review is not None:
        waits = exists().where(answers.c.upload_id == uploads.c.id, answers.c.is_current, answers.c.needs_review)
        found.append(waits if filters.needs_review else ~waits)
    return found
