"""The route of a recording's sound, in ranges, so that players can seek.

What lives here: `/api/v1/uploads/{upload_id}/audio`.
When to add here: another form of the same sound.
What to keep out: reading the vault (intake).
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import anyio
from fastapi import APIRouter, Header, Response
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Configured, Database
from nurseconv_dagster.api.problems import answers, problem
from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.uploads import find_upload

router = APIRouter(prefix=PREFIX, tags=["uploads"])
# Python reads no number of more than 4300 digits, and no file has one of more than 18 bytes of them.
_RANGES = re.compile(r"bytes=\s*(?:\d{1,18}-\d{0,18}|-\d{1,18})(?:\s*,\s*(?:\d{1,18}-\d{0,18}|-\d{1,18}))*\s*")
_STARTS = re.compile(r"(\d+)-|-0*[1-9]")
_PARTIAL = {
    200: {"description": "the whole recording", "content": {"audio/*": {}}},
    206: {"description": "the part that `Range` asks for", "content": {"audio/*": {}}},
    304: {"description": "what `If-None-Match` names is still the recording"},
}


@router.head("/uploads/{upload_id}/audio", response_class=Response, include_in_schema=False)
@router.get(
    "/uploads/{upload_id}/audio",
    summary="Listen to a recording",
    response_class=Response,
    responses={**answers(400, 404, 410, 416), **_PARTIAL},  # type: ignore[dict-item]
)
def read_audio(
    upload_id: UUID,
    *,
    caller: Annotated[Caller, require("read")],
    engine: Database,
    settings: Configured,
    wanted: Annotated[str | None, Header(alias="Range", examples=["bytes=0-65535"])] = None,
    known: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """The recording as it was sent; `Range` and `If-Range` are honoured."""
    with audit.access(engine, caller.actor, "audio.read", upload_id) as connection:
        row = find_upload(connection, upload_id, caller.units)
        if row.kind != "audio" or row.object_key is None:
            raise UnknownUploadError("this upload has no sound: it is a typed text, or its file was not kept.")
        vault = vault_of(settings)
        vault.open(row.object_key).close()  # a missing object or key is told before anything is sent
    etag = f'"{row.content_sha256}"'
    if known is not None and etag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
    facts = _facts(vault, row.object_key)
    if wanted is not None and not _RANGES.fullmatch(wanted):
        return problem(
            400, "bad_range", "The range cannot be read.", "send Range as bytes=FIRST-LAST, or leave it out."
        )
    if wanted is not None and not _is_inside(wanted, facts.st_size):
        return problem(
            416, "range_outside", "The range lies behind the end.",
            f"the recording has {facts.st_size} bytes; ask for some of them.",
            headers={"Content-Range": f"bytes */{facts.st_size}"},
        )  # fmt: skip
    name = {"Content-Disposition": f'inline; filename="{upload_id}"', "ETag": etag}
    return _Recording(vault, row.object_key, facts, name, row.content_type)


class _Recording(FileResponse):
    """A vault's object as a response: Starlette's ranges over the content, whatever form it is kept in."""

    def __init__(
        self, vault: FileVault, object_key: str, facts: os.stat_result, headers: dict[str, str], media_type: str
    ) -> None:
        super().__init__(vault.path(object_key), headers=headers, media_type=media_type, stat_result=facts)
        self._content = partial(vault.open, object_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # No server may send the file by its path: what lies there may be sealed.
        await super().__call__({**scope, "extensions": {}}, receive, send)

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        async with anyio.wrap_file(await anyio.to_thread.run_sync(self._content)) as file:
            yield file


def _facts(vault: FileVault, object_key: str) -> os.stat_result:
    """Of the object's file, with the size of its content."""
    facts = list(vault.path(object_key).stat())
    facts[6] = vault.size(object_key)
    return os.stat_result(facts)


def _is_inside(wanted: str, size_bytes: int) -> bool:
    """Whether at least one of the ranges begins before the end."""
    return any(not found[1] or int(found[1]) < size_bytes for found in _STARTS.finditer(wanted))
