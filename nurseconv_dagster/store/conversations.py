"""One conversation as it stands: its upload, what was said, what was answered, who looked at it.

What lives here: `Conversation`, `load_conversation()`.
When to add here: a row that whoever shows or hands on a whole conversation needs.
What to keep out: lists over many uploads (`listings`), results on their way to the next stage (`results`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.answer_rows import read_current
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.results import decode_transcript
from nurseconv_dagster.store.tables import (
    answer_reviews,
    conversation_transcriptions,
    conversation_uploads,
    question_answers,
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Rows of one upload that belong together.

    Args:
        upload: its row of `conversation_uploads`.
        transcription: its row of `conversation_transcriptions`: the one its answers were read from, while there are
            answers, else the current one; null before it was transcribed.
        transcript: the same, decoded.
        answers: current rows of `question_answers`, in the catalogue's order.
        reviews: the newest row of `answer_reviews` by question id, whichever run of the question it is about.
    """

    upload: Any
    transcription: Any
    transcript: Transcript | None
    answers: tuple[Any, ...]
    reviews: dict[str, Any]


def load_conversation(engine: Engine, upload_id: UUID) -> Conversation:
    """The upload with its transcript, answers and reviews.

    Raises:
        UnknownUploadError: permanent; no such upload, or it was erased.
    """
    with transaction(engine) as connection:
        uploads = conversation_uploads.c
        upload = connection.execute(
            select(conversation_uploads).where(uploads.id == upload_id, uploads.status != "erased")
        ).first()
        if upload is None:
            raise UnknownUploadError(
                f"there is no upload {upload_id}: the id is unknown, or the upload was erased. "
                "`nurseconv status` lists ids."
            )
        answers = tuple(read_current(connection, upload_id))
        transcription = _transcription(connection, upload_id, answers)
        return Conversation(
            upload=upload,
            transcription=transcription,
            transcript=None if transcription is None else decode_transcript(transcription),
            answers=answers,
            reviews=_newest_reviews(connection, upload_id),
        )


def _transcription(connection: Connection, upload_id: UUID, answers: tuple[Any, ...]) -> Any:
    """While an upload is run again, its answers still point into the transcript before."""
    rows = conversation_transcriptions
    wanted = rows.c.id == answers[0].transcription_id if answers else rows.c.is_current
    return connection.execute(select(rows).where(rows.c.upload_id == upload_id, wanted)).first()


def _newest_reviews(connection: Connection, upload_id: UUID) -> dict[str, Any]:
    query = (
        select(answer_reviews, question_answers.c.question_id)
        .join(question_answers, question_answers.c.id == answer_reviews.c.question_answer_id)
        .where(answer_reviews.c.upload_id == upload_id)
        .order_by(answer_reviews.c.reviewed_at, answer_reviews.c.id)
    )
    return {row.question_id: row for row in connection.execute(query)}
