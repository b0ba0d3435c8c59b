"""What the verdicts add up to: who agrees with whom, and how right answers of a given confidence are.

What lives here: `read_figures()`.
When to add here: a figure over verdicts.
What to keep out: formulas (`scoring.agreement`, `evaluation.calibration`), the queue (`review_queue`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from nurseconv_dagster.evaluation.calibration import NARROW_AT_THE_TOP, Calibration, calibrate
from nurseconv_dagster.extraction.answers import Answer
from nurseconv_dagster.extraction.reviewing import ReviewVerdict, same_outcome
from nurseconv_dagster.scoring.agreement import Agreement, cohens_kappa
from nurseconv_dagster.store.answer_rows import answer_of
from nurseconv_dagster.store.tables import answer_reviews, question_answers
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.visibility import Units, visible_to


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one reviewer says of one answer of a program, whatever stood there when it was said.

    Args:
        subject: the program's answer; a verdict on another reviewer's verdict is about it too.
        reviewer: who.
        verdict: confirmed where the reviewer says the same as the program.
        confidence: the program's, 0..1; null unless answered, denied or conflicting.
        was_doubted: the program asked for the review; else it was drawn for the audit, or opened by a person.
    """

    subject: UUID
    reviewer: str
    verdict: ReviewVerdict
    confidence: float | None
    was_doubted: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures over the verdicts that a caller may see.

    Args:
        n_by_verdict: latest verdict per answer.
        agreement: of the first two reviewers of each answer that two have judged.
        doubted: calibration over answers that asked for a review.
        undoubted: calibration over all others: what the audit sample is for.
    """

    n_by_verdict: dict[str, int]
    agreement: Agreement
    doubted: Calibration
    undoubted: Calibration


def read_figures(connection: Connection, units: Units) -> Figures:
    """The figures, over answers of uploads that somebody with these units may see and that are not erased."""
    judgements = _read_judgements(connection, units)
    latest = {item.subject: item for item in judgements}.values()
    return Figures(
        dict(Counter(item.verdict for item in latest)),
        cohens_kappa(_first_two(judgements)),
        calibrate(_confidences(item for item in latest if item.was_doubted), NARROW_AT_THE_TOP),
        calibrate(_confidences(item for item in latest if not item.was_doubted), NARROW_AT_THE_TOP),
    )


def _read_judgements(connection: Connection, units: Units) -> list[Judgement]:
    """Oldest first. A verdict on a verdict is followed back to the program's answer."""
    query = (
        select(answer_reviews.c.question_answer_id, answer_reviews.c.resulting_answer_id, answer_reviews.c.reviewer)
        .join(uploads, uploads.c.id == answer_reviews.c.upload_id)
        .where(answer_reviews.c.resulting_answer_id.is_not(None), uploads.c.status != "erased", visible_to(units))
        .order_by(answer_reviews.c.reviewed_at)
    )
    reviews = connection.execute(query).all()
    subjects: dict[UUID, UUID] = {}
    for review in reviews:
        judged: UUID = review.question_answer_id
        subjects[review.resulting_answer_id] = subjects.get(judged, judged)
    answers = _read_answers(connection)
    return [
        _compare(subjects[review.resulting_answer_id], review.reviewer, answers, answers[review.resulting_answer_id])
        for review in reviews
    ]


def _read_answers(connection: Connection) -> dict[UUID, Answer]:
    """Every answer that was judged or made by a verdict."""
    judged = select(answer_reviews.c.question_answer_id)
    ids = judged.union(select(answer_reviews.c.resulting_answer_id))
    rows = connection.execute(select(question_answers).where(question_answers.c.id.in_(ids)))
    return {row.id: answer_of(row) for row in rows}


def _compare(subject: UUID, reviewer: str, answers: dict[UUID, Answer], said: Answer) -> Judgement:
    program = answers[subject]
    verdict: ReviewVerdict = "not_asked" if said.state == "not_asked" else "corrected"
    if same_outcome(program, said):
        verdict = "confirmed"
    return Judgement(subject, reviewer, verdict, program.confidence_score, program.needs_review)


def _first_two(judgements: Sequence[Judgement]) -> list[tuple[str, str]]:
    """For each answer that two have judged what the first two came to; each one's last word counts."""
    by_subject: dict[UUID, dict[str, str]] = {}
    for item in judgements:
        by_subject.setdefault(item.subject, {})[item.reviewer] = item.verdict
    return [(words[0], words[1]) for said in by_subject.values() if len(words := list(said.values())) > 1]


def _confidences(judgements: Iterable[Judgement]) -> list[tuple[float, bool]]:
    return [(item.confidence, item.verdict == "confirmed") for item in judgements if item.confidence is not None]
