"""Uploads as the door hands them to the ledger, with only what a test cares about spelled out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from nurseconv_dagster.intake.arrivals import Arrival, NewUpload, Refusal, Sender, Sidecar


def new_upload(
    content: str | None = None,
    *,
    key: str | None = None,
    sidecar: Sidecar | None = None,
    refusal: Refusal | None = None,
    kind: str = "text",
    size: int = 100,
    source: str = "bucket",
    location: str | None = None,
    version: str | None = None,
    idempotency_key: str | None = None,
    sender: Sender | None = None,
) -> NewUpload:
    sha = content or uuid4().hex
    identity = key or f"audio:{sha}"
    side = sidecar or Sidecar()
    return NewUpload(
        id=uuid5(NAMESPACE_URL, identity),
        identity_key=identity,
        content_sha256=sha,
        original_filename="x.txt",
        object_key=None if refusal else f"objects/{sha}",
        file_size_bytes=size,
        content_type="text/plain",
        kind=kind,
        sidecar=side,
        refusal=refusal,
        arrival=Arrival(
            Path("x"), "x.txt", "api" if sender else source, location=location, version=version, sidecar=side,
            idempotency_key=idempotency_key, sender=sender,
        ),
        arrived_at=datetime.now(UTC),
        correlation_id=str(uuid4()),
    )  # fmt: skip


def accept_many(ledger, count: int, **about) -> list[UUID]:
    return [ledger.record_arrival(new_upload(**about)).upload_id for _ in range(count)]
