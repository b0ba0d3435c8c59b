"""A ledger in memory: the door's side of it, with the same laws as the one in the store.

What lives here: `MemoryLedger`, the one fake of the `Ledger` protocol.
When to add here: a law that the real ledger keeps and a test of the door needs.
What to keep out: anything the door does not ask for.
"""

from __future__ import annotations

from collections.abc import Iterator

from nurseconv_dagster.errors import IdentityConflictError
from nurseconv_dagster.intake.arrivals import Accepted, NewUpload, Vault


class MemoryLedger:
    """Rows by identity key, and a receipt for every arrival that did not conflict."""

    def __init__(self) -> None:
        self.rows: dict[str, NewUpload] = {}
        self.receipts: list[tuple[NewUpload, Accepted]] = []

    def record_arrival(self, upload: NewUpload) -> Accepted:
        known = self.rows.get(upload.identity_key)
        if known is not None and known.content_sha256 != upload.content_sha256:
            raise IdentityConflictError(f"this idempotency key already stands for upload {known.id} with other bytes.")
        accepted = self._decide(known, upload)
        self.receipts.append((upload, accepted))
        return accepted

    def known_versions(self, locations: Iterator[str]) -> dict[str, str]:
        wanted = set(locations)
        arrivals = (upload.arrival for upload, _ in self.receipts)
        return {item.location: item.version for item in arrivals if item.location in wanted and item.version}

    def finish_erasures(self, vault: Vault) -> int:
        return 0

    def _decide(self, known: NewUpload | None, upload: NewUpload) -> Accepted:
        if upload.refusal is not None:
            self.rows.setdefault(upload.identity_key, upload)
            return Accepted(upload.id, "refused", upload.refusal)
        if known is None or known.refusal is not None:
            self.rows[upload.identity_key] = upload
            return Accepted(upload.id, "accepted")
        return Accepted(upload.id, "duplicate" if known.sidecar == upload.sidecar else "amended")
