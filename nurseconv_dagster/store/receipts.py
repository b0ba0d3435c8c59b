"""Receipts that wait for a person: somebody has sent again what they may not see or move.

What lives here: `list_waiting()` and `settle_receipt()`.
When to add here: another question that a receipt puts to a person.
What to keep out: what makes a receipt wait (`arrivals`); who may settle one (api).
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from nurseconv_dagster.errors import RequestRefusedError
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.arrivals import amend_upload, changes_of
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import upload_receipts as receipts

Settlement = Literal["accept", "dismiss"]
_WAITS = receipts.c.disposition == "awaiting_review"


def list_waiting(connection: Connection, *, limit: int) -> list[Row[Any]]:
    """Receipts that wait, oldest first, each with the `unit` that its upload has now and the `sidecar` it brought."""
    query = (
        select(
            receipts.c.id, receipts.c.upload_id, receipts.c.source, receipts.c.received_at, receipts.c.received_by,
            receipts.c.sidecar, uploads.c.unit,
        )
        .join(uploads, uploads.c.id == receipts.c.upload_id)
        .where(_WAITS, uploads.c.status != "erased")
        .order_by(receipts.c.received_at, receipts.c.id)
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(query))


def settle_receipt(connection: Connection, receipt_id: UUID, verdict: Settlement, actor: str) -> str:
    """The receipt's disposition now: `amended`, `duplicate` where the upload is what it asked for, or `dismissed`.

    Call inside a transaction.

    Args:
        verdict: accept makes the upload what the receipt's sidecar says, its unit included.
        actor: an admin, as the audit log has it.

    Raises:
        RequestRefusedError: permanent; no such receipt waits (any more).
    """
    mine = select(receipts.c.upload_id).where(receipts.c.id == receipt_id)
    # The upload first, as erasures and arrivals do.
    upload = connection.execute(
        select(uploads).where(uploads.c.id == mine.scalar_subquery(), uploads.c.status != "erased").with_for_update()
    ).first()
    receipt = connection.execute(select(receipts).where(receipts.c.id == receipt_id, _WAITS)).first()
    if upload is None or receipt is None:
        raise RequestRefusedError(
            f"no receipt {receipt_id} waits; GET /api/v1/receipts lists those that do.", code="receipt_not_waiting"
        )
    disposition = "dismissed"
    if verdict == "accept":
        changes = changes_of(upload, receipt.sidecar or {}, may_move=True)
        amend_upload(connection, upload.id, changes, actor)
        disposition = "amended" if changes else "duplicate"
    connection.execute(update(receipts).where(receipts.c.id == receipt_id).values(disposition=disposition))
    audit.record(connection, actor, "receipt.settled", str(upload.id), {"verdict": verdict, "receipt": str(receipt_id)})
    return disposition
