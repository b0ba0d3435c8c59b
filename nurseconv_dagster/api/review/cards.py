"""One answer as a card of the page.

What lives here: `Card`, `card_of()`, and the review that would put back what stood there before.
When to add here: something that a reviewer must see of an answer.
What to keep out: words for codes (`labels`), markup (templates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nurseconv_dagster.api.review.labels import DOUBTS, PROVIDERS, STATES, plain
from nurseconv_dagster.extraction.answers import REVIEWER, Answer
from nurseconv_dagster.extraction.reviewing import same_outcome, states_for
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.review_queue import Reason
from nurseconv_dagster.store.review_sheet import PastVerdict, SheetAnswer


@dataclass(frozen=True, slots=True)
class Card:
    """What the template shows.

    Args:
        id: of the answer; a verdict is given on it.
        answer: all of it.
        state: its state in words.
        text: what was answered; "" where nothing was.
        percent: confidence, 0..100; null where there is none.
        said_by: who answered.
        reason: why it waits for a verdict; null when it does not.
        doubts: why somebody doubts it, in words.
        past: verdicts, newest first.
        undo: the body of the review that puts back what stood there before the last verdict; null when none can.
    """

    id: str
    answer: Answer
    state: str
    text: str
    percent: int | None
    said_by: str
    reason: Reason | None
    doubts: tuple[str, ...]
    past: tuple[PastVerdict, ...]
    undo: dict[str, Any] | None

    @property
    def is_reviewed(self) -> bool:
        """Whether a person has judged what stands there."""
        return self.answer.provider == REVIEWER


def card_of(item: SheetAnswer, transcript: Transcript) -> Card:
    """The card of one answer."""
    answer = item.answer
    return Card(
        id=str(item.id),
        answer=answer,
        state=STATES[answer.state],
        text=answer.answer_text or "",
        percent=None if answer.confidence_score is None else round(100 * answer.confidence_score),
        said_by=PROVIDERS.get(answer.provider, plain(answer.provider)),
        reason=item.reason,
        doubts=tuple(DOUBTS.get(reason, plain(reason)) for reason in answer.review_reasons),
        past=item.past[::-1],
        undo=_undo(item.past[-1], transcript) if item.past else None,
    )


def spans_of(answer: Answer) -> list[dict[str, int]]:
    """Where its evidence stands, as the API takes it."""
    return [{"start_char": item.start_char, "end_char": item.end_char} for item in answer.evidence]


def _undo(last: PastVerdict, transcript: Transcript) -> dict[str, Any] | None:
    before = last.before
    if same_outcome(before, last.after):
        return None
    if before.state == "not_asked":
        return {"verdict": "not_asked"}
    is_answered = before.state == "answered"
    if before.state not in states_for(before.value_type, transcript) or (is_answered and before.answer_value is None):
        return None
    return {
        "verdict": "corrected",
        "corrected_state": before.state,
        "corrected_value": before.answer_value if is_answered else None,
        "evidence": spans_of(before),
        "accept_implausible": not before.is_valid,
    }
