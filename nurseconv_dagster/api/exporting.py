"""The route of results as files: tables, subtitles, FHIR.

What lives here: `/api/v1/uploads/{upload_id}/export`.
When to add here: nothing for a new format; those of `exports` are offered by themselves.
What to keep out: how a format is written (`exports`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Configured, Database
from nurseconv_dagster.api.problems import answers, problem
from nurseconv_dagster.exports.files import FORMATS, MEDIA_TYPES, TABLES, Unavailable, export_upload
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.uploads import find_upload

router = APIRouter(prefix=PREFIX, tags=["uploads"])
_FILES = {
    "description": "a file; three tables come as one ZIP archive",
    "content": {"application/zip": {}, **{MEDIA_TYPES[name]: {} for name in FORMATS if name not in TABLES}}
    | {MEDIA_TYPES["vtt"]: {"example": examples.VTT}},
}


@router.get(
    "/uploads/{upload_id}/export",
    summary="Download results as a file",
    response_class=Response,
    responses={**answers(404, 409, 410), 200: _FILES},
)
def export_one(
    upload_id: UUID,
    *,
    caller: Annotated[Caller, require("read")],
    engine: Database,
    settings: Configured,
    file_format: Annotated[Literal[FORMATS], Query(alias="format")],  # type: ignore[valid-type]
    include_transcript: Annotated[bool, Query(description="FHIR only: the transcript rides in the bundle")] = False,
) -> Response:
    """The current results of an upload as a file to take away."""
    about = {"format": file_format}
    catalogue = read_catalogue(settings)
    with audit.refusals(engine, caller.actor, "upload.exported", upload_id, about):
        with transaction(engine) as connection:
            find_upload(connection, upload_id, caller.units)
        file = export_upload(engine, upload_id, file_format, catalogue, include_transcript=include_transcript)
    if isinstance(file, Unavailable):
        audit.refuse(engine, caller.actor, "upload.exported", upload_id, {**about, "refused": file.code})
        return problem(HTTPStatus.CONFLICT, file.code, "There is no such file of this upload.", file.message)
    with audit.access(engine, caller.actor, "upload.exported", upload_id, about) as connection:
        find_upload(connection, upload_id, caller.units)  # again: it may have been erased or moved meanwhile
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return StreamingResponse(file.chunks, headers=headers, media_type=file.media_type)
