"""A run's hold on its uploads: claim, lease, fence, and the ways a stage can end for one upload.

What lives here: `Claims`. Every write that a run makes goes through `fenced()`: in the same transaction it checks that
this attempt still owns the upload, so a run that was given up for dead cannot write over its successor.
When to add here: a new way for a stage to end.
What to keep out: which runs to ask for (planning), who lost a lease (recovery), uploads between two stages (waiting),
what a stage computes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, and_, exists, func, insert, or_, select, update

from nurseconv_dagster.errors import LeaseLostError, UploadBusyError
from nurseconv_dagster.intake.arrivals import Kind, Refusal
from nurseconv_dagster.store.endings import (
    Failure,
    abandon_jobs,
    cancel_uploads,
    close_job,
    end_upload,
    put_back,
    wait_alone,
)
from nurseconv_dagster.store.engine import interval, transaction
from nurseconv_dagster.store.tables import STAGES
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import processing_jobs as jobs
from nurseconv_dagster.store.waiting import is_at_work, waits_in, was_opened


@dataclass(frozen=True, slots=True)
class Claim:
    """One upload in the hands of one attempt at one stage, with what the stage needs to know of it."""

    upload_id: UUID
    attempt: int
    run_id: str
    stage: str
    job_id: UUID
    kind: Kind
    object_key: str
    unit: str | None
    nurse_id: str | None
    encounter_id: str | None
    profile: str | None
    language: str | None
    correlation_id: str | None = None
    traceparent: str | None = None


class Claims:
    """The ledger as a run sees it.

    Args:
        lease_s: how long a claim lives without renewal.
        max_attempts: failures after which an upload is given up, visibly.
    """

    def __init__(self, engine: Engine, *, lease_s: float, max_attempts: int) -> None:
        self._engine = engine
        self._lease_s = lease_s
        self._max_attempts = max_attempts

    def claim(self, upload_ids: Sequence[UUID], *, run_id: str, run_key: str | None, stage: str) -> list[Claim]:
        """The uploads of this run that wait for this stage, now leased to it; others are left out.

        A run opens a stage once for each upload. A queue may deliver a stage a second time, while the first is at work
        or long after it: then nothing is claimed.

        Args:
            run_key: the plan's key; null when a person started the run by hand, which re-runs the stage on purpose.

        Raises:
            UploadBusyError: started by hand while another run holds one of the uploads.
        """
        with transaction(self._engine) as connection:
            # First the rows, in a statement of their own: an update that waited for a row sees it anew, but the jobs as
            # they were before it waited. Two deliveries of one stage would both find it unopened.
            asked = select(uploads.c.id).where(uploads.c.id.in_(list(upload_ids)))
            connection.execute(asked.order_by(uploads.c.id).with_for_update())
            if run_key is None:
                self._open_by_hand(connection, upload_ids, run_id, stage)
            self._cancel_asked(connection, upload_ids, run_id)
            owner = uploads.c.run_key == (run_key or f"by-hand:{run_id}")
            rows = connection.execute(
                update(uploads)
                .where(
                    uploads.c.id.in_(list(upload_ids)),
                    owner,
                    uploads.c.stage == stage,
                    uploads.c.status.in_(("pending", "processing")),
                    or_(uploads.c.run_id.is_(None), uploads.c.run_id == run_id),
                    ~was_opened(run_id, stage),
                )
                .values(
                    status="processing",
                    run_id=run_id,
                    lease_until=self._lease_end(),
                    processing_started_at=func.coalesce(uploads.c.processing_started_at, func.clock_timestamp()),
                    updated_at=func.clock_timestamp(),
                )
                .returning(uploads)
            ).all()
            by_id = {row.id: row for row in rows}
            return [self._open_job(connection, by_id[key], stage) for key in upload_ids if key in by_id]

    def renew(self, run_id: str, job_ids: Sequence[UUID]) -> int:
        """How many uploads this run still holds here or between two stages; their leases now run from here.

        Args:
            job_ids: of the claims that this process has in hand; those of another process are not renewed for it.
        """
        in_hand = exists(select(jobs.c.id).where(jobs.c.upload_id == uploads.c.id, jobs.c.id.in_(list(job_ids))))
        held = and_(uploads.c.run_id == run_id, uploads.c.status == "processing", or_(in_hand, ~is_at_work()))
        with transaction(self._engine) as connection:
            return connection.execute(update(uploads).where(held).values(lease_until=self._lease_end())).rowcount

    @contextmanager
    def fenced(self, claim: Claim) -> Iterator[Connection]:
        """A transaction in which this attempt owns the upload; everything written inside stands or falls with that.

        Raises:
            LeaseLostError: another attempt owns the upload, or it was erased; nothing is written.
        """
        with transaction(self._engine) as connection:
            row = connection.execute(
                select(uploads.c.attempt, uploads.c.run_id, uploads.c.status, uploads.c.stage)
                .where(uploads.c.id == claim.upload_id)
                .with_for_update()
            ).one()
            if tuple(row) != (claim.attempt, claim.run_id, "processing", claim.stage):
                raise LeaseLostError(
                    f"upload {claim.upload_id}: attempt {claim.attempt} no longer owns it "
                    f"(now attempt {row.attempt}, {row.status}, stage {row.stage}); nothing was written."
                )
            yield connection

    def advance(self, connection: Connection, claim: Claim, **facts: Any) -> None:
        """The stage is done: the next one is due in the same run, or the upload is completed. Call inside `fenced()`.

        Args:
            facts: columns of `conversation_uploads` that the stage found out (duration, damage).
        """
        following = STAGES[STAGES.index(claim.stage) + 1]
        values: dict[str, Any] = {"stage": following, "updated_at": func.clock_timestamp(), **facts}
        if following == "done":
            values |= {
                "status": "completed", "processing_completed_at": func.clock_timestamp(), "lease_until": None,
                "error_code": None, "error_message": None, "n_failures": 0, "runs_alone": False,
            }  # fmt: skip
        connection.execute(update(uploads).where(uploads.c.id == claim.upload_id).values(values))
        _close(connection, claim, "completed", None)

    def reject(self, claim: Claim, refusal: Refusal) -> None:
        """The content itself is not acceptable: an end, with a reason the sender can act on."""
        failure = Failure(refusal.code, refusal.message, is_transient=False)
        with self.fenced(claim) as connection:
            end_upload(connection, claim.upload_id, "rejected", failure)
            _close(connection, claim, "failed", failure)

    def fail(self, claim: Claim, failure: Failure) -> None:
        """The stage failed for this upload: tried again alone later when that can help, else an end."""
        with self.fenced(claim) as connection:
            _close(connection, claim, "failed", failure)
            n_failures: int = connection.execute(
                select(uploads.c.n_failures).where(uploads.c.id == claim.upload_id)
            ).scalar_one()
            if failure.is_transient and n_failures + 1 < self._max_attempts:
                wait_alone(connection, claim.upload_id, n_failures + 1, failure)
            else:
                end_upload(connection, claim.upload_id, "failed", failure)

    def release(self, run_id: str, job_ids: Sequence[UUID]) -> int:
        """How many uploads this run hands back unharmed; they wait for their next stage in another run.

        Args:
            job_ids: of the claims that this process has in hand; what another process has in hand stays there.
        """
        with transaction(self._engine) as connection:
            mine = select(uploads.c.id).where(uploads.c.run_id == run_id, uploads.c.status == "processing")
            connection.execute(mine.with_for_update())  # rows before jobs, as everywhere: no deadlock
            abandon_jobs(connection, jobs.c.id.in_(list(job_ids)))
            return put_back(connection, waits_in(run_id))

    def _lease_end(self) -> Any:
        return func.clock_timestamp() + interval(self._lease_s)

    def _open_by_hand(self, connection: Connection, upload_ids: Sequence[UUID], run_id: str, stage: str) -> None:
        """Their rows are locked already."""
        asked = and_(uploads.c.id.in_(list(upload_ids)), ~was_opened(run_id, stage))
        rows = connection.execute(select(uploads).where(asked)).all()
        busy = [row for row in rows if row.run_id != run_id and _is_held(row)]
        if busy:
            raise UploadBusyError(
                f"{len(busy)} of {len(rows)} uploads are being processed by another run "
                f"(first: upload {busy[0].id}, run {busy[0].run_id}); wait for it or cancel it first."
            )
        fresh = [row for row in rows if row.run_id != run_id and row.object_key and row.status != "erased"]
        for row in fresh:
            connection.execute(
                update(uploads)
                .where(uploads.c.id == row.id)
                .values(
                    status="pending", stage=stage, run_key=f"by-hand:{run_id}", run_id=None, attempt=row.attempt + 1,
                    cancel_requested_at=None, restart_from=None, error_code=None, error_message=None,
                    updated_at=func.clock_timestamp(),
                )
            )  # fmt: skip

    def _cancel_asked(self, connection: Connection, upload_ids: Sequence[UUID], run_id: str) -> None:
        """A cancel is honoured here, between stages, and harms nobody else in the batch."""
        cancel_uploads(
            connection,
            uploads.c.id.in_(list(upload_ids)),
            uploads.c.cancel_requested_at.is_not(None),
            uploads.c.status.in_(("pending", "processing")),
            or_(uploads.c.run_id.is_(None), uploads.c.run_id == run_id),
            ~is_at_work(),
        )

    def _open_job(self, connection: Connection, row: Row[Any], stage: str) -> Claim:
        job_id: UUID = connection.execute(
            insert(jobs)
            .values(
                job_type=stage,
                run_id=row.run_id,
                upload_id=row.id,
                status="running",
                attempt=row.attempt,
                progress=STAGES.index(stage) / (len(STAGES) - 1),
                worker=socket.gethostname(),
            )
            .returning(jobs.c.id)
        ).scalar_one()
        return Claim(
            row.id, row.attempt, row.run_id, stage, job_id,
            row.kind, row.object_key, row.unit, row.nurse_id, row.encounter_id, row.profile, row.language,
            row.correlation_id, row.traceparent,
        )  # fmt: skip


def _is_held(row: Row[Any]) -> bool:
    return bool(row.status == "processing") or (row.status == "pending" and row.run_key is not None)


def _close(connection: Connection, claim: Claim, status: str, failure: Failure | None) -> None:
    progress = (STAGES.index(claim.stage) + (status == "completed")) / (len(STAGES) - 1)
    close_job(connection, claim.job_id, status, progress, failure)
