"""A file or text that a caller sends goes through the door: who may send what, and what is answered.

What lives here: `read_fields()`, `submit()`, `refused()`.
When to add here: a rule that holds for files and typed texts alike.
What to keep out: reading the body (`receiving`), the door's own checks (intake), the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Header
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from sqlalchemy import Row

from nurseconv_dagster.api.callers import Caller
from nurseconv_dagster.api.parts import Parts
from nurseconv_dagster.api.problems import problem
from nurseconv_dagster.errors import RequestRefusedError, ScopeMissingError
from nurseconv_dagster.intake.arrivals import Accepted, Arrival, Kind, Refusal, Sender, Sidecar
from nurseconv_dagster.intake.door import accept
from nurseconv_dagster.intake.limits import limits_of
from nurseconv_dagster.intake.scanning import scanner_at
from nurseconv_dagster.intake.sidecars import refuse_profile, validate_sidecar
from nurseconv_dagster.intake.vault import vault_of
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.uploads import find_upload
from nurseconv_dagster.store.visibility import EVERY_UNIT

SEND = "upload.received"
Fields = TypeVar("Fields", bound=BaseModel)
_STATUS = {
    "bad_form": HTTPStatus.BAD_REQUEST,
    "broken_off": HTTPStatus.REQUEST_TIMEOUT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unknown_format": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "format_not_allowed": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "erased": HTTPStatus.GONE,
}
# What both POSTs can answer with, beside what every route can.
SEND_STATUSES = (400, 408, 409, 410, 413)
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[!-~]+$",
        description="your own name for this upload: sent again it is the same upload, with other bytes it is a 409",
    ),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What a caller sent, spooled.

    Args:
        path: where the bytes lie.
        filename: as the caller gave it.
        fields: what the caller says about it.
        idempotency_key: the caller's own.
        kind: text for a typed text; null to decide by content.
    """

    path: Path
    filename: str
    fields: Sidecar
    idempotency_key: str | None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it.

    Args:
        accepted: the door's word.
        row: the upload's row; null where the caller may not see the upload.
        at: when it was taken.
    """

    accepted: Accepted
    row: Row[Any] | None
    at: datetime


def read_fields(model: type[Fields], values: Mapping[str, Any]) -> Fields:
    """The fields of a form, typed.

    Raises:
        RequestRefusedError: `custom_questions`, with what to do instead.
        RequestValidationError: unknown fields or wrong values.
    """
    refuse_custom_questions(values)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise invalid(error) from None


def refuse_custom_questions(names: Mapping[str, Any]) -> None:
    """Nothing, unless a caller asks questions of their own.

    Raises:
        RequestRefusedError: says how questions are chosen.
    """
    if "custom_questions" in names:
        raise RequestRefusedError(
            "custom_questions is not taken: the field profile chooses the questions, GET /api/v1/questions lists the "
            "profiles, and the operator adds questions to the catalogue (CATALOGUE_FILE).",
            code="custom_questions",
        )


def invalid(error: ValidationError) -> RequestValidationError:
    """The same error, as the API tells it; nothing of what was sent is in it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found])


def submit(parts: Parts, caller: Caller, sent: Sent) -> Taken | Refusal:
    """What became of what was sent; once it is taken it lies in vault and ledger for good. Runs in a thread.

    A refusal that comes back has left no trace but an audit row; one inside `Taken` stands in the ledger.

    Raises:
        RequestRefusedError, ScopeMissingError: the unit is missing, or not one of the caller's.
        IdentityConflictError: the key stands for another upload.
        StoreUnavailableError, VaultUnavailableError, ScannerUnavailableError: transient.
    """
    settings, engine = parts.settings, parts.engine
    profiles = read_catalogue(settings).profiles.keys()
    said = validate_sidecar({name: getattr(sent.fields, name) for name in _said(sent.fields)})
    if isinstance(said, Refusal):
        return said
    unknown_profile = refuse_profile(said, profiles)
    if unknown_profile is not None:
        return unknown_profile
    now = datetime.now(UTC)
    with audit.refusals(engine, caller.actor, SEND):
        arrival = Arrival(
            sent.path,
            sent.filename,
            "api",
            sidecar=_in_a_unit(said, caller),
            idempotency_key=f"{caller.actor} {sent.idempotency_key}" if sent.idempotency_key else None,
            declared_kind=sent.kind,
            sender=Sender(caller.actor, caller.units),
        )
        accepted = accept(
            arrival,
            vault=vault_of(settings),
            ledger=ArrivalLedger(engine),
            scanner=scanner_at(settings.virus_scan),
            limits=limits_of(settings),
            profiles=profiles,
            now=now,
        )
    if accepted.refusal is not None or accepted.disposition == "awaiting_review":
        return Taken(accepted, None, now)
    with transaction(engine) as connection:
        return Taken(accepted, find_upload(connection, accepted.upload_id, None), now)


def refused(parts: Parts, caller: Caller, refusal: Refusal) -> JSONResponse:
    """The answer to what never reached the ledger, with its audit row."""
    audit.refuse(parts.engine, caller.actor, SEND, None, {"refused": refusal.code})
    return problem_of_refusal(refusal)


def problem_of_refusal(refusal: Refusal, upload_id: UUID | None = None) -> JSONResponse:
    """The problem document of a refusal."""
    status = _STATUS.get(refusal.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    # The rest of a body that was cut off is not waited for.
    headers = {"Connection": "close"} if refusal.code in ("too_large", "broken_off", "bad_form") else None
    return problem(
        status, refusal.code, "What was sent was not taken.", refusal.message, upload_id=upload_id, headers=headers
    )


def _said(fields: Sidecar) -> set[str]:
    return fields.model_fields_set & set(Sidecar.model_fields)


def _in_a_unit(said: Sidecar, caller: Caller) -> Sidecar:
    """The same, with the unit it belongs to: nobody sends what they may not see afterwards."""
    if caller.units is None:
        return said
    if said.unit is not None:
        if not caller.may_see(said.unit):
            raise ScopeMissingError("this key does not reach that unit; send one of its own.", code="unit_not_allowed")
        return said
    if len(caller.units) == 1 and EVERY_UNIT not in caller.units:
        return said.model_copy(update={"unit": next(iter(caller.units))})
    raise RequestRefusedError(
        "say the unit: this key reaches several, and an upload without one could not be seen again.",
        code="unit_missing",
    )
