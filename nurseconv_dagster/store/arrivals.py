"""The door's side of the ledger: an arrival becomes an upload, a duplicate, an amendment or a refusal.

What lives here: `ArrivalLedger`, which `intake.door.accept()` is handed.
When to add here: a rule about what a second arrival of the same identity means.
What to keep out: which work is due (planning) and everything that reads bytes (intake).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.errors import IdentityConflictError
from nurseconv_dagster.intake.arrivals import Accepted, Disposition, NewUpload, Refusal, Sidecar
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import STAGES
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import upload_receipts as receipts

# A changed field re-runs what depends on it, from this stage on.
_RESTARTS = {"language": "transcriptions", "profile": "answers"}
_AMENDABLE = ("nurse_id", "encounter_id", "profile", "language", "consent", "priority")
_GONE = Refusal("erased", "this upload was erased for good; sending it again does not bring it back.")


class ArrivalLedger:
    """Writes what became of each arrival: the upload's row, its receipt, an audit row where metadata changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record_arrival(self, upload: NewUpload) -> Accepted:
        """What became of the arrival.

        Raises:
            IdentityConflictError: the same key arrived before with other bytes.
            StoreUnavailableError: transient; nothing was written.
        """
        with transaction(self._engine) as connection:
            if _insert_upload(connection, upload):
                accepted = Accepted(upload.id, "refused" if upload.refusal else "accepted", upload.refusal)
            else:
                accepted = _meet_again(connection, upload)
            _insert_receipt(connection, upload, accepted)
            return accepted

    def known_versions(self, locations: Iterator[str]) -> dict[str, str]:
        """For each bucket location that has a receipt, the version (size and mtime, or etag) last taken in."""
        query = (
            select(receipts.c.location, receipts.c.version)
            .where(receipts.c.location.in_(list(locations)), receipts.c.source == "bucket")
            .distinct(receipts.c.location)
            .order_by(receipts.c.location, receipts.c.received_at.desc())
        )
        with transaction(self._engine) as connection:
            return {row.location: row.version for row in connection.execute(query)}


def _insert_upload(connection: Connection, upload: NewUpload) -> bool:
    """True when this identity is new."""
    side = upload.sidecar
    values: dict[str, Any] = {
        "id": upload.id,
        "identity_key": upload.identity_key,
        "content_sha256": upload.content_sha256,
        "original_filename": upload.original_filename,
        "object_key": upload.object_key,
        "file_size_bytes": upload.file_size_bytes,
        "content_type": upload.content_type,
        "kind": upload.kind,
        "created_at": upload.arrived_at,
        **side.model_dump(include={"nurse_id", "unit", "encounter_id", "profile", "language", "priority", "consent"}),
        **_status_of(upload),
    }
    statement = postgresql.insert(uploads).values(values).on_conflict_do_nothing()
    return connection.execute(statement.returning(uploads.c.id)).first() is not None


def _status_of(upload: NewUpload) -> dict[str, Any]:
    if upload.refusal is None:
        return {"status": "pending", "error_code": None, "error_message": None, "processing_completed_at": None}
    return {
        "status": "rejected",
        "error_code": upload.refusal.code,
        "error_message": upload.refusal.message,
        "processing_completed_at": upload.arrived_at,
    }


def _meet_again(connection: Connection, upload: NewUpload) -> Accepted:
    """What a second arrival of a known identity means."""
    row = connection.execute(
        select(uploads).where(uploads.c.identity_key == upload.identity_key).with_for_update()
    ).one()
    if row.content_sha256 != upload.content_sha256:
        raise IdentityConflictError(
            f"this idempotency key already stands for upload {row.id} with other bytes; "
            "send the same bytes again, or use a new key."
        )
    if row.status == "erased":
        return Accepted(row.id, "refused", _GONE)
    if upload.refusal is not None:
        return Accepted(row.id, "refused", upload.refusal)
    if row.status == "rejected" and row.stage == STAGES[0] and row.attempt == 0:
        return _reopen(connection, row, upload)
    return Accepted(row.id, _amend(connection, row, upload))


def _reopen(connection: Connection, row: Row[Any], upload: NewUpload) -> Accepted:
    """Refused at the door before, fine now (a mended sidecar, a wider limit): the same row goes to work."""
    values = {
        **_status_of(upload),
        **upload.sidecar.model_dump(),
        "object_key": upload.object_key,
        "content_type": upload.content_type,
        "kind": upload.kind,
        "original_filename": upload.original_filename,
        "updated_at": func.clock_timestamp(),
    }
    connection.execute(update(uploads).where(uploads.c.id == row.id).values(values))
    return Accepted(row.id, "accepted")


def _amend(connection: Connection, row: Row[Any], upload: NewUpload) -> Disposition:
    """Metadata changes that the new sidecar asks for; the content never changes.

    `unit` decides who may see an upload, so only an operator at the command line moves it; from anywhere else the
    wish is a receipt that waits for review.
    """
    said = _said(upload.sidecar)
    changes = {name: value for name, value in said.items() if name in _AMENDABLE and getattr(row, name) != value}
    wants_other_unit = "unit" in said and said["unit"] != row.unit
    if wants_other_unit and upload.arrival.source == "cli":
        changes["unit"] = said["unit"]
    if changes:
        stages = [stage for name, stage in _RESTARTS.items() if name in changes]
        restart = {"restart_from": min(stages, key=STAGES.index)} if stages else {}
        values = {**changes, **restart, "updated_at": func.clock_timestamp()}
        connection.execute(update(uploads).where(uploads.c.id == row.id).values(values))
        audit.record(connection, upload.arrival.source, "upload.amended", str(row.id), {"fields": sorted(changes)})
    if wants_other_unit and "unit" not in changes:
        return "awaiting_review"
    return "amended" if changes else "duplicate"


def _said(sidecar: Sidecar) -> dict[str, Any]:
    """Only what the sender really said: a field left out never erases what is known."""
    return {name: getattr(sidecar, name) for name in sidecar.model_fields_set if getattr(sidecar, name) is not None}


def _insert_receipt(connection: Connection, upload: NewUpload, accepted: Accepted) -> None:
    sidecar = None if isinstance(upload.arrival.sidecar, Refusal) else _said(upload.arrival.sidecar)
    connection.execute(
        insert(receipts).values(
            upload_id=accepted.upload_id,
            source=upload.arrival.source,
            location=upload.arrival.location,
            version=upload.arrival.version,
            received_by=upload.arrival.source,
            original_filename=upload.original_filename,
            sidecar=sidecar,
            disposition=accepted.disposition,
        )
    )
