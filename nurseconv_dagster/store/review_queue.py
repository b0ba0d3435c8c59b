"""What waits for a reviewer: answers that must be looked at, opinions that differ, and a fair sample of the rest.

What lives here: the queue as one query, read as answers (`list_queue()`) or as conversations (`list_conversations()`).
When to add here: another reason why an answer should be looked at, or another way to narrow the queue.
What to keep out: verdicts (`reviews`), what they add up to (`review_figures`).

An answer leaves the queue when somebody has judged it, since the verdict takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, literal_column, or_, select

from nurseconv_dagster.extraction.answers import REVIEWER
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import question_answers as answers
from nurseconv_dagster.store.visibility import Units, visible_to

Reason = Literal["disagreement", "must_review", "audit"]
REASONS: tuple[Reason, ...] = ("disagreement", "must_review", "audit")

# The sample is of what is fresh: nobody listens to last year's recordings, and the query stays cheap for years of rows.
_AUDIT_DAYS = 30
_DRAW: ColumnElement[int] = literal_column(
    "('x' || substr(md5(question_answers.upload_id || ':' || question_answers.question_id), 1, 8))::bit(32)::bigint"
)
_FINEST = 2**32  # the draw is below it


@dataclass(frozen=True, slots=True)
class QueueView:
    """Which part of the queue somebody looks at.

    Args:
        units: what the caller may see.
        audit_share: `REVIEW_AUDIT_SHARE`, 0..1: of the answers that nobody doubts, how many are looked at anyway.
        unit: only this ward or team; null for all.
        profile: only conversations of this profile, as the sidecar named it.
        category: only questions of this category.
        reason: only answers that wait for this reason.
        upload_id: only this conversation.
    """

    units: Units
    audit_share: float
    unit: str | None = None
    profile: str | None = None
    category: str | None = None
    reason: Reason | None = None
    upload_id: UUID | None = None


def list_queue(connection: Connection, view: QueueView, *, limit: int, offset: int = 0) -> list[Row[Any]]:
    """Answers that wait: those over which opinions differ first, then the doubtful, then the sample; old ones first."""
    queue = _queue(view).subquery()
    rank = case({reason: i for i, reason in enumerate(REASONS)}, value=queue.c.reason)
    order = (rank, queue.c.is_safety_critical.desc(), queue.c.arrived_at, queue.c.upload_id, queue.c.question_id)
    return list(connection.execute(select(queue).order_by(*order).limit(limit).offset(offset)))


def count_queue(connection: Connection, view: QueueView) -> dict[Reason, int]:
    """How many answers wait for each reason."""
    queue = _queue(view).subquery()
    rows = connection.execute(select(queue.c.reason, func.count().label("n")).group_by(queue.c.reason))
    found = {row.reason: row.n for row in rows}
    return {reason: found.get(reason, 0) for reason in REASONS}


def list_conversations(connection: Connection, view: QueueView, *, limit: int) -> list[Row[Any]]:
    """Conversations with answers that wait, counted by reason: the safety-critical first, then the oldest."""
    queue = _queue(view).subquery()
    counts = [func.count().filter(queue.c.reason == reason).label(reason) for reason in REASONS]
    n_critical = func.count().filter(queue.c.is_safety_critical, queue.c.reason != "audit")
    facts = (queue.c.upload_id, queue.c.unit, queue.c.profile, queue.c.kind, queue.c.duration_s, queue.c.arrived_at)
    questions = func.array_agg(queue.c.question_text).label("question_texts")
    query = select(*facts, *counts, n_critical.label("n_critical"), questions).group_by(*facts)
    return list(connection.execute(query.order_by((n_critical > 0).desc(), queue.c.arrived_at).limit(limit)))


def list_choices(connection: Connection, view: QueueView) -> dict[str, list[str]]:
    """The units, profiles and categories by which this queue can be narrowed."""
    queue = _queue(view).subquery()
    columns = ("unit", "profile", "category")
    rows = connection.execute(select(*(queue.c[name] for name in columns)).distinct()).all()
    return {name: sorted({value for row in rows if (value := getattr(row, name)) is not None}) for name in columns}


def _queue(view: QueueView) -> Select[Any]:
    disagree = or_(answers.c.state == "conflicting", answers.c.review_reasons.contains(["providers_disagree"]))
    reason = case((disagree, "disagreement"), (answers.c.needs_review, "must_review"), else_="audit")
    # What was judged a minute ago is being scored again; its other answers go on waiting meanwhile.
    is_scored_now = and_(uploads.c.status.in_(("pending", "processing")), uploads.c.stage == "scores")
    narrowed = [
        column == wanted
        for column, wanted in (
            (uploads.c.id, view.upload_id),
            (uploads.c.unit, view.unit),
            (uploads.c.profile, view.profile),
            (answers.c.category, view.category),
            (reason, view.reason),
        )
        if wanted is not None
    ]
    return (
        select(
            answers.c.id.label("answer_id"), answers.c.upload_id, answers.c.question_id, answers.c.question_text,
            answers.c.category, answers.c.state, answers.c.answer_text, answers.c.confidence_score,
            answers.c.provider, answers.c.is_safety_critical, answers.c.review_reasons, reason.label("reason"),
            uploads.c.unit, uploads.c.profile, uploads.c.kind, uploads.c.duration_s,
            uploads.c.created_at.label("arrived_at"),
        )
        .join(uploads, uploads.c.id == answers.c.upload_id)
        .where(
            answers.c.is_current,
            answers.c.provider != REVIEWER,
            or_(uploads.c.status == "completed", is_scored_now),
            visible_to(view.units),
            or_(answers.c.needs_review, disagree, _is_drawn(view.audit_share)),
            *narrowed,
        )
    )  # fmt: skip


def _is_drawn(share: float) -> ColumnElement[bool]:
    """True for a fair sample of fresh answers that nobody doubts: the same ones each time and after every run.

    The draw hangs on conversation and question alone, so nobody can choose what is looked at, and what was judged once
    is not drawn again.
    """
    judged = answers.alias("judged")
    is_judged = exists().where(
        judged.c.upload_id == answers.c.upload_id,
        judged.c.question_id == answers.c.question_id,
        judged.c.provider == REVIEWER,
    )
    return and_(
        answers.c.state != "not_applicable",
        uploads.c.created_at > func.now() - func.make_interval(0, 0, 0, _AUDIT_DAYS),
        share * _FINEST > _DRAW,
        ~is_judged,
    )
