"""The door of the speech room: what goes in for one upload, what comes out, and who does it.

What lives here: `Job`, `Heard`, `Unheard` and the `Transcriber` protocol.
When to add here: something every transcriber must be told, or must say.
What to keep out: how it is done (whisper).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from nurseconv_dagster.intake.arrivals import Recording
    from nurseconv_dagster.speech.transcripts import Transcript


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to transcribe.

    Args:
        upload_id: whose it is.
        recording: decoded audio.
        language: what the sender says is spoken (ISO 639-1); null for the setting, or to detect it.
    """

    upload_id: UUID
    recording: Recording
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Unheard:
    """Why one upload has no transcript: a result, not an exception.

    Args:
        code: `bad_samples`, `unknown_language` or `model_failed`.
        message: what was found and what to do; no words, no names.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one upload."""

    upload_id: UUID
    result: Transcript | Unheard


class Transcriber(Protocol):
    """Turns recordings into transcripts."""

    def transcribe(self, jobs: Iterable[Job]) -> Iterator[Heard]:
        """One value for each job, in their order; an upload that fails does not harm the others."""
        ...
