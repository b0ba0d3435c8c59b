"""The routes of uploads: send one, list them, read one with its results, erase one.

What lives here: `/api/v1/uploads` and `/api/v1/uploads/{upload_id}`.
When to add here: something that is done with an upload as a whole.
What to keep out: sound (`audio`), progress (`events`, `tasks`), files to take away (`exporting`).
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.forms import FILE_PART, FormReader
from nurseconv_dagster.api.parts import PREFIX, Configured, Database, Parts, Words, parts_of
from nurseconv_dagster.api.problems import NO_TIME, answers
from nurseconv_dagster.api.progress import Status
from nurseconv_dagster.api.receiving import receive_form
from nurseconv_dagster.api.submissions import (
    SEND_STATUSES,
    IdempotencyKey,
    Sent,
    problem_of_refusal,
    read_fields,
    refused,
    submit,
)
from nurseconv_dagster.api.upload_documents import receipt_of, result_document, summary_of
from nurseconv_dagster.api.upload_models import UploadPage, UploadReceipt, UploadResults
from nurseconv_dagster.errors import RequestRefusedError
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.spooling import Spool
from nurseconv_dagster.intake.vault import vault_of
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.documents import read_results
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.erasure import erase_upload, finish_erasures
from nurseconv_dagster.store.uploads import Filters, Place, find_upload, page_uploads

router = APIRouter(prefix=PREFIX, tags=["uploads"])


class FileFields(Sidecar):
    """What a form may say beside its file."""

    sha256: str | None = Field(
        None, pattern="^[0-9a-fA-F]{64}$", description="of the file, in hex: other bytes are refused"
    )


_FORM = FileFields.model_json_schema()
_FORM["properties"] = {FILE_PART: {"type": "string", "format": "binary"}, **_FORM["properties"]}
_FORM["required"] = [FILE_PART]
# None of file and sha256: the page fills examples in, and they would belong to no file of the reader's.
for _name, _value in examples.ABOUT.items():
    _FORM["properties"][_name]["examples"] = [_value]


def _written_out(value: object) -> object:
    """The same, unless it is a bare number: pydantic would take that for seconds since 1970."""
    if isinstance(value, str) and not _TIME.match(value):
        raise PydanticCustomError(NO_TIME, "Input should be a time with its offset, as 2024-01-01T00:00:00Z")
    return value


_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
Time = Annotated[AwareDatetime, BeforeValidator(_written_out)]


class ListQuery(BaseModel):
    """What a list may be asked for."""

    model_config = ConfigDict(extra="forbid")

    status: list[Status] = Field([], description="any of these; give it several times")
    unit: Words | None = None
    profile: Words | None = None
    kind: Literal["audio", "text"] | None = None
    priority: Literal["normal", "high"] | None = None
    created_from: Time | None = Field(None, examples=["2024-01-01T00:00:00Z"])
    created_before: Time | None = Field(None, examples=["2024-02-01T00:00:00Z"])
    needs_review: bool | None = Field(None, description="whether an answer waits for a reviewer")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, description="`next_cursor` of the page before")


@router.post(
    "/uploads",
    summary="Send a recording or a text file",
    status_code=202,
    response_model=UploadReceipt,
    responses=answers(*SEND_STATUSES, 415),
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
)
async def send_upload(
    request: Request, caller: Annotated[Caller, require("upload")], idempotency_key: IdempotencyKey = None
) -> Response:
    """Send a recording, or a typed text as a `.txt` file. 202: it is kept for good and will be worked on."""
    parts = parts_of(request)
    limit = parts.settings.max_file_size
    vault = vault_of(parts.settings)
    with Spool(vault.incoming, limit, is_nameless=vault.seals) as spool:
        form = await receive_form(request, spool, limit)
        if isinstance(form, Refusal):
            return await run_in_threadpool(refused, parts, caller, form)
        return await run_in_threadpool(_take_form, parts, caller, form, spool, idempotency_key)


def _take_form(parts: Parts, caller: Caller, form: FormReader, spool: Spool, idempotency_key: str | None) -> Response:
    fields = read_fields(FileFields, form.fields)
    if fields.sha256 is not None and fields.sha256.lower() != spool.sha256:
        return refused(
            parts, caller, Refusal("digest_mismatch", "the file is not the one that sha256 was made of; send it again.")
        )
    filename = form.filename or ""
    taken = submit(parts, caller, Sent(spool.finish(), filename, fields, idempotency_key))
    if isinstance(taken, Refusal):
        return refused(parts, caller, taken)
    if taken.accepted.refusal is not None:
        return problem_of_refusal(taken.accepted.refusal, taken.accepted.upload_id)
    receipt = receipt_of(taken, filename)
    return Response(receipt.model_dump_json(), 202, {"Location": f"{PREFIX}/uploads/{receipt.id}"}, "application/json")


@router.get("/uploads", summary="List uploads", responses=answers())
def list_uploads(
    query: Annotated[ListQuery, Query()], caller: Annotated[Caller, require("read")], engine: Database
) -> UploadPage:
    """The uploads you may see, newest first, a page at a time."""
    after = _read_cursor(query.cursor)
    filters = Filters(
        statuses=tuple(query.status),
        **query.model_dump(
            include={"unit", "profile", "kind", "priority", "created_from", "created_before", "needs_review"}
        ),
    )
    with audit.access(engine, caller.actor, "uploads.listed") as connection:
        rows = page_uploads(connection, caller.units, filters, after=after, limit=query.limit + 1)
    shown = rows[: query.limit]
    more = _write_cursor((shown[-1].created_at, shown[-1].id)) if len(rows) > len(shown) else None
    return UploadPage(items=[summary_of(row) for row in shown], next_cursor=more)


@router.get(
    "/uploads/{upload_id}",
    summary="Read an upload with its results",
    response_model=UploadResults,
    responses=answers(404, 410),
)
def read_upload(
    upload_id: UUID,
    caller: Annotated[Caller, require("read")],
    engine: Database,
    transcription: Annotated[
        Literal["full", "words", "none"], Query(description="none: without it, faster; words: with timed words")
    ] = "full",
) -> Response:
    """An upload with its transcript, its answers and its scores, as far as they are there."""
    with audit.access(engine, caller.actor, "upload.read", upload_id) as connection:
        results = read_results(connection, upload_id, caller.units, with_words=transcription != "none")
    return Response(result_document(results, with_words=transcription == "words"), media_type="application/json")


@router.delete("/uploads/{upload_id}", summary="Erase an upload", status_code=204, responses=answers(404, 410))
def delete_upload(
    upload_id: UUID, caller: Annotated[Caller, require("admin")], engine: Database, settings: Configured
) -> None:
    """Erase an upload for ever: its file, words, answers, names. Sending it again does not bring it back."""
    with audit.refusals(engine, caller.actor, "upload.erased", upload_id), transaction(engine) as connection:
        find_upload(connection, upload_id, caller.units)
        erase_upload(connection, upload_id, settings.home, caller.actor)
    finish_erasures(engine, vault_of(settings))


def _write_cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place[0].isoformat()} {place[1]}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        at, upload_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return datetime.fromisoformat(at), UUID(upload_id)
    except (binascii.Error, ValueError):
        raise RequestRefusedError(
            "cursor must be next_cursor of the page before; leave it out for the first page.", code="bad_cursor"
        ) from None
