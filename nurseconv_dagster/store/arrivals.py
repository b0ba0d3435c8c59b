"""The door's side of the ledger: an arrival becomes an upload, a duplicate, an amendment or a refusal.

What lives here: `ArrivalLedger`, which `intake.door.accept()` is handed; `changes_of()` and `amend_upload()`.
When to add here: a rule about what a second arrival of the same identity means.
What to keep out: which work is due (planning) and everything that reads bytes (intake).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.errors import IdentityConflictError
from nurseconv_dagster.intake.arrivals import ERASED, Accepted, Arrival, Disposition, NewUpload, Refusal, Sidecar, Vault
from nurseconv_dagster.store import audit, erasure
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import STAGES, idempotency_keys
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import upload_receipts as receipts
from nurseconv_dagster.store.visibility import may_see

# A changed field re-runs what depends on it, from this stage on.
_RESTARTS = {"language": "transcriptions", "profile": "answers"}
_AMENDABLE = ("nurse_id", "encounter_id", "profile", "language", "consent", "priority")
_GONE = Refusal(ERASED, "this upload was erased for good; sending it again does not bring it back.")


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
            erasure.hold_object(connection, upload.object_key)
            if _insert_upload(connection, upload):
                accepted = Accepted(upload.id, "refused" if upload.refusal else "accepted", upload.refusal)
            else:
                accepted = _meet_again(connection, upload)
            _bind_key(connection, upload)
            _insert_receipt(connection, upload, accepted)
            if upload.arrival.sender:
                about = {"disposition": accepted.disposition}
                audit.record(connection, upload.arrival.sender.name, "upload.received", str(accepted.upload_id), about)
            return accepted

    def finish_erasures(self, vault: Vault) -> int:
        """How many erased uploads have lost their content now; the vault keeps what another upload still holds."""
        return erasure.finish_erasures(self._engine, vault)

    def known_versions(self, locations: Iterator[str]) -> dict[str, str]:
        """For each bucket location that has a receipt, the version (size and mtime, or etag) last taken in."""
        wanted = {key: location for location in locations for key in (location, erasure.hide_location(location))}
        query = (
            select(receipts.c.location, receipts.c.version, receipts.c.received_at)
            .where(receipts.c.location.in_(list(wanted)), receipts.c.source == "bucket")
            .distinct(receipts.c.location)
            .order_by(receipts.c.location, receipts.c.received_at.desc())
        )
        with transaction(self._engine) as connection:
            rows = sorted(connection.execute(query), key=lambda row: row.received_at)
        return {wanted[row.location]: row.version for row in rows}


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
        "correlation_id": upload.correlation_id,
        "traceparent": upload.traceparent,
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
        raise _conflict(row.id)
    if row.status == "erased":
        _mark_unfinished(connection, upload)
        return Accepted(row.id, "refused", _GONE)
    if not may_see(_units_of(upload.arrival), row.unit):
        return Accepted(row.id, "awaiting_review")
    if upload.refusal is not None:
        return Accepted(row.id, "refused", upload.refusal)
    if row.status == "rejected" and row.stage == STAGES[0] and row.attempt == 0:
        return _reopen(connection, row, upload)
    return Accepted(row.id, _amend(connection, row, upload))


def _mark_unfinished(connection: Connection, upload: NewUpload) -> None:
    """The content has just been stored once more: the erasure has to take it again."""
    connection.execute(
        update(uploads).where(uploads.c.identity_key == upload.identity_key).values(object_key=upload.object_key)
    )


def _units_of(arrival: Arrival) -> frozenset[str] | None:
    """The units that the sender may see; bucket and command line are the hospital's own and see all."""
    return arrival.sender.units if arrival.sender else None


def _name_of(arrival: Arrival) -> str:
    return arrival.sender.name if arrival.sender else arrival.source


def _bind_key(connection: Connection, upload: NewUpload) -> None:
    """The caller's key stands for this upload from now on.

    A text is told apart by its key already; a recording is its bytes, and only this finds a key used for two.

    Raises:
        IdentityConflictError: the key stands for another upload.
    """
    key = upload.arrival.idempotency_key
    if key is None:
        return
    digest = hashlib.sha256(key.encode()).hexdigest()
    statement = postgresql.insert(idempotency_keys).values(key_sha256=digest, upload_id=upload.id)
    connection.execute(statement.on_conflict_do_nothing())
    bound: UUID = connection.execute(
        select(idempotency_keys.c.upload_id).where(idempotency_keys.c.key_sha256 == digest)
    ).scalar_one()
    if bound != upload.id:
        raise _conflict(bound)


def _conflict(upload_id: UUID) -> IdentityConflictError:
    return IdentityConflictError(
        f"this idempotency key already stands for upload {upload_id} with other bytes; "
        "send the same bytes again, or use a new key."
    )


def _reopen(connection: Connection, row: Row[Any], upload: NewUpload) -> Accepted:
    """Refused at the door before, fine now (a mended sidecar, a wider limit): the same row goes to work."""
    wants_other_unit = row.unit is not None and _wants_other_unit(row, upload)
    values = {
        **_status_of(upload),
        **upload.sidecar.model_dump(),
        "unit": row.unit if wants_other_unit else upload.sidecar.unit or row.unit,
        "object_key": upload.object_key,
        "content_type": upload.content_type,
        "kind": upload.kind,
        "original_filename": upload.original_filename,
        "correlation_id": upload.correlation_id,
        "traceparent": upload.traceparent,
        "updated_at": func.clock_timestamp(),
    }
    connection.execute(update(uploads).where(uploads.c.id == row.id).values(values))
    return Accepted(row.id, "awaiting_review" if wants_other_unit else "accepted")


def _amend(connection: Connection, row: Row[Any], upload: NewUpload) -> Disposition:
    """Metadata changes that the new sidecar asks for; the content never changes.

    `unit` decides who may see an upload, so only an admin moves it, or an operator at the command line; from anywhere
    else the wish is a receipt that waits for review.
    """
    changes = changes_of(row, _said(upload.sidecar), may_move=_may_move(upload.arrival))
    amend_upload(connection, row.id, changes, _name_of(upload.arrival))
    if _wants_other_unit(row, upload):
        return "awaiting_review"
    return "amended" if changes else "duplicate"


def changes_of(row: Row[Any], said: dict[str, Any], *, may_move: bool) -> dict[str, Any]:
    """What a sidecar would change of an upload.

    Args:
        row: of the upload.
        said: the fields that the sender really named.
        may_move: whether `unit` is among what they may change.
    """
    allowed = (*_AMENDABLE, "unit") if may_move else _AMENDABLE
    return {name: value for name, value in said.items() if name in allowed and getattr(row, name) != value}


def amend_upload(connection: Connection, upload_id: UUID, changes: dict[str, Any], actor: str) -> None:
    """The upload has these fields now, and what depends on them is run again; its row must be locked."""
    if not changes:
        return
    stages = [stage for name, stage in _RESTARTS.items() if name in changes]
    restart = {"restart_from": min(stages, key=STAGES.index)} if stages else {}
    values = {**changes, **restart, "updated_at": func.clock_timestamp()}
    connection.execute(update(uploads).where(uploads.c.id == upload_id).values(values))
    audit.record(connection, actor, "upload.amended", str(upload_id), {"fields": sorted(changes)})


def _wants_other_unit(row: Row[Any], upload: NewUpload) -> bool:
    """Whether the sidecar names another unit and its sender may not move the upload there."""
    unit = upload.sidecar.unit
    return unit is not None and unit != row.unit and not _may_move(upload.arrival)


def _may_move(arrival: Arrival) -> bool:
    if arrival.source == "api":
        return arrival.sender is not None and arrival.sender.units is None
    return arrival.source == "cli"


def _said(sidecar: Sidecar) -> dict[str, Any]:
    """Only what the sender really said: a field left out never erases what is known."""
    return {name: getattr(sidecar, name) for name in sidecar.model_fields_set if getattr(sidecar, name) is not None}


def _insert_receipt(connection: Connection, upload: NewUpload, accepted: Accepted) -> None:
    arrival = upload.arrival
    values: dict[str, Any] = {
        "upload_id": accepted.upload_id,
        "source": arrival.source,
        "location": arrival.location,
        "version": arrival.version,
        "received_by": _name_of(arrival),
        "original_filename": upload.original_filename,
        "sidecar": None if isinstance(arrival.sidecar, Refusal) else _said(arrival.sidecar),
        "disposition": accepted.disposition,
        "correlation_id": upload.correlation_id,
    }
    if accepted.refusal is _GONE:
        values |= erasure.nameless_receipt(arrival.location)
    connection.execute(insert(receipts).values(values))
