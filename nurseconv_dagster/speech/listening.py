"""One upload through the room: before Whisper it becomes windows, after Whisper it becomes a transcript.

What lives here: `listen()` (gate, channels, windows) and `write_down()` (words, segments, roles, measures).
When to add here: another step between samples and transcript; the step itself has a module of its own.
What to keep out: the model and its batches (decoding, batching).
"""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nurseconv_dagster.speech.batching import Hearing
from nurseconv_dagster.speech.channels import merge_channels, split_speakers
from nurseconv_dagster.speech.gate import find_stretches, is_invented, speech_probabilities
from nurseconv_dagster.speech.quality import confidence_of, snr_db
from nurseconv_dagster.speech.roles import assign_roles
from nurseconv_dagster.speech.timing import cut_segments, place_words
from nurseconv_dagster.speech.transcriber import Job, Unheard
from nurseconv_dagster.speech.transcripts import Segment, Transcript, assemble
from nurseconv_dagster.speech.windows import Window, cut_windows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nurseconv_dagster.speech.weights import Weights

_MODEL_FAILED = (
    "Whisper failed on this recording ({reason}) even alone; check memory and WHISPER_BATCH_SIZE, then try again."
)


@dataclass(slots=True, kw_only=True)
class Listening(Hearing):
    """A job on its way through the batches, with what was learned about its sound.

    Args:
        job: what came in.
        snr_db: of the worse channel that has speech; null when it cannot be told.
        unheard: why it has no windows at all; null when it may be transcribed.
    """

    job: Job
    snr_db: float | None = None
    unheard: Unheard | None = None


def listen(job: Job, language: str, known_languages: Set[str]) -> Listening:
    """The job cut into windows of speech; without windows when nobody speaks or it cannot be transcribed.

    Args:
        job: what came in; its own language goes before `language`.
        language: WHISPER_LANGUAGE, "" to detect.
        known_languages: the codes that the model knows.
    """
    started = time.perf_counter()
    wanted = job.language or language or None
    unheard = _refuse(job, wanted, known_languages)
    if unheard:
        return Listening(samples=job.recording.samples, windows=[], language=None, job=job, unheard=unheard)
    samples = job.recording.samples
    heard = [speech_probabilities(channel) for channel in samples]
    own = split_speakers(samples, heard) if len(samples) == 2 else heard
    if own is None:  # two microphones in one room: mix them
        samples = samples.mean(axis=0, keepdims=True)
        heard = own = [speech_probabilities(samples[0])]
    listening = Listening(samples=samples, windows=_windows(samples, own), language=wanted, job=job)
    listening.snr_db = _worst_snr(samples, heard, own)
    listening.elapsed_s = time.perf_counter() - started
    return listening


def write_down(listening: Listening, weights: Weights, compute_type: str) -> Transcript | Unheard:
    """The transcript of an upload whose windows are decoded, or why there is none.

    Args:
        listening: with all of its windows decoded.
        weights: of the model that heard it.
        compute_type: what that model computed in.
    """
    if listening.unheard:
        return listening.unheard
    if listening.failure:
        return Unheard("model_failed", _MODEL_FAILED.format(reason=listening.failure))
    started = time.perf_counter()
    segments = _segments(listening)
    full_text, placed = assemble(segments)
    is_speech = bool(placed)
    return Transcript(
        outcome="speech" if is_speech else "no_speech",
        full_text=full_text,
        segments=placed,
        language=listening.language if is_speech else None,
        language_probability=listening.language_probability if is_speech else None,
        model_name=weights.name,
        model_revision=weights.revision,
        compute_type=compute_type,
        processing_time_s=round(listening.elapsed_s + time.perf_counter() - started, 3),
        duration_s=listening.job.recording.duration_s,
        snr_db=listening.snr_db if is_speech else None,
        confidence_score=confidence_of(placed),
    )


def _refuse(job: Job, language: str | None, known_languages: Set[str]) -> Unheard | None:
    import numpy as np

    samples = job.recording.samples
    if samples.ndim != 2 or samples.shape[0] not in {1, 2} or samples.dtype != np.float32:
        return Unheard("bad_samples", f"samples are {samples.dtype} {samples.shape}, not one or two float32 channels.")
    if not np.isfinite(samples).all():
        return Unheard("bad_samples", "some samples are not finite numbers; send the recording again.")
    if language is not None and language not in known_languages:
        return Unheard("unknown_language", f"Whisper does not know the language {language}; use an ISO 639-1 code.")
    return None


def _windows(samples: npt.NDArray[np.float32], own: list[npt.NDArray[np.float32]]) -> list[tuple[int, Window]]:
    return [
        (channel, window)
        for channel, probabilities in enumerate(own)
        for window in cut_windows(find_stretches(probabilities, samples.shape[1]), probabilities)
    ]


def _worst_snr(
    samples: npt.NDArray[np.float32], heard: list[npt.NDArray[np.float32]], own: list[npt.NDArray[np.float32]]
) -> float | None:
    found = [snr_db(*channel) for channel in zip(samples, heard, own, strict=True)]
    return min((one for one in found if one is not None), default=None)


def _segments(listening: Listening) -> list[Segment]:
    """All segments in time order, with speakers and roles where there are two channels."""
    is_stereo = len(listening.samples) == 2
    channels: list[list[Segment]] = [[] for _ in listening.samples]
    for number, (channel, window) in enumerate(listening.windows):
        decoded = listening.decoded[number]
        if is_invented(decoded):
            continue
        words = place_words(decoded, window)
        channels[channel].extend(cut_segments(words, decoded, f"channel_{channel}" if is_stereo else None))
    if listening.job.recording.n_decode_errors:
        channels = [[_flag_damage(segment) for segment in segments] for segments in channels]
    return assign_roles(merge_channels(channels, listening.samples)) if is_stereo else channels[0]


def _flag_damage(segment: Segment) -> Segment:
    return replace(segment, flags=(*segment.flags, "damaged_audio"))
