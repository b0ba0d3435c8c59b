"""How good a transcript is: signal-to-noise ratio, doubts about single segments, one confidence for the whole.

What lives here: `snr_db()`, `flags_of()`, `confidence_of()`: measurements, no decisions.
When to add here: another measure of the recording or of what was heard.
What to keep out: dropping words (gate) and rubric scores (the scoring room).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nurseconv_dagster.speech.decoding import MAX_COMPRESSION_RATIO, Decoded
from nurseconv_dagster.speech.gate import FRAME_SAMPLES, MIN_LOGPROB, SILENCE_PROB
from nurseconv_dagster.speech.transcripts import Segment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CERTAIN_SPEECH = 0.7
_CERTAIN_NOISE = 0.1
_MIN_NOISE_FRAMES = 5  # 0.16 s
_MAX_SNR_DB = 80.0  # beyond 16-bit quantisation noise more decibels say nothing


def snr_db(
    samples: npt.NDArray[np.float32], heard: npt.NDArray[np.float32], spoken: npt.NDArray[np.float32]
) -> float | None:
    """Signal-to-noise ratio in dB: power of the speech frames without the noise in them, over that of the other frames.

    Null when there is no speech, or no pause in which the noise alone can be heard.

    Args:
        samples: one channel, shape (n_samples,), 16 kHz.
        heard: probability of speech in each 32 ms frame, whoever speaks; tells the pauses.
        spoken: the same without the other channel's voice; tells the speech.
    """
    import numpy as np

    n_frames = len(samples) // FRAME_SAMPLES
    frames = samples[: n_frames * FRAME_SAMPLES].reshape(n_frames, FRAME_SAMPLES)
    # einsum sums the squares without a squared copy of the recording.
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME_SAMPLES
    speech, noise = power[spoken[:n_frames] >= _CERTAIN_SPEECH], power[heard[:n_frames] < _CERTAIN_NOISE]
    if not len(speech) or len(noise) < _MIN_NOISE_FRAMES:
        return None
    floor = max(float(noise.mean()), float(speech.mean()) * 10 ** (-_MAX_SNR_DB / 10), 1e-20)
    clean = max(float(speech.mean()) - floor, floor * 1e-3)
    return round(10 * math.log10(clean / floor), 1)


def flags_of(decoded: Decoded) -> tuple[str, ...]:
    """Why what was heard in a window is doubtful; empty when it is not.

    Source: the thresholds of Radford et al. 2022, section 4.5.
    """
    doubts = (
        ("low_logprob", decoded.avg_logprob < MIN_LOGPROB),
        ("repetitive", decoded.compression_ratio > MAX_COMPRESSION_RATIO),
        ("likely_silence", decoded.no_speech_prob > SILENCE_PROB),
    )
    return tuple(flag for flag, is_raised in doubts if is_raised)


def confidence_of(segments: Iterable[Segment]) -> float | None:
    """Mean of exp(avg_logprob), weighted by the segments' seconds, 0..1; null without timed segments."""
    weight = total = 0.0
    for segment in segments:
        if segment.avg_logprob is None or segment.start_s is None or segment.end_s is None:
            continue
        length_s = max(segment.end_s - segment.start_s, 0.01)
        weight += length_s
        total += length_s * math.exp(min(segment.avg_logprob, 0.0))
    return total / weight if weight else None
