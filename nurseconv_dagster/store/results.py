"""Results: transcripts, answers and scores, one current row each; older runs stay and keep pointing where they did.

What lives here: `save_*` (inside a fenced transaction) and `load_*`.
When to add here: a result of a new stage.
What to keep out: frames for reporting (`reporting`), lists for people (`listings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, Table, and_, func, insert, select, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.extraction.answers import Answer, Extraction, ProviderCall
from nurseconv_dagster.scoring.scores import Scores
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.answer_rows import answer_of, answer_row
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import extraction_attempts
from nurseconv_dagster.store.standing import Standing, find_standing
from nurseconv_dagster.store.tables import conversation_scores, conversation_transcriptions, question_answers

NEVER_ENDED = "CallNeverEnded"
REVIEW_OUTDATED = "review_outdated"  # a person judged it on other words, or it was another question

_TRANSCRIPT_PLAIN = tuple(f.name for f in fields(Transcript) if f.name not in ("full_text", "segments"))
_CALL_PLAIN = tuple(f.name for f in fields(ProviderCall) if f.name not in ("question_ids", "latency_s"))
_CLAIM_COUNTS = tuple(f.name for f in fields(ProviderCall) if f.name.startswith("n_claims_"))


def save_transcript(connection: Connection, upload_id: UUID, transcript: Transcript) -> None:
    """The transcript is now the upload's current one; an earlier one stays with its answers."""
    run_no = _supersede(connection, conversation_transcriptions, upload_id)
    connection.execute(
        insert(conversation_transcriptions).values(
            upload_id=upload_id,
            run_no=run_no,
            is_current=True,
            full_text=codec.encode_text(transcript.full_text),
            segments=codec.encode_segments(transcript.segments),
            **{name: getattr(transcript, name) for name in _TRANSCRIPT_PLAIN},
        )
    )


def load_transcript(engine: Engine, upload_id: UUID, transcription_id: UUID | None = None) -> Transcript:
    """The upload's current transcript, or the one named."""
    which = _current(conversation_transcriptions, upload_id)
    if transcription_id is not None:
        which = select(conversation_transcriptions).where(conversation_transcriptions.c.id == transcription_id)
    with transaction(engine) as connection:
        return decode_transcript(connection.execute(which).one())


def decode_transcript(row: Row[Any]) -> Transcript:
    """The transcript of a row of `conversation_transcriptions`."""
    return Transcript(
        full_text=codec.decode_text(row.full_text),
        segments=codec.decode_segments(row.segments),
        **{name: getattr(row, name) for name in _TRANSCRIPT_PLAIN},
    )


def save_extraction(connection: Connection, upload_id: UUID, attempt: int, extraction: Extraction) -> None:
    """The answers are now the upload's current ones, pointing into its current transcript; every call is recorded.

    Where a reviewer has judged the same question on the same words, the verdict stays current and the answer is kept
    beside it.
    """
    transcript = connection.execute(_current(conversation_transcriptions, upload_id)).one()
    standing = find_standing(connection, upload_id, codec.decode_text(transcript.full_text), extraction.answers)
    shared = {
        "upload_id": upload_id,
        "transcription_id": transcript.id,
        "run_no": _supersede(connection, question_answers, upload_id),
    }
    if extraction.answers:
        connection.execute(
            insert(question_answers), [{**shared, **_beside(answer, standing)} for answer in extraction.answers]
        )
    stays = question_answers.c.id.in_(standing.kept.values())
    connection.execute(update(question_answers).where(stays).values(is_current=True))
    for call in extraction.calls:
        save_call(connection, upload_id, attempt, call)


def load_extraction(engine: Engine, upload_id: UUID) -> Extraction:
    """The upload's current answers, and all calls of the attempt that made them, in the order they were made."""
    with transaction(engine) as connection:
        answers = connection.execute(_current(question_answers, upload_id).order_by(question_answers.c.question_id))
        rows = list(answers)
        own = and_(extraction_attempts.c.upload_id == upload_id, extraction_attempts.c.challenge_id.is_(None))
        last = select(func.max(extraction_attempts.c.attempt)).where(own)
        calls = connection.execute(
            select(extraction_attempts)
            .where(own, extraction_attempts.c.attempt == last.scalar_subquery())
            .order_by(extraction_attempts.c.called_at, extraction_attempts.c.id)
        ).all()
    return Extraction(
        answers=tuple(answer_of(row) for row in rows),
        calls=tuple(_call(row) for row in calls),
        catalogue_version=max(rows, key=lambda row: row.run_no).catalogue_version if rows else "",
    )


def load_answers(engine: Engine, answer_ids: Sequence[str]) -> tuple[Answer, ...]:
    """The answers of these ids that are still there, current or not, by question."""
    wanted = select(question_answers).where(question_answers.c.id.in_([UUID(id_) for id_ in answer_ids]))
    with transaction(engine) as connection:
        return tuple(answer_of(row) for row in connection.execute(wanted.order_by(question_answers.c.question_id)))


def save_scores(connection: Connection, upload_id: UUID, scores: Scores) -> None:
    """The scores are now the upload's current ones."""
    run_no = _supersede(connection, conversation_scores, upload_id)
    connection.execute(
        insert(conversation_scores).values(upload_id=upload_id, run_no=run_no, is_current=True, **asdict(scores))
    )


def next_run_no(connection: Connection, table: Table, upload_id: UUID) -> int:
    """The number of the upload's next run in this table; its row must be locked."""
    last = select(func.coalesce(func.max(table.c.run_no), 0)).where(table.c.upload_id == upload_id)
    return int(connection.execute(last).scalar_one()) + 1


def _supersede(connection: Connection, table: Table, upload_id: UUID) -> int:
    """The next run number, after the current rows of the last run have stepped back."""
    mine = and_(table.c.upload_id == upload_id, table.c.is_current)
    connection.execute(update(table).where(mine).values(is_current=False))
    return next_run_no(connection, table, upload_id)


def _beside(answer: Answer, standing: Standing) -> dict[str, Any]:
    """A run's answer as a row: behind the verdict that stands, or asking for a new one where the old one does not."""
    if answer.question_id in standing.outdated:
        reasons = (*answer.review_reasons, REVIEW_OUTDATED)
        answer = replace(answer, needs_review=True, review_reasons=reasons)
    return {**answer_row(answer), "is_current": answer.question_id not in standing.kept}


def _current(table: Table, upload_id: UUID) -> Any:
    return select(table).where(table.c.upload_id == upload_id, table.c.is_current)


def save_call(
    connection: Connection, upload_id: UUID, attempt: int, call: ProviderCall, challenge_id: UUID | None = None
) -> None:
    """The call's row: what became of its claims on the row the desk settled, else a row of its own."""
    row = {**asdict(call), "n_claims_dropped": call.n_claims_dropped or {}}
    if call.id is None:
        del row["id"]
    statement = postgresql.insert(extraction_attempts).values(
        upload_id=upload_id, attempt=attempt, challenge_id=challenge_id, **row
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[extraction_attempts.c.id],
            set_={name: statement.excluded[name] for name in _CLAIM_COUNTS},
            where=extraction_attempts.c.upload_id == upload_id,
        )
    )


def _call(row: Row[Any]) -> ProviderCall:
    values = {name: getattr(row, name) for name in _CALL_PLAIN}
    if row.outcome == "started":  # its process died; the money it reserved is spent as far as anyone knows
        values |= {"outcome": "error", "error_class": NEVER_ENDED, "cost_usd": row.reserved_usd}
    return ProviderCall(**values, question_ids=tuple(row.question_ids), latency_s=row.latency_s or 0.0)
