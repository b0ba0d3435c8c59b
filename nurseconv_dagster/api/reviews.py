"""Reviews for programs and for the page: a verdict on an answer, and what waits for one.

What lives here: `POST /answers/{id}/reviews`, `GET /reviews/queue`.
When to add here: a route about verdicts that answers JSON.
What to keep out: the page (`review`), what a verdict means (`extraction.reviewing`, `store.reviews`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Configured, Database, Words
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.errors import ReviewRefusedError
from nurseconv_dagster.extraction.answers import State
from nurseconv_dagster.extraction.reviewing import Correction, ReviewVerdict
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.review_queue import QueueView, Reason, count_queue, list_queue
from nurseconv_dagster.store.reviews import NewReview, review_answer

_LARGEST_NUMBER = 1e15  # meant or not, nothing of a patient measures more; whole numbers are exact below
router = APIRouter(prefix=PREFIX, tags=["reviews"])


class Span(BaseModel):
    """A stretch of the transcript, in code points."""

    model_config = ConfigDict(extra="forbid")
    start_char: int = Field(ge=0)
    end_char: int = Field(ge=1, description="one past the last character")


def _refuse_unstorable(value: JsonValue) -> JsonValue:
    """The value, if the tables can hold every text in it, and the reports reckon with every number."""
    if isinstance(value, str):
        if b"\0" in value.encode():  # half a surrogate pair does not encode, which is a ValueError too
            raise ValueError
    elif isinstance(value, (int, float)):
        if abs(value) > _LARGEST_NUMBER:
            raise ValueError
    elif value is not None:
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_unstorable(item)
    return value


class Review(BaseModel):
    """A verdict on the answer as it stands."""

    model_config = ConfigDict(extra="forbid")
    verdict: ReviewVerdict
    corrected_state: State | None = Field(None, description="with `corrected`; answered when left out")
    corrected_value: Annotated[JsonValue, AfterValidator(_refuse_unstorable)] = Field(
        None, description="in the shape of the question's schema; with `answered` only"
    )
    evidence: list[Span] = Field([], max_length=20, description="what proves a correction; may be empty")
    accept_implausible: bool = Field(False, description="the value is meant, though it is outside its plausible range")
    notes: Words | None = Field(None, max_length=2000, description="for other reviewers")


class Reviewed(BaseModel):
    """The answer that took the judged one's place."""

    id: UUID = Field(description="of the review")
    upload_id: UUID
    answer_id: UUID = Field(description="of the answer that is current now; a further review is about this one")
    question_id: str
    state: State
    answer_text: str | None
    is_valid: bool
    reviewed_at: datetime


class QueuePage(BaseModel):
    """Which part of the queue is asked for."""

    model_config = ConfigDict(extra="forbid")
    unit: Words | None = None
    profile: Words | None = None
    category: Words | None = None
    reason: Reason | None = None
    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=1_000_000)


class Waiting(BaseModel):
    """An answer that waits for a verdict."""

    model_config = ConfigDict(from_attributes=True)
    answer_id: UUID
    upload_id: UUID
    question_id: str
    question_text: str
    category: str
    state: State
    answer_text: str | None
    confidence_score: float | None
    provider: str
    is_safety_critical: bool
    reason: Reason
    review_reasons: list[str]
    unit: str | None
    profile: str | None
    arrived_at: datetime


class Queue(BaseModel):
    """A page of what waits, and how much waits in all."""

    counts: dict[Reason, int]
    answers: list[Waiting]


@router.post(
    "/answers/{answer_id}/reviews",
    summary="Confirm or correct an answer",
    status_code=201,
    responses=answers(400, 404, 409),
)
def add_review(
    answer_id: UUID,
    review: Review,
    caller: Annotated[Caller, require("review")],
    engine: Database,
    settings: Configured,
) -> Reviewed:
    """The verdict takes the answer's place; scores and reports follow by themselves."""
    catalogue = read_catalogue(settings)
    with audit.refusals(engine, caller.actor, "answer.reviewed", answer_id), transaction(engine) as connection:
        said = NewReview(answer_id, review.verdict, caller.actor, _correction(review), review.notes or None)
        made = review_answer(connection, said, caller.units, catalogue, settings.default_profile)
    answer = made.answer
    return Reviewed(
        id=made.review_id, upload_id=made.upload_id, answer_id=made.answer_id, question_id=answer.question_id,
        state=answer.state, answer_text=answer.answer_text, is_valid=answer.is_valid, reviewed_at=made.reviewed_at,
    )  # fmt: skip


@router.get("/reviews/queue", summary="List answers that wait for a reviewer", responses=answers())
def read_queue(
    caller: Annotated[Caller, require("review")],
    engine: Database,
    settings: Configured,
    page: Annotated[QueuePage, Query()],
) -> Queue:
    """Answers that wait for a verdict: differing opinions, then doubtful ones, then the audit sample."""
    narrowed = page.model_dump(include={"unit", "profile", "category", "reason"})
    view = QueueView(caller.units, settings.review_audit_share, **narrowed)
    with audit.access(engine, caller.actor, "review.queue_read") as connection:
        rows = list_queue(connection, view, limit=page.limit, offset=page.offset)
        return Queue(counts=count_queue(connection, view), answers=[Waiting.model_validate(row) for row in rows])


def _correction(review: Review) -> Correction | None:
    """What a corrected answer should be; nothing for the other verdicts.

    Raises:
        ReviewRefusedError: permanent; a correction was sent with another verdict.
    """
    if review.verdict == "corrected":
        spans = tuple((span.start_char, span.end_char) for span in review.evidence)
        state = review.corrected_state or "answered"
        return Correction(state, review.corrected_value, spans, review.accept_implausible)
    if review.corrected_state is not None or review.corrected_value is not None or review.evidence:
        raise ReviewRefusedError("corrected_state, corrected_value and evidence belong to the verdict corrected alone.")
    return None
