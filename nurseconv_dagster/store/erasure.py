"""Erasure: an upload's words, names and content go for good; that it was there, and was erased, stays.

What lives here: `erase_upload()`, `finish_erasures()`, and what an erased upload's receipts may still say.
When to add here: a table that keeps something of a conversation without an `upload_id`; those with one are found.
What to keep out: who may erase (api, operations); the marts, which follow by themselves with their next build.

In this order, so that a crash anywhere leaves an erasure that is done or goes on: the id is written to a file outside
the database (a backup of the database cannot undo it), the rows go in one transaction, then the object. A row that is
erased and still names an object is an erasure to be finished.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, Table, delete, func, null, select, text, update

from nurseconv_dagster.errors import ErasedUploadError, UnknownUploadError, VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Vault
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import metadata
from nurseconv_dagster.store.tables import processing_jobs as jobs
from nurseconv_dagster.store.tables import upload_receipts as receipts

TOMBSTONES = "erased.log"
NAMELESS = "erased"

# Rows that hold no words: who sent when, what was tried, what it cost. All other rows of an upload are deleted.
_KEPT = frozenset({"upload_receipts", "processing_jobs", "extraction_attempts", "idempotency_keys"})
_FORGOTTEN = (
    "nurse_id", "encounter_id", "language", "consent", "duration_s", "error_code", "error_message", "restart_from",
    "cancel_requested_at", "run_key", "run_id", "requested_at", "lease_until", "not_before",
)  # fmt: skip
_HOLD = text("select pg_advisory_xact_lock_shared(hashtextextended(:key, 0))")
_TAKE = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")


def erase_upload(connection: Connection, upload_id: UUID, home: Path, actor: str) -> int:
    """How many copies of the upload lie in the bucket, where only its owner may remove them.

    Whatever a run is doing with the upload, it can write nothing any more. Call `finish_erasures()` after the commit.

    Args:
        connection: a transaction of its own.
        upload_id: whose upload.
        home: the folder that holds `erased.log`.
        actor: who asked for it, as the audit log has it.

    Raises:
        UnknownUploadError: there is no such upload.
        ErasedUploadError: it was erased before.
        VaultUnavailableError: transient; the home's disk cannot be written, and nothing was erased.
    """
    row = connection.execute(select(uploads).where(uploads.c.id == upload_id).with_for_update()).first()
    if row is None:
        raise UnknownUploadError(f"no upload {upload_id} is known; there is nothing to erase.")
    refuse_erased(row)
    _write_tombstone(home / TOMBSTONES, upload_id)
    for table in _tables_of_words():
        connection.execute(delete(table).where(table.c.upload_id == upload_id))
    n_copies = _forget_receipts(connection, upload_id)
    _abandon_jobs(connection, upload_id)
    connection.execute(
        update(uploads)
        .where(uploads.c.id == upload_id)
        .values(
            status="erased", original_filename=NAMELESS, damage=[], updated_at=func.clock_timestamp(),
            **dict.fromkeys(_FORGOTTEN, null()),
        )
    )  # fmt: skip
    audit.record(connection, actor, "upload.erased", str(upload_id), {"n_bucket_copies": n_copies})
    return n_copies


def refuse_erased(row: Row[Any]) -> None:
    """Nothing, for an upload that is still there.

    Raises:
        ErasedUploadError: it was erased.
    """
    if row.status == "erased":
        raise ErasedUploadError(f"upload {row.id} was erased for good; nothing of it is left to be shown or changed.")


def hold_object(connection: Connection, object_key: str | None) -> None:
    """Until this transaction ends, no erasure takes the object: a row that names it is about to be written."""
    if object_key is not None:
        connection.execute(_HOLD, {"key": object_key})


@contextmanager
def exclusively(engine: Engine, object_key: str) -> Iterator[None]:
    """Inside, no erasure takes the object and no arrival counts on it."""
    with transaction(engine) as connection:
        connection.execute(_TAKE, {"key": object_key})
        yield


def finish_erasures(engine: Engine, vault: Vault) -> int:
    """How many objects of erased uploads were taken out of the vault or left to another upload that holds them.

    Raises:
        VaultUnavailableError: transient; the rest is tried again by the reconciler.
    """
    with transaction(engine) as connection:
        found = connection.execute(select(uploads.c.object_key).where(_is_unfinished()).distinct())
        waiting: list[str] = [row.object_key for row in found]
    for object_key in waiting:
        with transaction(engine) as connection:
            connection.execute(_TAKE, {"key": object_key})
            others = uploads.c.object_key == object_key, uploads.c.status != "erased"
            if connection.execute(select(uploads.c.id).where(*others).limit(1)).first() is None:
                vault.delete(object_key)
            mine = _is_unfinished(), uploads.c.object_key == object_key
            connection.execute(update(uploads).where(*mine).values(object_key=null()))
    return len(waiting)


def replay_erasures(connection: Connection, upload_ids: Iterable[UUID], home: Path) -> int:
    """How many of these uploads were there again, and are erased once more: by a restored backup.

    Call `finish_erasures()` after the commit.
    """
    known = update(uploads).where(uploads.c.id.in_(list(upload_ids)), uploads.c.status != "erased")
    rows = connection.execute(known.values(restart_from=null()).returning(uploads.c.id))
    again: list[UUID] = [row.id for row in rows]
    for upload_id in again:
        erase_upload(connection, upload_id, home, "restore")
    return len(again)


def nameless_receipt(location: str | None) -> dict[str, Any]:
    """What the receipt of an erased upload still says where others have names."""
    return {"original_filename": NAMELESS, "sidecar": null(), "location": location and hide_location(location)}


def hide_location(location: str) -> str:
    """A bucket path as it stands in the receipt of an erased upload: known again, and not to be read."""
    return f"sha256:{hashlib.sha256(location.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _is_unfinished() -> Any:
    return (uploads.c.status == "erased") & uploads.c.object_key.is_not(None)


def _tables_of_words() -> list[Table]:
    """Every table with rows of an upload that must go, those that point to others first."""
    found = (table for table in reversed(metadata.sorted_tables) if "upload_id" in table.c)
    return [table for table in found if table.name not in _KEPT]


def _forget_receipts(connection: Connection, upload_id: UUID) -> int:
    """How many receipts are the bucket's; none of them names anything now."""
    query = select(receipts.c.id, receipts.c.location, receipts.c.source).where(receipts.c.upload_id == upload_id)
    rows = connection.execute(query).all()
    for row in rows:
        connection.execute(update(receipts).where(receipts.c.id == row.id).values(nameless_receipt(row.location)))
    return len({row.location for row in rows if row.source == "bucket"})


def _abandon_jobs(connection: Connection, upload_id: UUID) -> None:
    running = jobs.c.upload_id == upload_id, jobs.c.status == "running"
    ended = {"status": "abandoned", "completed_at": func.clock_timestamp(), "error_code": ErasedUploadError.code}
    connection.execute(update(jobs).where(*running).values(ended))


def _write_tombstone(file: Path, upload_id: UUID) -> None:
    """One line, on the disk before anything is erased; a line without an erasure behind it does no harm."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{datetime.now(UTC).isoformat(timespec='seconds')} {upload_id}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise VaultUnavailableError(
            f"{TOMBSTONES} in the home could not be written ({error.strerror}), so nothing was erased; "
            "free the disk and try again."
        ) from None
