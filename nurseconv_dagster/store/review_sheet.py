"""What a reviewer has before them: one conversation with its transcript, its answers, and what was said of them.

What lives here: `Sheet` and `read_sheet()`; `find_upload_of()`, the way from an answer to its conversation.
When to add here: something that a reviewer has to see to judge.
What to keep out: how it looks (api), verdicts themselves (`reviews`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from nurseconv_dagster.errors import UnknownAnswerError, UnknownUploadError
from nurseconv_dagster.extraction.answers import Answer
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.answer_rows import answer_of
from nurseconv_dagster.store.listings import read_results
from nurseconv_dagster.store.results import decode_transcript
from nurseconv_dagster.store.review_queue import QueueView, Reason, list_queue
from nurseconv_dagster.store.tables import answer_reviews, conversation_transcriptions, question_answers
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.visibility import Units, visible_to

_MOST_QUESTIONS = 1000


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """A verdict and what it changed.

    Args:
        before: what stood there.
        after: what stands there since.
    """

    verdict: str
    reviewer: str
    reviewed_at: datetime
    notes: str | None
    before: Answer
    after: Answer


@dataclass(frozen=True, slots=True)
class SheetAnswer:
    """One current answer.

    Args:
        id: its row; what a verdict is given on.
        reason: why it waits for a verdict; null when it does not.
        past: verdicts on this question, oldest first.
    """

    id: UUID
    answer: Answer
    reason: Reason | None
    past: tuple[PastVerdict, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One conversation.

    Args:
        upload: its row.
        transcript: the one its answers point into; null when there is none yet, or it was erased.
        answers: in the order of the catalogue.
        overall_score: 0..100; null when there is none.
    """

    upload: Row[Any]
    transcript: Transcript | None
    answers: tuple[SheetAnswer, ...]
    overall_score: float | None


def read_sheet(connection: Connection, upload_id: UUID, units: Units, audit_share: float) -> Sheet:
    """The conversation as it stands now.

    Args:
        audit_share: `REVIEW_AUDIT_SHARE`, which says what waits in the audit sample.

    Raises:
        UnknownUploadError: permanent; there is none that somebody with these units may see.
    """
    upload = connection.execute(select(uploads).where(uploads.c.id == upload_id, visible_to(units))).first()
    if upload is None:
        raise UnknownUploadError(f"there is no upload {upload_id} that you may see.")
    transcription, rows, scores = read_results(connection, upload_id)
    if upload.status == "erased":
        return Sheet(upload, None, (), None)
    if rows and rows[-1].transcription_id != transcription.id:  # transcribed anew, answers are still being found
        old = select(conversation_transcriptions).where(conversation_transcriptions.c.id == rows[-1].transcription_id)
        transcription = connection.execute(old).one()
    waiting = list_queue(connection, QueueView(units, audit_share, upload_id=upload_id), limit=_MOST_QUESTIONS)
    reasons = {row.answer_id: row.reason for row in waiting}
    past = _read_past(connection, upload_id)
    return Sheet(
        upload,
        decode_transcript(transcription) if transcription is not None else None,
        tuple(
            SheetAnswer(row.id, answer_of(row), reasons.get(row.id), tuple(past.get(row.question_id, ())))
            for row in rows
        ),
        scores.overall_score if scores is not None else None,
    )


def find_upload_of(connection: Connection, answer_id: UUID, units: Units) -> UUID:
    """The upload that an answer belongs to.

    Raises:
        UnknownAnswerError: permanent; there is no answer that somebody with these units may see.
    """
    row = connection.execute(
        select(question_answers.c.upload_id)
        .join(uploads, uploads.c.id == question_answers.c.upload_id)
        .where(question_answers.c.id == answer_id, visible_to(units))
    ).first()
    if row is None:
        raise UnknownAnswerError(f"there is no answer {answer_id} that you may see.")
    upload_id: UUID = row.upload_id
    return upload_id


def _read_past(connection: Connection, upload_id: UUID) -> dict[str, list[PastVerdict]]:
    """Verdicts by question."""
    # Verdicts first: one that is given meanwhile brings an answer that is not among those read before.
    verdicts = connection.execute(
        select(answer_reviews)
        .where(answer_reviews.c.upload_id == upload_id, answer_reviews.c.resulting_answer_id.is_not(None))
        .order_by(answer_reviews.c.reviewed_at)
    ).all()
    answers = {
        row.id: answer_of(row)
        for row in connection.execute(select(question_answers).where(question_answers.c.upload_id == upload_id))
    }
    past: dict[str, list[PastVerdict]] = {}
    for row in verdicts:
        before, after = answers[row.question_answer_id], answers[row.resulting_answer_id]
        past.setdefault(after.question_id, []).append(
            PastVerdict(row.verdict, row.reviewer, row.reviewed_at, row.notes, before, after)
        )
    return past
