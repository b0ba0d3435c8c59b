"""A reviewer's verdict on one answer: written down, and the answer superseded by what the reviewer says.

What lives here: `review_answer()` with what it takes and gives.
When to add here: something that a verdict must set in motion.
What to keep out: what a verdict makes of an answer (`extraction.reviewing`), what waits for one (`review_queue`), what
reviewers look at (`review_sheet`), and what becomes of a verdict when the upload is run again (`standing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, update

from nurseconv_dagster.errors import (
    AnswerSupersededError,
    NotReviewableError,
    ReviewRefusedError,
    UnknownAnswerError,
)
from nurseconv_dagster.extraction.answers import Answer
from nurseconv_dagster.extraction.questions import Catalogue, Question
from nurseconv_dagster.extraction.reviewing import Correction, ReviewVerdict, confirm, correct, mark_not_asked
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.answer_rows import answer_of, answer_row
from nurseconv_dagster.store.results import decode_transcript, next_run_no
from nurseconv_dagster.store.tables import answer_reviews, conversation_transcriptions, question_answers
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.visibility import Units, visible_to

# A verdict on anything else would change what nobody reads, or put back to work what a person stopped.
REVIEWABLE = ("completed", "pending", "processing")


@dataclass(frozen=True, slots=True)
class NewReview:
    """What a reviewer says.

    Args:
        answer_id: the answer that was looked at; it must still be the current one.
        verdict: confirmed, corrected or not_asked.
        reviewer: who, as it stands in the audit log.
        correction: what the answer should be; for corrected only.
        notes: the reviewer's own words, for other reviewers.
    """

    answer_id: UUID
    verdict: ReviewVerdict
    reviewer: str
    correction: Correction | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was made of a review: the answer that is current now."""

    review_id: UUID
    upload_id: UUID
    answer_id: UUID
    reviewed_at: datetime
    answer: Answer


def review_answer(
    connection: Connection, review: NewReview, units: Units, catalogue: Catalogue, default_profile: str
) -> Reviewed:
    """The answer that takes the judged one's place; the upload is scored again and reaches the marts by itself.

    Call inside a transaction: all of it is written, or nothing.

    Args:
        units: what the reviewer may see.
        catalogue: of today; a correction must fit its question.
        default_profile: of uploads that name none.

    Raises:
        UnknownAnswerError: permanent; there is none that this reviewer may see.
        AnswerSupersededError: permanent; somebody else was faster.
        NotReviewableError: permanent; the upload is not one whose answers count.
        ReviewRefusedError: permanent; the correction does not fit the question.
    """
    upload, row = _lock(connection, review.answer_id, units)
    transcript = _transcript_read_from(connection, row.transcription_id)
    if transcript.outcome == "no_speech":
        raise NotReviewableError(f"upload {upload.id} holds no speech, so there is nothing that was said to judge.")
    judged = answer_of(row)
    profile = upload.profile or default_profile
    answer = _judge(review, judged, transcript, catalogue, find_question(catalogue, profile, judged.question_id))
    connection.execute(update(question_answers).where(question_answers.c.id == row.id).values(is_current=False))
    answer_id: UUID = connection.execute(
        insert(question_answers)
        .values(
            upload_id=row.upload_id,
            transcription_id=row.transcription_id,
            run_no=next_run_no(connection, question_answers, row.upload_id),
            is_current=True,
            **answer_row(answer),
        )
        .returning(question_answers.c.id)
    ).scalar_one()
    written = _write_down(connection, review, row.upload_id, answer_id, answer)
    _score_again(connection, row.upload_id)
    details = {"question": answer.question_id, "verdict": review.verdict, "state": answer.state}
    audit.record(connection, review.reviewer, "answer.reviewed", str(row.upload_id), details)
    return Reviewed(written.id, row.upload_id, answer_id, written.reviewed_at, answer)


def find_question(catalogue: Catalogue, profile: str, question_id: str) -> Question | None:
    """As the upload's profile asks it; null when the catalogue has no such profile or question any more."""
    asked = catalogue.profiles.get(profile)
    return next((question for question in asked.questions if question.id == question_id), None) if asked else None


def _lock(connection: Connection, answer_id: UUID, units: Units) -> tuple[Row[Any], Row[Any]]:
    """The upload's row, locked against runs and other reviewers, and the answer's row, which is current."""
    mine = select(question_answers.c.upload_id).where(question_answers.c.id == answer_id)
    upload = connection.execute(
        select(uploads).where(uploads.c.id == mine.scalar_subquery(), visible_to(units)).with_for_update()
    ).first()
    if upload is None:
        raise UnknownAnswerError("there is no such answer that you may see; the queue lists those that wait.")
    if upload.status not in REVIEWABLE:
        raise NotReviewableError(
            f"upload {upload.id} is {upload.status}: a verdict on its answers would reach nobody. "
            "Once it has been run again its answers can be judged."
        )
    row = connection.execute(select(question_answers).where(question_answers.c.id == answer_id)).one()
    if not row.is_current:
        raise AnswerSupersededError(
            "this answer was replaced while you looked at it, by another reviewer or a new run; "
            "load the conversation again and judge the answer that stands there now."
        )
    return upload, row


def _transcript_read_from(connection: Connection, transcription_id: UUID) -> Transcript:
    """The one the answer points into; a newer one may be there whose answers are still being found."""
    rows = select(conversation_transcriptions).where(conversation_transcriptions.c.id == transcription_id)
    return decode_transcript(connection.execute(rows).one())


def _judge(
    review: NewReview, judged: Answer, transcript: Transcript, catalogue: Catalogue, question: Question | None
) -> Answer:
    if (review.correction is not None) is not (review.verdict == "corrected"):
        raise ReviewRefusedError("a correction belongs to the verdict corrected, and to no other.")
    if review.correction is None:
        return confirm(judged) if review.verdict == "confirmed" else mark_not_asked(judged)
    if question is None or question.value_type != judged.value_type:
        raise ReviewRefusedError(
            "the catalogue no longer asks this question in this form; run the upload's answers again "
            "(`nurseconv retry ID --from answers`) before you correct them."
        )
    return correct(judged, question, transcript, review.correction, catalogue.version)


def _write_down(
    connection: Connection, review: NewReview, upload_id: UUID, answer_id: UUID, answer: Answer
) -> Row[Any]:
    return connection.execute(
        insert(answer_reviews)
        .values(
            question_answer_id=review.answer_id,
            resulting_answer_id=answer_id,
            upload_id=upload_id,
            verdict=review.verdict,
            corrected_value=answer.answer_value if review.verdict == "corrected" else None,
            reviewer=review.reviewer,
            notes=review.notes,
        )
        .returning(answer_reviews.c.id, answer_reviews.c.reviewed_at)
    ).one()


def _score_again(connection: Connection, upload_id: UUID) -> None:
    """Scores and marts follow; a wish to begin at an earlier stage stays, since scores come after it anyway."""
    connection.execute(
        update(uploads)
        .where(uploads.c.id == upload_id)
        .values(restart_from=func.coalesce(uploads.c.restart_from, "scores"))
    )
