"""The only way in: one arrival becomes one upload in the ledger, accepted or refused with a reason.

What lives here: `accept()`, the order of its checks, and what it asks vault and ledger to keep.
When to add here: a check that every file must pass, whoever brings it.
What to keep out: how a check is made (its own module), SQL, and waiting for files to stop changing (listing).

Killed at any line, the same arrival can simply come again: the object is stored before the row that names it, and both
writes find themselves done. Refused files of the bucket stay where they lie; of others the vault keeps a copy, unless
there is nothing to keep, too much of it, or a virus in it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.arrivals import (
    ERASED,
    Accepted,
    Arrival,
    Kind,
    Ledger,
    NewUpload,
    Refusal,
    Sidecar,
    Vault,
)
from nurseconv_dagster.intake.demuxing import probe
from nurseconv_dagster.intake.filenames import clean_filename
from nurseconv_dagster.intake.identity import identity_key, unread_key, upload_id
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.intake.scanning import Scanner
from nurseconv_dagster.intake.sidecars import refuse_profile
from nurseconv_dagster.intake.sniffing import UNKNOWN_CONTENT_TYPE, Sniffed, sniff
from nurseconv_dagster.intake.texts import read_text
from nurseconv_dagster.intake.vault import hash_file
from nurseconv_dagster.telemetry.correlation import correlated
from nurseconv_dagster.telemetry.traces import span, traceparent

_UNREAD = frozenset({"empty_file", "too_large"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Content:
    """What the door found out about the bytes; the hash is empty for a file too large to be read."""

    sha256: str
    size_bytes: int
    content_type: str
    kind: Kind
    refusal: Refusal | None


def accept(
    arrival: Arrival,
    *,
    vault: Vault,
    ledger: Ledger,
    scanner: Scanner | None,
    limits: Limits,
    profiles: Collection[str],
    now: datetime,
) -> Accepted:
    """What became of the arrival; its row and receipt are in the ledger when this returns.

    Args:
        arrival: the file and what is said about it; the file is read, never changed.
        vault: keeps the content.
        ledger: keeps the row.
        scanner: looks for viruses before anything is kept; null when scanning is off.
        limits: size, formats, duration, channels, rate.
        profiles: the catalogue's profile names.
        now: the time of arrival, aware.

    Raises:
        VaultUnavailableError: transient; the vault cannot be written, or the file vanished or changed meanwhile.
        ScannerUnavailableError: transient; nobody could look for viruses, and nothing was kept.
        StoreUnavailableError: transient; the ledger wrote nothing.
        IdentityConflictError: the same idempotency key arrived before with other bytes.
    """
    began = perf_counter()
    with correlated() as correlation_id, span("accept", source=arrival.source) as told:
        accepted = _take(
            arrival,
            vault=vault,
            ledger=ledger,
            scanner=scanner,
            limits=limits,
            profiles=profiles,
            now=now,
            correlation_id=correlation_id,
        )
        facts = {
            "upload_id": str(accepted.upload_id),
            "source": arrival.source,
            "disposition": accepted.disposition,
            "error_code": accepted.refusal.code if accepted.refusal else None,
        }
        told.tell(**facts)
        _log.info("arrival %s", accepted.disposition, extra={**facts, "seconds": round(perf_counter() - began, 3)})
    return accepted


def _take(
    arrival: Arrival,
    *,
    vault: Vault,
    ledger: Ledger,
    scanner: Scanner | None,
    limits: Limits,
    profiles: Collection[str],
    now: datetime,
    correlation_id: str,
) -> Accepted:
    """As `accept()`."""
    try:
        content = _examine(arrival, scanner, limits, profiles)
    except OSError as error:
        raise VaultUnavailableError(
            f"the file that arrived cannot be read ({error.strerror}); send it again, or let the service read it.",
            code="source_unreadable",
        ) from None
    sidecar = arrival.sidecar if isinstance(arrival.sidecar, Sidecar) else Sidecar()
    key = _identify(arrival, content, sidecar)
    is_kept = _is_kept(arrival, content.refusal)
    accepted = ledger.record_arrival(
        NewUpload(
            id=upload_id(key),
            identity_key=key,
            content_sha256=content.sha256,
            original_filename=clean_filename(arrival.filename),
            object_key=vault.put(arrival.path, content.sha256) if is_kept else None,
            file_size_bytes=content.size_bytes,
            content_type=content.content_type,
            kind=content.kind,
            sidecar=sidecar,
            refusal=content.refusal,
            arrival=arrival,
            arrived_at=now,
            correlation_id=correlation_id,
            traceparent=traceparent(),
        )
    )
    if is_kept and accepted.refusal is not None and accepted.refusal.code == ERASED:
        ledger.finish_erasures(vault)
    elif is_kept:
        # Again, for an erasure of the same words in another upload may have taken the object before the row named it.
        vault.put(arrival.path, content.sha256)
    return accepted


def _examine(arrival: Arrival, scanner: Scanner | None, limits: Limits, profiles: Collection[str]) -> _Content:
    size_bytes = arrival.path.stat().st_size if arrival.size_bytes is None else arrival.size_bytes
    if size_bytes > limits.max_file_size_bytes:
        refusal = Refusal(
            "too_large",
            f"the file has {size_bytes} bytes, at most {limits.max_file_size_bytes} are allowed; "
            "compress or split the recording, or raise MAX_FILE_SIZE.",
        )
        return _Content("", size_bytes, UNKNOWN_CONTENT_TYPE, arrival.declared_kind or "audio", refusal)
    sha256, size_bytes = hash_file(arrival.path)
    found = scanner.scan(arrival.path, sha256) if scanner is not None else None
    if found is not None:
        return _Content(sha256, size_bytes, UNKNOWN_CONTENT_TYPE, arrival.declared_kind or "audio", _infected(found))
    sniffed = sniff(arrival.path, arrival.filename, arrival.declared_kind)
    if isinstance(sniffed, Refusal):
        is_text = arrival.declared_kind == "text" or sniffed.code == "not_utf8"
        return _Content(sha256, size_bytes, UNKNOWN_CONTENT_TYPE, "text" if is_text else "audio", sniffed)
    return _Content(sha256, size_bytes, sniffed.content_type, sniffed.kind, _refuse(arrival, sniffed, limits, profiles))


def _infected(found: str) -> Refusal:
    return Refusal(
        "infected",
        f"the virus scanner found {found}; nothing of the file was kept. Clean the machine that it comes from, remove "
        "the file, and record or export the conversation anew.",
    )


def _refuse(arrival: Arrival, sniffed: Sniffed, limits: Limits, profiles: Collection[str]) -> Refusal | None:
    """The first reason not to take a file whose format is known, cheap reasons first."""
    if sniffed.kind == "audio" and sniffed.format not in limits.allowed_formats:
        return Refusal(
            "format_not_allowed",
            f"the content is {sniffed.format}, allowed are {', '.join(limits.allowed_formats)}; "
            "export the recording in one of these, or add it to ALLOWED_AUDIO_FORMATS.",
        )
    if isinstance(arrival.sidecar, Refusal):
        return arrival.sidecar
    return refuse_profile(arrival.sidecar, profiles) or _refuse_content(arrival.path, sniffed, limits)


def _refuse_content(path: Path, sniffed: Sniffed, limits: Limits) -> Refusal | None:
    found = read_text(path.read_bytes()) if sniffed.kind == "text" else probe(path, sniffed.format, limits)
    return found if isinstance(found, Refusal) else None


def _identify(arrival: Arrival, content: _Content, sidecar: Sidecar) -> str:
    if content.refusal is not None and content.refusal.code in _UNREAD:
        return unread_key(content.refusal.code, arrival.location, arrival.version)
    return identity_key(content.kind, content.sha256, arrival.idempotency_key, sidecar.encounter_id, arrival.location)


def _is_kept(arrival: Arrival, refusal: Refusal | None) -> bool:
    """True for what goes into the vault: what was accepted; of the rest what lies in no bucket and has no virus."""
    return refusal is None or (arrival.source != "bucket" and refusal.code not in (*_UNREAD, "infected"))
