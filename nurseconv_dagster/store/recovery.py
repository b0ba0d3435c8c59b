"""Whatever was killed: uploads whose run is gone go back to work, or are given up visibly.

What lives here: `recover()`, which the reconciler calls, and `hand_back()`, for a stop that somebody wished. The ledger
is the truth; Dagster is only asked whether the run of a plan that nobody claimed is still alive.
When to add here: another way in which work can get stuck.
What to keep out: Dagster itself: the caller hands in `is_run_alive`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, case, func, or_, select, true

from nurseconv_dagster.store.endings import Failure, abandon_jobs, end_upload, put_back, wait_alone
from nurseconv_dagster.store.engine import interval, transaction
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import processing_jobs as jobs
from nurseconv_dagster.store.waiting import is_at_work

CRASHED = Failure(
    "run_crashed",
    "the process that worked on this upload died while it ran alone, or was ended after TASK_TIME_LIMIT_S; look at the "
    "run's log in the Dagster UI, then `nurseconv retry ID`.",
    is_transient=True,
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many uploads go back to work, and how many were given up."""

    n_requeued: int
    n_given_up: int


def recover(
    engine: Engine,
    *,
    max_attempts: int,
    stale_after_s: float,
    unclaimed_after_s: float,
    is_run_alive: Callable[[str], bool],
    queued_at_most_s: float | None = None,
) -> Recovered:
    """What was put right.

    A crash in a batch counts against nobody: its uploads run singly next. Only a crash while running alone counts
    towards `max_attempts`, so that one poisoned file cannot fail its mates. An upload that merely waited between two
    stages when its run died is not suspected at all.

    Args:
        max_attempts: crashes alone after which an upload is `failed`.
        stale_after_s: a run that made no progress on an upload for so long is given up, though its lease is renewed.
        unclaimed_after_s: a plan that no run has claimed for so long is checked with `is_run_alive`.
        is_run_alive: whether the run with this run key is queued or running.
        queued_at_most_s: the same as `stale_after_s` for uploads between two stages, where those wait in queues.
    """
    stale = _stale(stale_after_s, stale_after_s if queued_at_most_s is None else queued_at_most_s)
    n_requeued = n_given_up = 0
    with transaction(engine) as connection:
        for row in _lost(connection, stale) + _unclaimed(connection, unclaimed_after_s, is_run_alive):
            given_up = _put_back(connection, row, max_attempts)
            n_given_up += given_up
            n_requeued += not given_up
    return Recovered(n_requeued, n_given_up)


def hand_back(engine: Engine, *, workers_go_on: bool) -> int:
    """How many uploads go back to work at the stage they were in, counted against nobody: an operator stopped them.

    Called where no run is alive.

    Args:
        workers_go_on: stages are done by other processes, which were not stopped: what they have in hand is left there.
    """
    with transaction(engine) as connection:
        if workers_go_on:
            return put_back(connection, uploads.c.status == "processing", ~is_at_work())
        return hand_back_in(connection)


def hand_back_in(connection: Connection) -> int:
    """The same inside a transaction, where no other process works."""
    abandon_jobs(connection, true())
    return put_back(connection, uploads.c.status == "processing")


def _stale(stale_after_s: float, queued_at_most_s: float) -> Any:
    """Nothing has moved for too long, in the hands of a stage or between two."""
    limit_s = case((is_at_work(), stale_after_s), else_=queued_at_most_s)
    return uploads.c.updated_at < func.clock_timestamp() - interval(limit_s)


def _lost(connection: Connection, stale: Any) -> list[Row[Any]]:
    """Claimed, but the lease ran out or nothing has moved for too long."""
    expired = uploads.c.lease_until < func.clock_timestamp()
    query = (
        select(uploads)
        .where(uploads.c.status == "processing", or_(expired, stale))
        .with_for_update(of=uploads, skip_locked=True)
    )
    return list(connection.execute(query))


def _unclaimed(connection: Connection, unclaimed_after_s: float, is_run_alive: Callable[[str], bool]) -> list[Row[Any]]:
    """Requested, never claimed, and the run is neither queued nor running."""
    old = func.clock_timestamp() - interval(unclaimed_after_s)
    query = (
        select(uploads)
        .where(and_(uploads.c.status == "pending", uploads.c.run_key.is_not(None), uploads.c.requested_at < old))
        .with_for_update(skip_locked=True)
    )
    rows = list(connection.execute(query))
    dead = {key for key in {row.run_key for row in rows} if not is_run_alive(key)}
    return [row for row in rows if row.run_key in dead]


def _put_back(connection: Connection, row: Row[Any], max_attempts: int) -> bool:
    """True when the upload is given up."""
    n_at_work = abandon_jobs(connection, jobs.c.upload_id == row.id, CRASHED.code)
    if row.status == "processing" and not n_at_work:
        put_back(connection, uploads.c.id == row.id)
        return False
    if row.cancel_requested_at is None and row.runs_alone and row.n_failures + 1 >= max_attempts:
        end_upload(connection, row.id, "failed", CRASHED)
        return True
    if row.runs_alone:
        wait_alone(connection, row.id, row.n_failures + 1, CRASHED)
    else:
        put_back(connection, uploads.c.id == row.id, runs_alone=True)
    return False
