"""Lists for people: what is where, what went wrong, what may be exported; and the signs of life of running parts.

What lives here: reads for the command line and the API, and `beat()`.
When to add here: a list that a person asks for.
What to keep out: writes to the ledger, except the two wishes a person may have: `ask_restart()` and `ask_cancel()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, select, table, text, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.answer_rows import read_current
from nurseconv_dagster.store.codec import decode_segment_cell, decode_text
from nurseconv_dagster.store.endings import cancel_uploads
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import (
    STAGES,
    conversation_scores,
    conversation_transcriptions,
    conversation_uploads,
    heartbeats,
    question_answers,
    upload_receipts,
)

# The running part that beats while Dagster's daemon evaluates our sensors.
DAEMON = "dagster-daemon"
# What beats when somebody says that there is something new in the upload bucket.
BUCKET_EVENT = "bucket-event"
# What beats while the bucket can be listed and no file waits for a scanner that is away.
INTAKE = "intake"
EXPORTS = {"transcripts": conversation_transcriptions, "answers": question_answers, "scores": conversation_scores}


def count_by_status(engine: Engine) -> dict[str, int]:
    """How many uploads stand at each status."""
    query = select(conversation_uploads.c.status, func.count().label("n")).group_by(conversation_uploads.c.status)
    with transaction(engine) as connection:
        return {row.status: row.n for row in connection.execute(query)}


def count_open_by_stage(engine: Engine) -> dict[str, int]:
    """How many uploads wait for or are in each stage, in the order of the walk; empty when all are at an end."""
    stage, status = conversation_uploads.c.stage, conversation_uploads.c.status
    query = select(stage, func.count().label("n")).where(status.in_(("pending", "processing"))).group_by(stage)
    with transaction(engine) as connection:
        found = {row.stage: row.n for row in connection.execute(query)}
    return {stage: found[stage] for stage in STAGES if stage in found}


def list_uploads(engine: Engine, *, ids: Sequence[UUID] | None = None, limit: int | None = None) -> list[Any]:
    """Rows of `conversation_uploads`, newest first."""
    query = select(conversation_uploads).order_by(conversation_uploads.c.created_at.desc(), conversation_uploads.c.id)
    if ids is not None:
        query = query.where(conversation_uploads.c.id.in_(list(ids)))
    with transaction(engine) as connection:
        return list(connection.execute(query.limit(limit)))


def list_results(engine: Engine, upload_id: UUID) -> tuple[Any, list[Any], Any]:
    """The current transcription row, answer rows and score row of one upload; null where there is none."""
    with transaction(engine) as connection:
        return read_results(connection, upload_id)


def read_results(connection: Connection, upload_id: UUID) -> tuple[Any, list[Any], Any]:
    """The same inside a transaction; answers in the order of the catalogue."""

    def current(rows: Any) -> Any:
        return connection.execute(select(rows).where(rows.c.upload_id == upload_id, rows.c.is_current))

    found = read_current(connection, upload_id)
    return current(conversation_transcriptions).first(), found, current(conversation_scores).first()


def uploads_by_location(engine: Engine, folder: str) -> dict[str, UUID]:
    """The upload that each file below a folder of the bucket has become, by its place in the bucket."""
    query = (
        select(upload_receipts.c.location, upload_receipts.c.upload_id)
        .where(upload_receipts.c.source == "bucket", upload_receipts.c.location.startswith(f"{folder}/"))
        .order_by(upload_receipts.c.received_at)
    )
    with transaction(engine) as connection:
        return {row.location: row.upload_id for row in connection.execute(query)}


def transcribing_seconds(engine: Engine) -> tuple[float, float]:
    """Seconds spent on transcribing and seconds of audio, over all current transcripts."""
    found = conversation_transcriptions.c
    sums = select(func.sum(found.processing_time_s), func.sum(found.duration_s)).where(found.is_current)
    with transaction(engine) as connection:
        row = connection.execute(sums).one()
    return float(row[0] or 0), float(row[1] or 0)


def count_marts(engine: Engine) -> dict[str, int]:
    """How many rows each reporting table holds."""
    with transaction(engine) as connection:
        tables = connection.execute(
            text("select tablename as name from pg_tables where schemaname = 'marts' order by tablename")
        ).all()
        return {
            row.name: connection.execute(select(func.count()).select_from(table(row.name, schema="marts"))).scalar_one()
            for row in tables
        }


def export_columns(kind: str) -> dict[str, str]:
    """The columns of one kind of export, in order, each with its type in SQL ("INTEGER", "DATETIME", "JSONB")."""
    columns = (*EXPORTS[kind].columns, conversation_uploads.c.original_filename)
    return {column.name: str(column.type) for column in columns}


def export_rows(engine: Engine, kind: str, ids: Sequence[UUID] | None = None) -> Iterator[dict[str, Any]]:
    """Current rows of one kind (`transcripts`, `answers`, `scores`) with the columns of `export_columns()`.

    Uploads come in the order of their arrival, answers in the order they were written in.
    """
    rows = EXPORTS[kind]
    written_at = rows.c.calculated_at if kind == "scores" else rows.c.created_at
    query = (
        select(rows, conversation_uploads.c.original_filename)
        .join(conversation_uploads, conversation_uploads.c.id == rows.c.upload_id)
        .where(rows.c.is_current, conversation_uploads.c.status != "erased")
        .order_by(conversation_uploads.c.created_at, rows.c.upload_id, written_at, rows.c.id)
    )
    if ids is not None:
        query = query.where(rows.c.upload_id.in_(list(ids)))
    with transaction(engine) as connection:
        for row in connection.execution_options(yield_per=200).execute(query):
            values = dict(row._mapping)
            if kind == "transcripts":
                values["full_text"] = decode_text(values["full_text"])
                values["segments"] = decode_segment_cell(values["segments"])
            yield values


def list_transcribed(engine: Engine) -> list[UUID]:
    """The uploads that have a transcript, in the order of their arrival."""
    query = (
        select(conversation_uploads.c.id)
        .join(conversation_transcriptions, conversation_transcriptions.c.upload_id == conversation_uploads.c.id)
        .where(conversation_transcriptions.c.is_current, conversation_uploads.c.status != "erased")
        .order_by(conversation_uploads.c.created_at, conversation_uploads.c.id)
    )
    with transaction(engine) as connection:
        return list(connection.execute(query).scalars())


def ask_restart(engine: Engine, upload_id: UUID, stage: str, actor: str) -> str:
    """The upload's status before; it goes back to work from `stage` once nothing is running on it.

    Raises:
        UnknownUploadError: no such upload, or its content is not in the vault and has to be sent again.
    """
    with transaction(engine) as connection:
        row = connection.execute(
            update(conversation_uploads)
            .where(
                conversation_uploads.c.id == upload_id,
                conversation_uploads.c.object_key.is_not(None),
                conversation_uploads.c.status != "erased",
            )
            .values(restart_from=stage)
            .returning(conversation_uploads.c.status)
        ).first()
        if row is None:
            raise UnknownUploadError(
                f"no upload {upload_id} can be run again: the id is unknown, it was erased, or its file was refused at "
                "the door and has to be sent again once it is mended. `nurseconv status` lists ids and reasons."
            )
        audit.record(connection, actor, "upload.restarted", str(upload_id), {"from": stage})
        return str(row.status)


def ask_cancel(connection: Connection, upload_id: UUID, actor: str) -> None:
    """One that waits is cancelled now, one in work before its next stage begins; at an end nothing changes."""
    mine = conversation_uploads.c.id == upload_id
    cancel_uploads(connection, mine, conversation_uploads.c.status == "pending")
    connection.execute(
        update(conversation_uploads)
        .where(mine, conversation_uploads.c.status == "processing")
        .values(cancel_requested_at=func.clock_timestamp())
    )
    connection.execute(update(conversation_uploads).where(mine).values(restart_from=None))
    audit.record(connection, actor, "upload.cancel_asked", str(upload_id), {})


def beat(engine: Engine, name: str, versions: dict[str, str]) -> None:
    """This running part is alive now."""
    statement = postgresql.insert(heartbeats).values(name=name, beat_at=func.clock_timestamp(), versions=versions)
    fresh = {"beat_at": statement.excluded.beat_at, "versions": statement.excluded.versions}
    with transaction(engine) as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=fresh))


def silence(engine: Engine, name: str) -> None:
    """This part does not run: nobody waits for it, as they would for one that has beaten lately."""
    with transaction(engine) as connection:
        connection.execute(delete(heartbeats).where(heartbeats.c.name == name))


def last_beats(engine: Engine) -> dict[str, datetime]:
    """When each running part last said that it is alive."""
    with transaction(engine) as connection:
        return {row.name: row.beat_at for row in connection.execute(select(heartbeats))}


def daemon_is_alive(engine: Engine, reconcile_every_s: float) -> bool:
    """Whether a Dagster daemon has said so lately; then it does the work and nobody else."""
    beat_at = last_beats(engine).get(DAEMON)
    return beat_at is not None and (datetime.now(UTC) - beat_at).total_seconds() < 2 * reconcile_every_s + 15
