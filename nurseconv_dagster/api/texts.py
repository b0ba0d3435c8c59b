"""The route for typed conversations.

What lives here: `/api/v1/text-processing`.
When to add here: nothing but what a typed text needs and a file does not.
What to keep out: how lines and roles are read (intake).
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.forms import too_large
from nurseconv_dagster.api.parts import PREFIX, Parts, parts_of
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.api.receiving import receive_whole
from nurseconv_dagster.api.submissions import (
    SEND_STATUSES,
    IdempotencyKey,
    Sent,
    invalid,
    problem_of_refusal,
    refuse_custom_questions,
    refused,
    submit,
)
from nurseconv_dagster.api.upload_documents import receipt_of
from nurseconv_dagster.api.upload_models import SaidStatus
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.spooling import Spool
from nurseconv_dagster.intake.vault import vault_of

router = APIRouter(prefix=PREFIX, tags=["uploads"])
FILENAME = "typed.txt"


class TypedConversation(Sidecar):
    """A typed conversation and what is said about it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TYPED]}, str_strip_whitespace=False)

    text: str = Field(description="with or without `Nurse:` and `Patient:` at the start of lines")


class TextReceipt(BaseModel):
    """A text was taken."""

    upload_id: UUID
    task_id: UUID
    status: SaidStatus
    message: str


_SCHEMA = TypedConversation.model_json_schema()


@router.post(
    "/text-processing",
    summary="Send a typed conversation",
    status_code=202,
    response_model=TextReceipt,
    responses=answers(*SEND_STATUSES),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}},
)
async def send_text(
    request: Request, caller: Annotated[Caller, require("upload")], idempotency_key: IdempotencyKey = None
) -> Response:
    """Send a typed conversation. 202: it is kept for good and will be worked on."""
    parts = parts_of(request)
    body = await receive_whole(request, parts.settings.max_file_size)
    if isinstance(body, Refusal):
        return await run_in_threadpool(refused, parts, caller, body)
    return await run_in_threadpool(_take_text, parts, caller, body, idempotency_key)


def _take_text(parts: Parts, caller: Caller, body: bytes, idempotency_key: str | None) -> Response:
    said = _read(body)
    limit = parts.settings.max_file_size
    vault = vault_of(parts.settings)
    with Spool(vault.incoming, limit, is_nameless=vault.seals) as spool:
        if not spool.write(said.text.encode()):
            return refused(parts, caller, too_large(limit))
        taken = submit(parts, caller, Sent(spool.finish(), FILENAME, said, idempotency_key, "text"))
    if isinstance(taken, Refusal):
        return refused(parts, caller, taken)
    if taken.accepted.refusal is not None:
        return problem_of_refusal(taken.accepted.refusal, taken.accepted.upload_id)
    receipt = receipt_of(taken, FILENAME)
    answer = TextReceipt(
        upload_id=receipt.id,
        task_id=receipt.task_id,
        status=receipt.status,
        message=f"GET {PREFIX}/tasks/{receipt.task_id} tells how far it is.",
    )
    return Response(answer.model_dump_json(), 202, {"Location": f"{PREFIX}/uploads/{receipt.id}"}, "application/json")


def _read(body: bytes) -> TypedConversation:
    """The body, typed.

    Raises:
        RequestRefusedError: `custom_questions`, with what to do instead.
        RequestValidationError: no JSON object, unknown fields, wrong values.
    """
    try:
        said = TypedConversation.model_validate_json(body, strict=True)
    except ValidationError as error:
        if any(item["loc"] == ("custom_questions",) for item in error.errors(include_url=False, include_input=False)):
            refuse_custom_questions(from_json(body))
        raise invalid(error) from None
    return said
