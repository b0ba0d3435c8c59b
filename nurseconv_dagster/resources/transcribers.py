"""The transcriber, as a resource: one model, warm for the life of the process; one at a time computes on a device.

What lives here: `TranscriberResource`.
When to add here: a speech setting to hand on.
What to keep out: how words are heard (speech).
"""

import time
from collections.abc import Iterator, Sequence
from functools import cache

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.errors import ModelError
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.devices import compute_device
from nurseconv_dagster.speech.transcriber import Job, Unheard
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.speech.typed import transcribe_text
from nurseconv_dagster.speech.whisper import WhisperTranscriber
from nurseconv_dagster.store.claims import Claim
from nurseconv_dagster.store.turns import taking_turns

Told = tuple[Claim, Transcript | Refusal | Exception]


class TranscriberResource(ConfigurableResource[None]):
    """Turns stored objects into transcripts, typed ones at once, recordings in batches across uploads."""

    intake: ResourceDependency[IntakeResource]

    def transcribe(self, claims: Sequence[Claim]) -> Iterator[Told]:
        """Each claim with its transcript, or with why there is none; one that fails does not harm the others.

        Raises:
            WeightsMissingError, ModelError: no recording can be transcribed.
            DeviceBusyError: another process has kept the device until SOFT_TIME_LIMIT_S was over.
        """
        until = time.monotonic() + self.intake.store.settings.soft_time_limit_s
        for claim in claims:
            if claim.kind == "text":
                yield claim, self._read(claim)
        yield from self._hear([claim for claim in claims if claim.kind == "audio"], until)

    def _read(self, claim: Claim) -> Transcript | Refusal:
        typed = self.intake.read_typed(claim.object_key)
        return typed if isinstance(typed, Refusal) else transcribe_text(typed)

    def _hear(self, claims: Sequence[Claim], until: float) -> Iterator[Told]:
        """Recordings are decoded as the model takes them, so that few are in memory at once."""
        unreadable: list[Told] = []
        by_id = {claim.upload_id: claim for claim in claims}

        def jobs() -> Iterator[Job]:
            for claim in claims:
                try:
                    recording = self.intake.read_recording(claim.object_key)
                except Exception as error:  # noqa: BLE001 - one unreadable object must not end its mates' batch
                    unreadable.append((claim, error))
                    continue
                if isinstance(recording, Refusal):
                    unreadable.append((claim, recording))
                else:
                    yield Job(claim.upload_id, recording, claim.language)

        if claims:
            settings = self.intake.store.settings
            heard_in_turn = taking_turns(
                self.intake.store.engine,
                f"nurseconv:whisper:{compute_device(settings.whisper_device)}",
                _whisper(settings).transcribe(jobs()),
                until=until,
            )
            for n_heard, heard in enumerate(heard_in_turn, 1):
                yield by_id[heard.upload_id], _outcome(heard.result)
                # Nobody is made to wait for a turn in which nothing is left.
                if n_heard + len(unreadable) == len(claims):
                    break
        yield from unreadable


@cache
def _whisper(settings: Settings) -> WhisperTranscriber:
    """One for the whole process: the model stays warm from run to run."""
    return WhisperTranscriber(
        model=settings.whisper_model,
        home=settings.home,
        device=settings.whisper_device,
        compute_type=settings.whisper_compute_type,
        batch_size=settings.whisper_batch_size,
        beam_size=settings.whisper_beam_size,
        language=settings.whisper_language,
        task=settings.whisper_task,
    )


def _outcome(result: Transcript | Unheard) -> Transcript | Exception:
    return ModelError(result.message, code=result.code) if isinstance(result, Unheard) else result
