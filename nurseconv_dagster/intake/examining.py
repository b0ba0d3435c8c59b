"""The first stage's look at a stored object: decoded to the end, measured, flagged or refused.

What lives here: `examine()`, and `read_recording()` for the stage that needs the samples.
When to add here: a fact about the content that later stages or people must know.
What to keep out: how it is decoded (decoding) and what is done with a refusal (the ledger).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Kind, Recording, Refusal
from nurseconv_dagster.intake.decoding import decode
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.intake.sniffing import sniff
from nurseconv_dagster.intake.texts import TypedText, read_text


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of an object after it was read to its end.

    Args:
        duration_s: seconds of audio; null for typed text.
        damage: facts for people; empty when there is none.
    """

    duration_s: float | None
    damage: tuple[str, ...] = ()


def examine(path: Path, kind: Kind, limits: Limits) -> Examined | Refusal:
    """The object's facts, or why it is refused.

    Args:
        path: of the object in the vault.
        kind: what the door found it to be.
        limits: as at the door.
    """
    found = read_typed(path) if kind == "text" else read_recording(path, limits)
    if isinstance(found, Recording):
        return Examined(found.duration_s, found.damage)
    return found if isinstance(found, Refusal) else Examined(None)


def read_recording(path: Path, limits: Limits) -> Recording | Refusal:
    """The samples of a stored recording."""
    sniffed = sniff(path, declared_kind="audio")
    return sniffed if isinstance(sniffed, Refusal) else decode(path, sniffed.format, limits)


def read_typed(path: Path) -> TypedText | Refusal:
    """The lines of a stored typed conversation.

    Raises:
        VaultUnavailableError: the object cannot be read.
    """
    try:
        return read_text(path.read_bytes())
    except OSError as error:
        raise VaultUnavailableError(f"an object of the vault cannot be read: {error.strerror}") from None
