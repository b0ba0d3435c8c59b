"""The pages of reviewers: the queue, one conversation, and the pieces of it that scripts ask for.

What lives here: the routes below `/review`.
When to add here: another page for reviewers.
What to keep out: verdicts (they go through the API, `api.reviews`), markup (templates).
"""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import Configured, Database, Words
from nurseconv_dagster.api.progress import Task, is_at_an_end, task_of
from nurseconv_dagster.api.review import labels
from nurseconv_dagster.api.review.cards import Card, card_of
from nurseconv_dagster.api.review.forms import field_of
from nurseconv_dagster.api.review.turns import turns_of
from nurseconv_dagster.api.templating import page
from nurseconv_dagster.errors import ReviewRefusedError, UnknownAnswerError, UnknownUploadError
from nurseconv_dagster.extraction.reviewing import states_for
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.review_queue import (
    REASONS,
    QueueView,
    Reason,
    count_queue,
    list_choices,
    list_conversations,
)
from nurseconv_dagster.store.review_sheet import Sheet, find_upload_of, read_sheet
from nurseconv_dagster.store.reviews import REVIEWABLE, find_question

_MOST_CONVERSATIONS = 100
_ENDS = {
    "erased": (410, "This conversation was erased", "Nothing of it is left, and nothing can bring it back."),
    "rejected": (200, "This file was not accepted", "There is nothing to review. Whoever sent it has been told why."),
    "failed": (200, "This conversation could not be processed", "An operator sees the reason and can run it again."),
    "cancelled": (200, "This conversation was cancelled", "An operator can run it again."),
}
_WORKING = (200, "This conversation is being processed", "Its answers appear here when they are found.")
_MISSING = (404, "There is no such conversation", "Or it belongs to a unit that you do not see.")
router = APIRouter(prefix="/review", include_in_schema=False)


class Narrowing(BaseModel):
    """How the queue is narrowed on the page; an empty choice is none."""

    unit: Words = ""
    profile: Words = ""
    category: Words = ""
    reason: Reason | None = None


@router.get("")
def show_queue(
    caller: Annotated[Caller, require("review")],
    engine: Database,
    settings: Configured,
    chosen: Annotated[Narrowing, Query()],
) -> HTMLResponse:
    """Conversations with answers that wait for a verdict."""
    whole = QueueView(caller.units, settings.review_audit_share)
    view = QueueView(
        caller.units, settings.review_audit_share, chosen.unit or None, chosen.profile or None,
        chosen.category or None, chosen.reason,
    )  # fmt: skip
    with audit.access(engine, caller.actor, "review.queue_read") as connection:
        counts = count_queue(connection, view)
        conversations = list_conversations(connection, view, limit=_MOST_CONVERSATIONS)
        choices = list_choices(connection, whole)
    return _page(
        "queue.html", caller, settings, counts=counts, conversations=conversations, choices=choices, chosen=chosen,
        reasons=REASONS, n_waiting=sum(counts.values()), default_profile=settings.default_profile,
    )  # fmt: skip


@router.get("/conversations/{upload_id}")
def show_conversation(
    upload_id: UUID, caller: Annotated[Caller, require("review")], engine: Database, settings: Configured
) -> HTMLResponse:
    """One conversation; a page with a reason where there is nothing to judge."""
    try:
        with audit.access(engine, caller.actor, "review.opened", upload_id) as connection:
            sheet = read_sheet(connection, upload_id, caller.units, settings.review_audit_share)
    except UnknownUploadError:
        return _message(*_MISSING, caller)
    end = _end_of(sheet)
    if end is not None:
        task = task_of(sheet.upload) if end == _WORKING else None
        return _message(*end, caller, task)
    assert sheet.transcript is not None  # noqa: S101 - _end_of() has answered otherwise
    cards = [card_of(item, sheet.transcript) for item in sheet.answers]
    return _page(
        "conversation.html", caller, settings,
        upload=sheet.upload, turns=turns_of(sheet.transcript), groups=_by_category(cards),
        n_waiting=sum(card.reason is not None for card in cards), n_answers=len(cards),
        has_audio=sheet.upload.kind == "audio" and sheet.upload.object_key is not None,
        overall_score=sheet.overall_score, is_scored=is_at_an_end(sheet.upload),
        default_profile=settings.default_profile,
    )  # fmt: skip


@router.get("/answers/{answer_id}")
def show_answer(
    answer_id: UUID, caller: Annotated[Caller, require("review")], engine: Database, settings: Configured
) -> HTMLResponse:
    """The card of one current answer, as a piece of the page."""
    sheet, card = _read_card(answer_id, caller, engine, settings)
    return _page("_card.html", caller, settings, card=card, has_audio=sheet.upload.kind == "audio")


@router.get("/answers/{answer_id}/form")
def show_form(
    answer_id: UUID, caller: Annotated[Caller, require("review")], engine: Database, settings: Configured
) -> HTMLResponse:
    """The form of a correction, as a piece of the page."""
    sheet, card = _read_card(answer_id, caller, engine, settings)
    assert sheet.transcript is not None  # noqa: S101 - it has an answer
    profile = sheet.upload.profile or settings.default_profile
    question = find_question(read_catalogue(settings), profile, card.answer.question_id)
    if question is None:
        raise ReviewRefusedError("the catalogue no longer asks this question; confirm it or mark it as not asked.")
    states = {state: labels.STATE_CHOICES[state] for state in states_for(question.value_type, sheet.transcript)}
    return _page(
        "_form.html", caller, settings, card=card, states=states, field=field_of(question, card.answer.answer_value)
    )


def _read_card(answer_id: UUID, caller: Caller, engine: Any, settings: Settings) -> tuple[Sheet, Card]:
    with audit.access(engine, caller.actor, "answer.read", answer_id) as connection:
        upload_id = find_upload_of(connection, answer_id, caller.units)
        sheet = read_sheet(connection, upload_id, caller.units, settings.review_audit_share)
        found = next((item for item in sheet.answers if item.id == answer_id), None)
        if found is None or sheet.transcript is None:
            raise UnknownAnswerError("this answer is not the current one any more; load the conversation again.")
    return sheet, card_of(found, sheet.transcript)


def _end_of(sheet: Sheet) -> tuple[int, str, str] | None:
    """Status, heading and sentence where there is nothing to judge; null where there is."""
    status, transcript = sheet.upload.status, sheet.transcript
    if not is_at_an_end(sheet.upload) and (status not in REVIEWABLE or not sheet.answers):
        return _WORKING
    if status not in REVIEWABLE:
        return _ENDS[status]
    if transcript is not None and transcript.outcome == "no_speech":
        return 200, "Nobody speaks in this recording", "There are no answers, and it counts in no score."
    if transcript is None or not sheet.answers:
        return 200, "This conversation has no answers", "No question was put to it; an operator can run it again."
    return None


def _by_category(cards: list[Card]) -> list[tuple[str, list[Card]]]:
    """Cards under the category of their question, categories in the order in which the profile reaches them."""
    order = list(dict.fromkeys(card.answer.category for card in cards))
    ordered = sorted(cards, key=lambda card: order.index(card.answer.category))
    return [(labels.plain(name), list(group)) for name, group in groupby(ordered, lambda card: card.answer.category)]


def _message(status: int, heading: str, sentence: str, caller: Caller, task: Task | None = None) -> HTMLResponse:
    """A page that says why there is nothing to judge; with a task, it follows that to its end."""
    return page("message.html", caller, status=status, heading=heading, sentence=sentence, task=task)


def _page(template: str, caller: Caller, settings: Settings, **values: Any) -> HTMLResponse:
    return page(template, caller, zone=settings.zone, **values)
