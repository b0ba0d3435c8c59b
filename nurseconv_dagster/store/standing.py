"""A reviewer's verdict outlives the next run: which of them still stand, and which a new run has left behind.

What lives here: `find_standing()`, asked whenever answers are about to be superseded.
When to add here: another reason why a verdict no longer holds.
What to keep out: giving a verdict (`reviews`), writing answers (`results`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import distinct_on

from nurseconv_dagster.extraction.answers import REVIEWER, Answer
from nurseconv_dagster.extraction.reviewing import same_outcome
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.answer_rows import answer_of
from nurseconv_dagster.store.tables import conversation_transcriptions as transcriptions
from nurseconv_dagster.store.tables import question_answers as answers


@dataclass(frozen=True, slots=True)
class Standing:
    """What earlier verdicts mean for a run's answers.

    Args:
        kept: by question, the row of the verdict that stays current; the run's own answer is kept beside it.
        outdated: questions that a person has judged on another transcript or another question, and that the run
            answers differently: its answer is current and asks to be looked at.
    """

    kept: dict[str, UUID]
    outdated: frozenset[str]


def find_standing(connection: Connection, upload_id: UUID, full_text: str, found: Iterable[Answer]) -> Standing:
    """Which verdicts stand: those about the same words and the same question.

    Args:
        full_text: of the transcript the answers were read from; to have heard the same words again changes nothing.
        found: the answers of the run, one per question.
    """
    latest = (
        select(answers, transcriptions.c.full_text)
        .join(transcriptions, transcriptions.c.id == answers.c.transcription_id)
        .where(answers.c.upload_id == upload_id, answers.c.provider == REVIEWER)
        .ext(distinct_on(answers.c.question_id))
        .order_by(answers.c.question_id, answers.c.run_no.desc())
    )
    by_question = {row.question_id: row for row in connection.execute(latest)}
    kept: dict[str, UUID] = {}
    outdated: set[str] = set()
    for answer in found:
        row = by_question.get(answer.question_id)
        if row is None:
            continue
        judged = answer_of(row)
        if codec.decode_text(row.full_text) == full_text and _is_same_question(judged, answer):
            kept[answer.question_id] = row.id
        elif not same_outcome(judged, answer):
            outdated.add(answer.question_id)
    return Standing(kept, frozenset(outdated))


def _is_same_question(one: Answer, other: Answer) -> bool:
    return (one.question_text, one.value_type) == (other.question_text, other.value_type)
