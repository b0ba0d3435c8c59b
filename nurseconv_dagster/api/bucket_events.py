"""The route by which a cloud says that there is something new in the upload bucket.

What lives here: `/api/v1/bucket-events`.
When to add here: nothing that reads what an event says: the bucket's listing is what counts, and it cannot be forged.
What to keep out: listing the bucket (the sensor does, on its next tick).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, parts_of
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.listings import BUCKET_EVENT, beat

router = APIRouter(prefix=PREFIX, tags=["uploads"])


class BucketEventNoted(BaseModel):
    """The bucket is looked at soon."""

    message: str


@router.post(
    "/bucket-events",
    summary="Say that the upload bucket holds something new",
    status_code=202,
    responses=answers(413),
)
async def note_bucket_event(request: Request, caller: Annotated[Caller, require("upload")]) -> BucketEventNoted:
    """Have the upload bucket listed at once. A body is thrown away unread: any event of any cloud will do."""
    async for _ in request.stream():
        pass
    await run_in_threadpool(_note, parts_of(request).engine, caller.actor)
    return BucketEventNoted.model_validate(examples.BUCKET_EVENT_NOTED)


def _note(engine: Engine, actor: str) -> None:
    with audit.access(engine, actor, "bucket.event_noted"):
        beat(engine, BUCKET_EVENT, {})
