"""A run's uploads while no stage is at work on them: who keeps them, who gives them back, what is known of a stage.

What lives here: `Waiting`, the ledger as the process sees that orchestrates a run and does no stage itself; and the
conditions "a stage is at work on it" and "this run has opened this stage for it before".
When to add here: a rule about uploads between two stages of one run.
What to keep out: stages themselves (claims), uploads whose run is gone (recovery).

Where stages go to other processes, they wait in queues in between, and before the first one. Then no stage renews the
lease. The orchestrating process does; it never renews what a stage has in hand, so a dead worker is still noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, and_, exists, func, select, update

from nurseconv_dagster.store.endings import put_back
from nurseconv_dagster.store.engine import interval, transaction
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import processing_jobs as jobs


def is_at_work() -> ColumnElement[bool]:
    """Some process has this upload in hand, for a stage of the run that holds it."""
    mine = and_(jobs.c.upload_id == uploads.c.id, jobs.c.run_id == uploads.c.run_id)
    return exists(select(jobs.c.id).where(mine, jobs.c.status == "running"))


def was_opened(run_id: str, stage: str) -> ColumnElement[bool]:
    """This run has had this upload in hand for this stage: it does so once, even if it is told twice."""
    mine = and_(jobs.c.upload_id == uploads.c.id, jobs.c.run_id == run_id, jobs.c.job_type == stage)
    return exists(select(jobs.c.id).where(mine))


def waits_in(run_id: str) -> ColumnElement[bool]:
    """This run holds the upload, between two stages."""
    return and_(uploads.c.run_id == run_id, uploads.c.status == "processing", ~is_at_work())


def ids_passed(engine: Engine, upload_ids: Sequence[UUID], run_id: str, stage: str) -> set[UUID]:
    """Those of the uploads that got through this stage in this run, in whatever process."""
    return _ids(engine, upload_ids, run_id, stage, "completed")


def ids_at_work(engine: Engine, upload_ids: Sequence[UUID], run_id: str, stage: str) -> set[UUID]:
    """Those of the uploads that some process has in hand for this stage of this run."""
    return _ids(engine, upload_ids, run_id, stage, "running")


def _ids(engine: Engine, upload_ids: Sequence[UUID], run_id: str, stage: str, status: str) -> set[UUID]:
    query = select(jobs.c.upload_id).where(
        jobs.c.upload_id.in_(list(upload_ids)),
        jobs.c.run_id == run_id,
        jobs.c.job_type == stage,
        jobs.c.status == status,
    )
    with transaction(engine) as connection:
        return set(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one run holds while it waits for others to do its stages.

    Args:
        run_id: Dagster's.
        run_key: the plan's key; null for a run that a person started.
        lease_s: how long a hold lives without renewal.
    """

    engine: Engine
    run_id: str
    run_key: str | None
    lease_s: float

    def keep(self) -> int:
        """How many uploads some process has in hand for this run; those that wait are kept for it.

        One that no stage has claimed yet counts as asked for just now: its plan has a run, and that run lives.
        """
        with transaction(self.engine) as connection:
            lease_end = func.clock_timestamp() + interval(self.lease_s)
            connection.execute(update(uploads).where(waits_in(self.run_id)).values(lease_until=lease_end))
            connection.execute(update(uploads).where(self._unclaimed()).values(requested_at=func.clock_timestamp()))
            held = and_(uploads.c.run_id == self.run_id, uploads.c.status == "processing", is_at_work())
            return connection.execute(select(func.count()).select_from(uploads).where(held)).scalar_one()

    def give_back(self) -> int:
        """How many uploads wait unharmed in the ledger again; what a stage has in hand stays in its hands."""
        with transaction(self.engine) as connection:
            return put_back(connection, waits_in(self.run_id)) + put_back(connection, self._unclaimed())

    def _unclaimed(self) -> ColumnElement[bool]:
        return and_(uploads.c.status == "pending", uploads.c.run_key == (self.run_key or ""))
