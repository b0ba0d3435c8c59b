"""What makes two arrivals the same upload.

What lives here: `identity_key()`, `unread_key()` and `upload_id()`.
When to add here: nothing without a migration: a stored key is fixed at first arrival.
What to keep out: what a second arrival means (the ledger decides).

A recording is its bytes. A typed text is told apart, in this order, by the caller's idempotency key, by its bytes and
the encounter, by its bytes and the bucket path, or by nothing shared at all. The bytes stay out of the key made of an
idempotency key: the same key with other bytes then meets the first row and its `content_sha256`, and the ledger can
refuse it. A refused file has the identity it would have had, so that a mended sidecar opens the same row again.

Keys are hashes: no name, path or encounter can be read from them.
"""

from __future__ import annotations

import hashlib
import uuid

from nurseconv_dagster.intake.arrivals import Kind

_NAMESPACE = uuid.UUID("6d0a1f0e-5b0f-5c55-9d6b-5a3f0e6f2b71")


def identity_key(
    kind: Kind, sha256: str, idempotency_key: str | None, encounter_id: str | None, location: str | None
) -> str:
    """The key that is equal for two arrivals of the same upload.

    Args:
        kind: audio or text.
        sha256: of the content, in hex.
        idempotency_key: the caller's, already made unique to the caller; null when none. Texts only.
        encounter_id: from the sidecar, null when unknown. Texts only.
        location: the bucket path, null when it did not come from the bucket. Texts only.
    """
    if kind == "audio":
        return f"recording:{sha256}"
    if idempotency_key is not None:
        return f"text-key:{_digest(idempotency_key)}"
    if encounter_id is not None:
        return f"text-encounter:{_digest(sha256, encounter_id)}"
    if location is not None:
        return f"text-location:{_digest(sha256, location)}"
    return f"text-fresh:{uuid.uuid4().hex}"


def unread_key(code: str, location: str | None, version: str | None) -> str:
    """The key of a file refused before its content could tell it apart: empty, or too large to be read.

    Args:
        code: of the refusal.
        location: the bucket path; null makes every arrival its own.
        version: size and mtime of this arrival.
    """
    if location is None:
        return f"unread-fresh:{uuid.uuid4().hex}"
    return f"unread:{_digest(code, location, version or '')}"


def upload_id(key: str) -> uuid.UUID:
    """The upload's id, the same on every machine. Source: UUID version 5, RFC 9562 section 5.5."""
    return uuid.uuid5(_NAMESPACE, key)


def _digest(*parts: str) -> str:
    """A hash of the parts; each one's length goes in, so that no two lists of parts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
