"""The route of progress: server-sent events until an upload has reached its end.

What lives here: `/api/v1/uploads/{upload_id}/events`.
When to add here: another kind of event.
What to keep out: looking at the ledger (`watching`); what a task says (`progress`).

Source: the HTML standard, section 9.2, Server-sent events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, require, still_counts
from nurseconv_dagster.api.parts import PREFIX, parts_of
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.api.progress import is_at_an_end, task_of
from nurseconv_dagster.api.watching import Watcher
from nurseconv_dagster.errors import StoreUnavailableError
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.uploads import find_upload

router = APIRouter(prefix=PREFIX, tags=["tasks"])
# A stream ends after so long, and the client comes again: no proxy holds one for ever.
AT_MOST_S = 900.0
_COME_AGAIN_MS = 2000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx passes events on at once


@router.get(
    "/uploads/{upload_id}/events",
    summary="Follow the work on an upload",
    response_class=StreamingResponse,
    responses={
        **answers(404, 410),
        200: {"description": "a task in each event", "content": {"text/event-stream": {"example": examples.EVENTS}}},
        204: {"description": "the client has seen the end; it need not come again"},
    },
)
async def follow_upload(
    upload_id: UUID,
    request: Request,
    caller: Annotated[Caller, require("read")],
    last_event_id: Annotated[str | None, Header(description="of the last event seen; sent again by browsers")] = None,
) -> Response:
    """Progress as it happens: `progress` when a stage is done, one `end`, comments in between."""
    parts = parts_of(request)
    row = await run_in_threadpool(_open, parts.engine, caller, upload_id)
    if is_at_an_end(row) and last_event_id == _id_of(row):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return _Stream(parts.watcher, caller.actor, _events(request, caller, row, last_event_id))


class _Stream(StreamingResponse):
    """Holds a place among those who wait for as long as it is sent."""

    def __init__(self, watcher: Watcher, actor: str, events: AsyncIterator[str]) -> None:
        super().__init__(events, headers=_HEADERS, media_type="text/event-stream")
        self._watcher, self._actor = watcher, actor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it.

        Raises:
            TooManyRequestsError: transient; there is no place, and nothing was sent.
        """
        with self._watcher.place(self._actor):
            await super().__call__(scope, receive, send)


def _open(engine: Engine, caller: Caller, upload_id: UUID) -> Any:
    with audit.access(engine, caller.actor, "upload.followed", upload_id) as connection:
        return find_upload(connection, upload_id, caller.units)


async def _events(request: Request, caller: Caller, row: Any, seen: str | None) -> AsyncIterator[str]:
    yield f"retry: {_COME_AGAIN_MS}\n\n"
    if _id_of(row) != seen:
        yield _event(row)
    if is_at_an_end(row):
        return
    stop_at = asyncio.get_running_loop().time() + AT_MOST_S
    async for found in parts_of(request).watcher.changes(row.id, row.updated_at):
        if not await run_in_threadpool(_may_be_told, request, caller, found):
            return
        yield ": nothing new\n\n" if found is None else _event(found)
        if (found is not None and is_at_an_end(found)) or asyncio.get_running_loop().time() > stop_at:
            return


def _may_be_told(request: Request, caller: Caller, found: Any) -> bool:
    """What is told now needs the right of now: keys are revoked, uploads move to other units."""
    if found is not None and not caller.may_see(found.unit):
        return False
    try:
        return still_counts(request)
    except StoreUnavailableError:
        return found is None  # a heartbeat tells nothing


def _event(row: Any) -> str:
    kind = "end" if is_at_an_end(row) else "progress"
    return f"id: {_id_of(row)}\nevent: {kind}\ndata: {task_of(row).model_dump_json()}\n\n"


def _id_of(row: Any) -> str:
    """Names the state that an event told of: microseconds of its last change."""
    return str(int(row.updated_at.timestamp() * 1_000_000))
