"""Every error of the API as a problem document (RFC 9457), with a stable code and the correlation id.

What lives here: `Problem`, and the handlers that turn errors into it.
When to add here: a kind of error that no exception of the product stands for.
What to keep out: which status an error has (`verdicts`).

A document tells the caller what to do. It never repeats a value that was sent, and from 500 on it does not tell what
happened inside: that is in the log, under the same correlation id.
"""

from __future__ import annotations

import logging
import math
import re
import traceback
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from nurseconv_dagster.errors import KeyRefusedError, NurseconvError, TransientError
from nurseconv_dagster.telemetry.correlation import correlation_id
from nurseconv_dagster.verdicts import VERDICTS

MEDIA_TYPE = "application/problem+json"
# Python's own phrase for this one changes from version to version.
_CODES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large"}
_log = logging.getLogger(__name__)
GATE = "/gate"  # a proxy asks there for a browser, and must hear yes or no
NO_TIME: Final = "no_time"  # the kind of a value that is no written-out time
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
# Kinds whose message in pydantic's words holds nothing of what was sent.
_TELLING = {"missing", "extra_forbidden", "literal_error", "enum", "bool_parsing", "int_parsing", "float_parsing",
    "string_type", "int_type", "bool_type", "dict_type", "list_type", "string_too_short", "string_too_long",
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "model_attributes_type",
    NO_TIME}  # fmt: skip


class WrongField(BaseModel):
    """One field that was not taken."""

    field: str = Field(examples=["body.priority"])
    reason: str = Field(examples=["Input should be 'normal' or 'high'"])


class Problem(BaseModel):
    """What went wrong and what to do (RFC 9457)."""

    type: str = Field(examples=["urn:nurseconv:problem:unknown_upload"])
    title: str = Field(examples=["No upload has this id."])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no upload with this id; GET /api/v1/uploads lists those you may see."])
    code: str = Field(description="stable; docs/operations explains each", examples=["unknown_upload"])
    correlation_id: str = Field(description="also in the header X-Request-ID and in our log")
    fields: list[WrongField] | None = Field(None, description="with `invalid_request`: which, without their values")
    upload_id: UUID | None = Field(None, description="with a file that was refused: the upload that keeps the reason")


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    fields: list[WrongField] | None = None,
    upload_id: UUID | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """The response for one problem."""
    document = Problem(
        type=f"urn:nurseconv:problem:{code}", title=title, status=status, detail=detail, code=code,
        correlation_id=correlation_id(), fields=fields, upload_id=upload_id,
    )  # fmt: skip
    return JSONResponse(document.model_dump(mode="json", exclude_none=True), status, headers, MEDIA_TYPE)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's `responses` say about errors of its own; those that many routes share are added by `documents`.

    Args:
        statuses: HTTP statuses of errors that this route can answer with.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem_of(error: NurseconvError) -> JSONResponse:
    """The response for an error raised on purpose."""
    status = VERDICTS[type(error)].http_status
    title = (type(error).__doc__ or "").partition("\n")[0].partition(";")[0].rstrip(".") + "."
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, TransientError) and error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    detail = str(error) if status < HTTPStatus.INTERNAL_SERVER_ERROR else _inside(isinstance(error, TransientError))
    return problem(status, error.code, title, detail, headers=headers)


def unexpected(error: Exception) -> JSONResponse:
    """The response when something happened that nobody foresaw; the log has the error's type and place."""
    # Not its message: that may hold what a request carried.
    place = traceback.extract_tb(error.__traceback__)[-1]
    _log.error("unexpected %s at %s:%s", type(error).__name__, place.name, place.lineno)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "A defect of the product.", _inside(can_help=False)
    )


def add_handlers(app: FastAPI) -> None:
    """The app answers every error that a route raises with a problem document; `unexpected()` is for the rest."""
    app.add_exception_handler(NurseconvError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DataError, _on_unstorable)


async def _on_ours(request: Request, error: Exception) -> Response:
    if (
        isinstance(error, KeyRefusedError)
        and request.method == "GET"
        and request.url.path != GATE
        and "text/html" in request.headers.get("accept", "")
    ):
        goal = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        return RedirectResponse(f"/login?next={goal}", HTTPStatus.SEE_OTHER)  # a person with a browser
    assert isinstance(error, NurseconvError)  # noqa: S101 - Starlette hands over what it was registered for
    response = problem_of(error)
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s", error, extra={"error_code": error.code})
    return response


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    fields = [_wrong(item) for item in error.errors()]
    names = ", ".join(sorted({item.field for item in fields}))
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "The request cannot be read.",
        f"correct {names} and send the request again; /docs shows what is taken.", fields=fields,
    )  # fmt: skip


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "there is nothing at this address; /docs lists what there is.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "this address takes no body of that size; send less.",
        HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take this method; the header Allow lists those it takes.",
    }.get(status, "the request was not taken; /docs shows what is.")
    code = _CODES.get(status, status.phrase.lower().replace(" ", "_").replace("-", "_"))
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_at(request))
    return problem(status, code, f"{status.phrase}.", detail, headers=headers)


def _methods_at(request: Request) -> list[str]:
    """The methods of all routes at this address; Starlette names those of the first one only."""
    routes = (found.original_route for found in iter_route_contexts(request.app.routes))
    found = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in found for method in getattr(route, "methods", None) or ()})


async def _on_unstorable(request: Request, error: Exception) -> JSONResponse:
    """Texts with a NUL, numbers beyond all bounds: right by their type, and still nothing that a database can hold."""
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "The request cannot be read.",
        "a text holds a character that cannot be kept (NUL, half a surrogate pair), or a number is out of all bounds; "
        "send it without.",
    )  # fmt: skip


def _inside(can_help: bool) -> str:
    then = "try again in a few seconds; if it stays, tell" if can_help else "tell"
    return f"{then} the operator this correlation id; the log has the reason, and `nurseconv doctor` tests each part."


def _wrong(item: Any) -> WrongField:
    """A field and why it was not taken; neither holds what was sent unless it looks like a field's name."""
    parts = [str(part) for part in item["loc"]]
    safe = [part if _FIELD_NAME.fullmatch(part) or part.isdigit() else "(a field)" for part in parts]
    reason = item["msg"] if item["type"] in _TELLING else f"not taken ({item['type']})"
    return WrongField(field=".".join(safe), reason=reason)
