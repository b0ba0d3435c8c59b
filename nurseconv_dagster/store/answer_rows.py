"""An answer as columns of `question_answers`, and back.

What lives here: `answer_row()`, `answer_of()`; `read_current()`, an upload's current rows in order, and
`read_machine()`, the same without the verdicts of people.
When to add here: nothing while a field of `Answer` and its column have the same name.
What to keep out: which row is current (`results`, `reviews`).
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import distinct_on

from nurseconv_dagster.extraction.answers import REVIEWER, Answer, Evidence
from nurseconv_dagster.store.tables import question_answers

_PLAIN = tuple(f.name for f in fields(Answer) if f.name not in ("evidence", "review_reasons", "hops"))


def answer_row(answer: Answer) -> dict[str, Any]:
    """The columns of an answer: its own fields, and those of its best evidence."""
    best = answer.evidence[0] if answer.evidence else None
    return {
        **{name: getattr(answer, name) for name in _PLAIN},
        "review_reasons": list(answer.review_reasons),
        "hops": list(answer.hops),
        "evidence": [asdict(item) for item in answer.evidence],
        "context_start_char": best.start_char if best else None,
        "context_end_char": best.end_char if best else None,
        "timestamp_start_s": best.start_s if best else None,
        "timestamp_end_s": best.end_s if best else None,
        "evidence_quote": best.quote if best else None,
        "evidence_grade": best.grade if best else None,
        "speaker_role": best.role if best else None,
    }


def answer_of(row: Row[Any]) -> Answer:
    """The answer that a row holds."""
    return Answer(
        **{name: getattr(row, name) for name in _PLAIN},
        review_reasons=tuple(row.review_reasons),
        hops=tuple(row.hops),
        evidence=tuple(Evidence(**{**item, "segment_ids": tuple(item["segment_ids"])}) for item in row.evidence),
    )


def read_current(connection: Connection, upload_id: UUID) -> list[Row[Any]]:
    """The upload's current answers in the order of the catalogue."""
    mine = question_answers.c.upload_id == upload_id
    # A run writes its rows in the catalogue's order, each with the time of its own writing; verdicts come later.
    runs = (
        select(question_answers.c.question_id, question_answers.c.created_at)
        .where(mine, question_answers.c.provider != REVIEWER)
        .order_by(question_answers.c.run_no)
    )
    asked_at = {row.question_id: row.created_at for row in connection.execute(runs)}
    rows = connection.execute(select(question_answers).where(mine, question_answers.c.is_current))
    return sorted(rows, key=lambda row: asked_at.get(row.question_id, row.created_at))


def read_machine(connection: Connection, upload_id: UUID) -> list[Row[Any]]:
    """What the system says of the same questions, in the same order: where a reviewer has judged, the answer below."""
    newest = (
        select(question_answers)
        .where(question_answers.c.upload_id == upload_id, question_answers.c.provider != REVIEWER)
        .ext(distinct_on(question_answers.c.question_id))
        .order_by(question_answers.c.question_id, question_answers.c.run_no.desc())
    )
    said = {row.question_id: row for row in connection.execute(newest)}
    return [said[row.question_id] for row in read_current(connection, upload_id)]
