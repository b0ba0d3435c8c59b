"""Whisper as a transcriber: the model is loaded on first use, kept warm, and fed with batches across uploads.

What lives here: `WhisperTranscriber`.
When to add here: a speech setting.
What to keep out: the steps themselves; they have their own modules, and here they are put in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.speech.batching import hear
from nurseconv_dagster.speech.decoding import Decoder
from nurseconv_dagster.speech.listening import listen, write_down
from nurseconv_dagster.speech.transcriber import Heard, Job
from nurseconv_dagster.speech.weights import Weights, find_weights


@dataclass(slots=True, kw_only=True)
class WhisperTranscriber:
    """Whisper with a speech gate, batched across uploads.

    Args:
        model: WHISPER_MODEL, a size or a folder.
        home: NURSECONV_HOME; a packaged model is joined there once.
        device: WHISPER_DEVICE: cpu, cuda or auto.
        compute_type: WHISPER_COMPUTE_TYPE, one of CTranslate2's.
        batch_size: WHISPER_BATCH_SIZE: windows of at most 30 s; with base each takes about 45 MB more.
        beam_size: WHISPER_BEAM_SIZE.
        language: WHISPER_LANGUAGE; "" to detect it for each upload.
        task: WHISPER_TASK: transcribe, or translate into English.
    """

    model: str
    home: Path
    device: str = "auto"
    compute_type: str = "int8"
    batch_size: int = 4
    beam_size: int = 5
    language: str = ""
    task: str = "transcribe"
    _loaded: tuple[Weights, Decoder] | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def warm(self) -> None:
        """Load the model now instead of with the first job.

        Raises:
            WeightsMissingError: there are no weights for `model`.
            ModelError: they cannot be used with this device and compute type.
            SettingsError: the model does not know `language`.
        """
        self._load()

    def transcribe(self, jobs: Iterable[Job]) -> Iterator[Heard]:
        """One value for each job, in their order; an upload that fails does not harm the others.

        Jobs are read lazily: a generator that decodes one recording at a time keeps memory small.

        Args:
            jobs: recordings, each with the language its sender named.

        Raises:
            WeightsMissingError: as for `warm`.
            ModelError: as for `warm`.
            SettingsError: as for `warm`.
        """
        weights, decoder = self._load()
        listenings = (listen(job, self.language, decoder.languages) for job in jobs)
        for listening in hear(decoder, listenings, self.batch_size):
            yield Heard(listening.job.upload_id, write_down(listening, weights, decoder.compute_type))

    def _load(self) -> tuple[Weights, Decoder]:
        with self._lock:
            if self._loaded is None:
                weights = find_weights(self.model, self.home)
                decoder = Decoder(
                    weights,
                    device=self.device,
                    compute_type=self.compute_type,
                    beam_size=self.beam_size,
                    task=self.task,
                )
                if self.language and self.language not in decoder.languages:
                    raise SettingsError(
                        f"WHISPER_LANGUAGE={self.language} is not allowed: {weights.name} knows "
                        f"{', '.join(sorted(decoder.languages))}; empty detects it."
                    )
                self._loaded = weights, decoder
            return self._loaded
