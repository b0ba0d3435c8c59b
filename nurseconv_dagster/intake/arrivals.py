"""The typed values of intake: what arrives, what it is, why it may be refused, what comes out.

What lives here: `Sidecar`, `Sender`, `Arrival`, `Refusal`, `Recording`, `NewUpload`, `Accepted` and the door's
protocols `Ledger` and `Vault`.
When to add here: a field that the door needs from every caller (sensor, command line, API).
What to keep out: any reading of files; these are plain values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Kind = Literal["audio", "text"]


class Sidecar(BaseModel):
    """What the sender says about a recording: the JSON beside it, or a POST's fields. Unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    nurse_id: str | None = Field(None, min_length=1, max_length=200)
    unit: str | None = Field(None, min_length=1, max_length=200)
    encounter_id: str | None = Field(None, min_length=1, max_length=200)
    profile: str | None = Field(None, min_length=1, max_length=100)
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    priority: Literal["normal", "high"] = "normal"
    consent: bool | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, where that is known: what stands in receipts and the audit log, and what they may see.

    Args:
        name: the caller's, as the audit log has it.
        units: the units whose uploads they may see; null is all of them, and the right to move an upload.
    """

    name: str
    units: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file or text that turned up.

    Args:
        path: where its bytes lie now (for text posted by a program: a spooled temporary file).
        filename: the name the sender gave it; shown to people, never logged.
        source: who brought it: the bucket's sensor, the command line, a program.
        location: the bucket path relative to the bucket; null when it did not come from the bucket.
        version: the size and mtime (or etag) of this arrival; with `location` it tells arrivals apart.
        sidecar: what the sender says about it, already validated, or the refusal that says why it could not be read.
        idempotency_key: the caller's own, made unique to the caller; null when none.
        declared_kind: what the caller knows it is; null to decide by content.
        sender: the caller of the API; null for bucket and command line, which the source names well enough.
        size_bytes: what its source says of a file that was not fetched, for it is too large; `path` leads nowhere then.
    """

    path: Path
    filename: str
    source: Literal["bucket", "cli", "api"]
    location: str | None = None
    version: str | None = None
    sidecar: Sidecar | Refusal = field(default_factory=Sidecar)
    idempotency_key: str | None = None
    declared_kind: Kind | None = None
    sender: Sender | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not taken: a result, not an exception.

    Args:
        code: stable, snake_case: `empty_file`, `unknown_format`, `format_not_allowed`, `too_large`, `too_long`,
            `damaged_audio`, `no_audio_stream`, `too_many_channels`, `bad_sample_rate`, `too_much_memory`, `not_utf8`,
            `empty_text`, `bad_sidecar`, `unknown_profile`, `infected`, `erased`.
        message: what was found, what is allowed, what to do. No file name, no content.
    """

    code: str
    message: str


ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Recording:
    """Decoded audio.

    Args:
        samples: shape (n_channels, n_samples), float32 in [-1, 1], 16 kHz; one channel, or two where they differ.
        duration_s: seconds of decoded audio.
        n_decode_errors: packets that did not decode; a damaged file that still holds speech is flagged by this.
        declared_duration_s: what the header promised; null when it says nothing.
        damage: human-readable facts about damage, empty when none ("3 of 812 packets did not decode").
        format: the container found by content: one of mp3, wav, m4a, ogg, flac, webm.
    """

    samples: npt.NDArray[np.float32]
    duration_s: float
    n_decode_errors: int
    declared_duration_s: float | None
    damage: tuple[str, ...]
    format: str


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What the door asks the ledger to write: one upload, or one refused file.

    Args:
        correlation_id: of the request that brought it, or one of its own; on each log line about it, to the marts.
        traceparent: of the span in which it came, for the spans of its stages; null when nobody collects them.
    """

    id: UUID
    identity_key: str
    content_sha256: str
    original_filename: str
    object_key: str | None
    file_size_bytes: int
    content_type: str
    kind: Kind
    sidecar: Sidecar
    refusal: Refusal | None
    arrival: Arrival
    arrived_at: datetime
    correlation_id: str
    traceparent: str | None = None


# `awaiting_review`: known already, and the sender may not change it; a person decides what was meant.
Disposition = Literal["accepted", "duplicate", "amended", "awaiting_review", "refused"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one arrival.

    Args:
        upload_id: the upload these bytes are, now or since earlier.
        disposition: what was done with this arrival; also stands in its receipt.
        refusal: why it was refused, else null.
    """

    upload_id: UUID
    disposition: Disposition
    refusal: Refusal | None = None


class Vault(Protocol):
    """Where content is kept, under its own hash."""

    def put(self, source: Path, content_sha256: str) -> str:
        """The object key of the stored copy; storing the same content twice keeps one object."""
        ...

    def delete(self, object_key: str) -> None:
        """Remove an object for good; one that is gone already is fine."""
        ...


class Ledger(Protocol):
    """What the door needs of the ledger."""

    def record_arrival(self, upload: NewUpload) -> Accepted:
        """What became of the arrival; row, receipt and amendment are written in one transaction."""
        ...

    def finish_erasures(self, vault: Vault) -> int:
        """How many erased uploads have lost their content now; the vault keeps what another upload still holds."""
        ...

    def known_versions(self, locations: Iterator[str]) -> dict[str, str]:
        """For each bucket location that has a receipt, the version last taken in."""
        ...
