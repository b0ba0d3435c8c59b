"""The route of a recording's sound, in ranges, so that players can seek.

What lives here: `/api/v1/uploads/{upload_id}/audio`.
When to add here: another form of the same sound.
What to keep out: reading the vault (intake).
"""

from __future__ import annotations

import os
import re
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from starlette.responses import FileResponse

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Configured, Database
from nurseconv_dagster.api.problems import answers, problem
from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.intake.vault import FileVault
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
        path = FileVault(settings.vault_dir).path(row.object_key)
    etag = f'"{row.content_sha256}"'
    if known is not None and etag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
    facts = os.stat(path)  # noqa: PTH116 - the response takes this
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
    return FileResponse(path, headers=name, media_type=row.content_type, stat_result=facts)


def _is_inside(wanted: str, size_bytes: int) -> bool:
    """Whether at least one of the ranges begins before the end."""
    return any(not found[1] or int(found[1]) < size_bytes for found in _STARTS.finditer(wanted))
