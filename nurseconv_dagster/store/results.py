"""Results: transcripts, answers and scores, one current row each; older runs stay and keep pointing where they did.

What lives here: `save_*` (inside a fenced transaction) and `load_*`.
When to add here: a result of a new stage.
What to keep out: frames for reporting (`reporting`), lists for people (`listings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, Table, and_, func, insert, select, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.extraction.answers import Answer, Evidence, Extraction, ProviderCall
from nurseconv_dagster.scoring.scores import Scores
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import extraction_attempts
from nurseconv_dagster.store.tables import conversation_scores, conversation_transcriptions, question_answers

NEVER_ENDED = "CallNeverEnded"

_TRANSCRIPT_PLAIN = tuple(f.name for f in fields(Transcript) if f.name not in ("full_text", "segments"))
_CALL_PLAIN = tuple(f.name for f in fields(ProviderCall) if f.name not in ("question_ids", "latency_s"))
_CLAIM_COUNTS = tuple(f.name for f in fields(ProviderCall) if f.name.startswith("n_claims_"))
_ANSWER_PLAIN = tuple(f.name for f in fields(Answer) if f.name not in ("evidence", "review_reasons", "hops"))


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
    """The answers are now the upload's current ones, pointing into its current transcript; every call is recorded."""
    run_no = _supersede(connection, question_answers, upload_id)
    transcription_id: UUID = connection.execute(
        select(conversation_transcriptions.c.id).where(
            conversation_transcriptions.c.upload_id == upload_id, conversation_transcriptions.c.is_current
        )
    ).scalar_one()
    shared = {"upload_id": upload_id, "transcription_id": transcription_id, "run_no": run_no, "is_current": True}
    if extraction.answers:
        connection.execute(
            insert(question_answers), [{**shared, **_answer_row(answer)} for answer in extraction.answers]
        )
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
        answers=tuple(_answer(row) for row in rows),
        calls=tuple(_call(row) for row in calls),
        catalogue_version=rows[0].catalogue_version if rows else "",
    )


def load_answers(engine: Engine, answer_ids: Sequence[str]) -> tuple[Answer, ...]:
    """The answers of these ids that are still there, current or not, by question."""
    wanted = select(question_answers).where(question_answers.c.id.in_([UUID(id_) for id_ in answer_ids]))
    with transaction(engine) as connection:
        return tuple(_answer(row) for row in connection.execute(wanted.order_by(question_answers.c.question_id)))


def save_scores(connection: Connection, upload_id: UUID, scores: Scores) -> None:
    """The scores are now the upload's current ones."""
    run_no = _supersede(connection, conversation_scores, upload_id)
    connection.execute(
        insert(conversation_scores).values(upload_id=upload_id, run_no=run_no, is_current=True, **asdict(scores))
    )


def _supersede(connection: Connection, table: Table, upload_id: UUID) -> int:
    """The next run number, after the current rows of the last run have stepped back."""
    mine = table.c.upload_id == upload_id
    connection.execute(update(table).where(and_(mine, table.c.is_current)).values(is_current=False))
    last: int = connection.execute(select(func.coalesce(func.max(table.c.run_no), 0)).where(mine)).scalar_one()
    return last + 1


def _current(table: Table, upload_id: UUID) -> Any:
    return select(table).where(table.c.upload_id == upload_id, table.c.is_current)


def _answer_row(answer: Answer) -> dict[str, Any]:
    best = answer.evidence[0] if answer.evidence else None
    return {
        **{name: getattr(answer, name) for name in _ANSWER_PLAIN},
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


def _answer(row: Row[Any]) -> Answer:
    return Answer(
        **{name: getattr(row, name) for name in _ANSWER_PLAIN},
        review_reasons=tuple(row.review_reasons),
        hops=tuple(row.hops),
        evidence=tuple(Evidence(**{**item, "segment_ids": tuple(item["segment_ids"])}) for item in row.evidence),
    )


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
