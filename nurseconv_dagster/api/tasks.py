"""The routes of tasks: how far is it, and stop it.

What lives here: `/api/v1/tasks/{task_id}` and `/api/v1/tasks/{task_id}/cancel`.
When to add here: something that is asked of the work, not of the upload.
What to keep out: what a task says (`progress`); following one as it goes (`events`).
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Database
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.api.progress import Task, task_of
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.listings import ask_cancel
from nurseconv_dagster.store.uploads import find_upload

router = APIRouter(prefix=PREFIX, tags=["tasks"])


@router.get("/tasks/{task_id}", summary="See how far the work is", responses=answers(404, 410))
def read_task(task_id: UUID, caller: Annotated[Caller, require("read")], engine: Database) -> Task:
    """How far the work on an upload is."""
    with audit.access(engine, caller.actor, "task.read", task_id) as connection:
        return task_of(find_upload(connection, task_id, caller.units))


@router.post("/tasks/{task_id}/cancel", summary="Stop the work on an upload", responses=answers(404, 410))
def cancel_task(task_id: UUID, caller: Annotated[Caller, require("upload")], engine: Database) -> Task:
    """Stop the work: at once where it waits, else before the next step. At an end nothing changes."""
    with audit.refusals(engine, caller.actor, "upload.cancel_asked", task_id), transaction(engine) as connection:
        find_upload(connection, task_id, caller.units)
        ask_cancel(connection, task_id, caller.actor)
        return task_of(find_upload(connection, task_id, caller.units))
