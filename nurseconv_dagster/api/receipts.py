"""The routes of receipts that wait: what was sent again by somebody who may not see or move it, and what is meant.

What lives here: `/api/v1/receipts` and `/api/v1/receipts/{receipt_id}`, for admins.
When to add here: another thing that a person does with a receipt.
What to keep out: what settling does (`store.receipts`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Database
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.receipts import Settlement, list_waiting, settle_receipt

router = APIRouter(prefix=PREFIX, tags=["receipts"])


class WaitingReceipt(BaseModel):
    """What somebody sent again and may not change."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    upload_id: UUID
    source: str = Field(examples=["api"])
    received_at: datetime
    received_by: str | None = Field(examples=["key:3f9c2a7be011"])
    unit: str | None = Field(description="of the upload, now")
    sidecar: dict[str, Any] | None = Field(description="what they say of it")


class WaitingReceipts(BaseModel):
    """Those that wait, oldest first."""

    items: list[WaitingReceipt]


class Settling(BaseModel):
    """What a person decides."""

    model_config = ConfigDict(extra="forbid")
    verdict: Settlement = Field(description="accept: the upload becomes what the sidecar says, its unit too")


class Settled(BaseModel):
    """What became of it."""

    id: UUID
    disposition: str = Field(examples=["amended", "duplicate", "dismissed"])


@router.get("/receipts", summary="List receipts that wait for a person", responses=answers())
def list_receipts(
    caller: Annotated[Caller, require("admin")],
    engine: Database,
    disposition: Literal["awaiting_review"] = "awaiting_review",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> WaitingReceipts:
    """The receipts that wait for a person."""
    with audit.access(engine, caller.actor, "receipts.listed", details={"disposition": disposition}) as connection:
        rows = list_waiting(connection, limit=limit)
    return WaitingReceipts(items=[WaitingReceipt.model_validate(row) for row in rows])


@router.post("/receipts/{receipt_id}", summary="Accept or dismiss a receipt", responses=answers(400))
def settle(
    receipt_id: UUID, settling: Settling, caller: Annotated[Caller, require("admin")], engine: Database
) -> Settled:
    """Accept what the sender meant, or dismiss it; either is in the audit log."""
    with audit.refusals(engine, caller.actor, "receipt.settled", receipt_id), transaction(engine) as connection:
        done = settle_receipt(connection, receipt_id, settling.verdict, caller.actor)
    return Settled(id=receipt_id, disposition=done)
