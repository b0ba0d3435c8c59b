"""How work on one upload ends for now: at an end with a reason, put back unharmed, or waiting for another try.

What lives here: `Failure`, and the writes that move an upload's row, or close its job, without asking who holds it.
When to add here: another way in which work on an upload can end.
What to keep out: who may write (claims: the fence; recovery: the lease).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, select, update

from nurseconv_dagster.store.engine import interval
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import processing_jobs as jobs

RETRY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a stage failed for one upload.

    Args:
        code: stable, snake_case.
        message: what was found and what to do; no words, names or file names.
        is_transient: trying again unchanged can help.
    """

    code: str
    message: str
    is_transient: bool


def end_upload(connection: Connection, upload_id: UUID, status: str, failure: Failure) -> None:
    """The upload has reached an end that is not `completed`, and says why."""
    connection.execute(
        update(uploads)
        .where(uploads.c.id == upload_id)
        .values(
            status=status, error_code=failure.code, error_message=failure.message, lease_until=None,
            updated_at=func.clock_timestamp(), processing_completed_at=func.clock_timestamp(),
        )
    )  # fmt: skip


def put_back(connection: Connection, *which: ColumnElement[bool], **facts: Any) -> int:
    """How many uploads wait unharmed for the stage they were in.

    Args:
        which: the uploads.
        facts: further columns to set.
    """
    # Rows first: an update that waited for one would judge by the jobs as they were before (see `Claims.claim()`).
    connection.execute(select(uploads.c.id).where(*which).order_by(uploads.c.id).with_for_update())
    values = {"status": "pending", "run_key": None, "run_id": None, "lease_until": None, **facts}
    statement = update(uploads).where(*which).values(updated_at=func.clock_timestamp(), **values)
    return connection.execute(statement).rowcount


def cancel_uploads(connection: Connection, *which: ColumnElement[bool]) -> None:
    """These uploads have reached their end by a person's wish."""
    connection.execute(
        update(uploads)
        .where(*which)
        .values(
            status="cancelled", lease_until=None, run_key=None,
            updated_at=func.clock_timestamp(), processing_completed_at=func.clock_timestamp(),
        )
    )  # fmt: skip


def wait_alone(connection: Connection, upload_id: UUID, n_failures: int, failure: Failure) -> None:
    """The upload is tried again later, alone, after a pause that doubles."""
    pause_s = RETRY_AFTER_S * 2 ** (n_failures - 1)
    connection.execute(
        update(uploads)
        .where(uploads.c.id == upload_id)
        .values(
            status="pending", run_key=None, run_id=None, lease_until=None, runs_alone=True, n_failures=n_failures,
            not_before=func.clock_timestamp() + interval(pause_s),
            error_code=failure.code, error_message=failure.message, updated_at=func.clock_timestamp(),
        )
    )  # fmt: skip


def close_job(connection: Connection, job_id: UUID, status: str, progress: float, failure: Failure | None) -> None:
    """This attempt at a stage has ended, and how."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            status=status,
            progress=progress,
            completed_at=func.clock_timestamp(),
            duration_s=func.extract("epoch", func.clock_timestamp() - jobs.c.started_at),
            error_code=failure.code if failure else None,
            error_message=failure.message if failure else None,
        )
    )


def abandon_jobs(connection: Connection, which: ColumnElement[bool], code: str | None = None) -> int:
    """How many attempts that were under way have ended, with no result."""
    ended = {"status": "abandoned", "completed_at": func.clock_timestamp(), "error_code": code}
    return connection.execute(update(jobs).where(which, jobs.c.status == "running").values(**ended)).rowcount
