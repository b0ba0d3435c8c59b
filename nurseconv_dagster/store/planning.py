"""Which uploads are due, and in which runs: the ledger decides, Dagster only carries it out.

What lives here: `request_runs()`, which turns waiting rows into planned runs, and `open_requests()`, the plans whose
run may not exist yet. A run is one upload, or a contiguous range of partitions that wait for the same stage.
When to add here: a rule about who goes first or who may ride together.
What to keep out: Dagster (a plan is a plain value), and what happens inside a run (claims).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, Row, Text, and_, case, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from nurseconv_dagster.store.endings import cancel_uploads
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import STAGES
from nurseconv_dagster.store.tables import conversation_uploads as uploads

# A guess for planning only, until the decoder has measured: the bit rate of compressed speech.
_BYTES_PER_AUDIO_SECOND = 4000
_LOCK = "select pg_advisory_xact_lock(hashtext('nurseconv:planning'))"
_CANDIDATES_A_TICK = 2000


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to ask for.

    Args:
        run_key: `<batch or upload>:<attempt>`; the same key is never run twice.
        upload_ids: in partition order; several are contiguous partitions.
        stage: the first stage to run.
        priority: "high" rides alone and first.
    """

    run_key: str
    upload_ids: tuple[UUID, ...]
    stage: str
    priority: str


def request_runs(engine: Engine, *, max_uploads: int, max_audio_s: float) -> list[PlannedRun]:
    """New plans for all that is due, urgent first, then oldest first. Each row is in one plan only.

    Args:
        max_uploads: most uploads in one run.
        max_audio_s: most seconds of audio in one run, by the ledger's duration or a guess from the size.
    """
    with transaction(engine) as connection:
        connection.execute(text(_LOCK))
        _apply_restarts(connection)
        cancel_uploads(connection, uploads.c.status == "pending", uploads.c.cancel_requested_at.is_not(None))
        rows = connection.execute(
            select(uploads)
            .where(_is_due())
            .order_by(case((uploads.c.priority == "high", 0), else_=1), uploads.c.created_at, uploads.c.id)
            .limit(_CANDIDATES_A_TICK)
        ).all()
        numbers = _number_partitions(connection, rows)
        return [_write_plan(connection, group) for group in _group(rows, numbers, max_uploads, max_audio_s)]


def open_requests(engine: Engine) -> list[PlannedRun]:
    """Plans that no run has claimed yet, in partition order: to be asked for again, under the same key."""
    query = (
        select(uploads.c.id, uploads.c.run_key, uploads.c.stage, uploads.c.priority)
        .where(uploads.c.status == "pending", uploads.c.run_key.is_not(None))
        .order_by(uploads.c.partition_no)
    )
    plans: dict[str, list[Row[Any]]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(query):
            plans.setdefault(row.run_key, []).append(row)
    return [
        PlannedRun(key, tuple(row.id for row in rows), rows[0].stage, rows[0].priority) for key, rows in plans.items()
    ]


def n_waiting(engine: Engine) -> int:
    """How many uploads are not at an end yet, those with a restart asked for included."""
    query = select(func.count()).where(
        or_(uploads.c.status.in_(("pending", "processing")), uploads.c.restart_from.is_not(None))
    )
    with transaction(engine) as connection:
        return connection.execute(query).scalar_one()


def _is_due() -> Any:
    return and_(
        uploads.c.status == "pending",
        uploads.c.run_key.is_(None),
        or_(uploads.c.not_before.is_(None), uploads.c.not_before <= func.now()),
    )


def _apply_restarts(connection: Connection) -> None:
    """A person's wish (retry, amendment, correction) becomes pending work, once nothing is running on the row.

    An upload in work keeps its wish until it has reached an end. Where the content never got into the vault there is
    nothing to restart. One that stopped before the stage asked for goes on where it stopped: a wish skips no work.
    """
    order = literal(list(STAGES), ARRAY(Text))
    stopped_before = func.array_position(order, uploads.c.stage) < func.array_position(order, uploads.c.restart_from)
    connection.execute(
        update(uploads)
        .where(
            uploads.c.restart_from.is_not(None),
            uploads.c.object_key.is_not(None),
            uploads.c.status.in_(("completed", "failed", "rejected", "cancelled")),
        )
        .values(
            stage=case((stopped_before, uploads.c.stage), else_=uploads.c.restart_from),
            restart_from=None,
            status="pending",
            run_key=None,
            run_id=None,
            lease_until=None,
            n_failures=0,
            runs_alone=False,
            not_before=None,
            cancel_requested_at=None,
            error_code=None,
            error_message=None,
            updated_at=func.clock_timestamp(),
        )
    )


def _number_partitions(connection: Connection, rows: Iterable[Row[Any]]) -> dict[UUID, int]:
    """A place in the order of partitions for each row; new ones are numbered in the order they arrived."""
    numbers = {row.id: row.partition_no for row in rows if row.partition_no is not None}
    new = sorted((row for row in rows if row.partition_no is None), key=lambda row: (row.created_at, row.id))
    if new:
        last: int = connection.execute(select(func.coalesce(func.max(uploads.c.partition_no), 0))).scalar_one()
        for number, row in enumerate(new, last + 1):
            numbers[row.id] = number
            connection.execute(update(uploads).where(uploads.c.id == row.id).values(partition_no=number))
    return numbers


def _group(
    rows: Iterable[Row[Any]], numbers: dict[UUID, int], max_uploads: int, max_audio_s: float
) -> Iterator[list[Row[Any]]]:
    """Rows that ride together: urgent and suspicious ones alone, others as contiguous ranges within the limits."""
    alone = [row for row in rows if row.priority == "high" or row.runs_alone]
    together = [row for row in rows if not (row.priority == "high" or row.runs_alone)]
    yield from ([row] for row in alone)
    group: list[Row[Any]] = []
    audio_s = 0.0
    for row in sorted(together, key=lambda row: numbers[row.id]):
        length_s = _guess_audio_s(row)
        fits = (
            group
            and numbers[row.id] == numbers[group[-1].id] + 1
            and row.stage == group[-1].stage
            and len(group) < max_uploads
            and audio_s + length_s <= max_audio_s
        )
        if group and not fits:
            yield group
            group, audio_s = [], 0.0
        group.append(row)
        audio_s += length_s
    if group:
        yield group


def _guess_audio_s(row: Row[Any]) -> float:
    if row.kind == "text":
        return 0.0
    return float(row.duration_s if row.duration_s is not None else row.file_size_bytes / _BYTES_PER_AUDIO_SECOND)


def _write_plan(connection: Connection, group: list[Row[Any]]) -> PlannedRun:
    attempt = max(row.attempt for row in group) + 1
    name = str(group[0].id) if len(group) == 1 else f"batch-{uuid4()}"
    run_key = f"{name}:{attempt}"
    ids = [row.id for row in group]
    connection.execute(
        update(uploads)
        .where(uploads.c.id.in_(ids))
        .values(
            run_key=run_key,
            run_id=None,
            attempt=attempt,
            runs_alone=len(group) == 1,
            requested_at=func.clock_timestamp(),
        )
    )
    return PlannedRun(run_key, tuple(ids), group[0].stage, group[0].priority)
