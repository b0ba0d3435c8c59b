"""The speech gate: where in a recording somebody speaks, and whether decoded words were really spoken.

What lives here: Silero VAD's probabilities, the stretches cut from them, and the check after decoding. Both nets stand
because Whisper invents "you" or "Thank you." for noise and music.
When to add here: a sign that tells speech from other sound.
What to keep out: what the words are (decoding) and doubts that keep the words (quality).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nurseconv_dagster.speech.decoding import Decoded

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 512  # Silero VAD's own step: 32 ms

# Source: chosen on synthetic noise and music (highest probability 0.64) and synthetic speech down to 0 dB SNR (0.90 and
# more).
SPEECH_SOMEWHERE = 0.7
_ONSET = 0.5  # Source: Silero VAD's default threshold; the offset is its default of 0.15 below.
_OFFSET = 0.35
_MIN_SPEECH_FRAMES = 2
_MIN_PAUSE_FRAMES = 16  # 0.5 s
_PAD_SAMPLES = 6_400  # 0.4 s

_BLOCK_FRAMES = 9_000  # 288 s: bounds the memory of one VAD call
_WARM_UP_FRAMES = 60  # 1.9 s heard again, so that the model's state is settled where a block begins
_TARGET_PEAK = 0.3
_MAX_GAIN = 1_000.0

# Source: Radford et al. 2022, section 4.5: silence is no_speech_prob > 0.6 with avg_logprob < -1.
MIN_LOGPROB = -1.0
SILENCE_PROB = 0.6
# With words that unlikely, less is enough: in 50 clips of synthetic noise and music that Whisper was made to decode
# no_speech_prob was 0.43 and more, in 30 clips of speech spoilt beyond recognition 0.30 and less.
_SILENCE_PROB_IF_UNLIKELY = 0.4
_MIN_PROBABILITY_IF_UNLIKELY = 0.2
_MIN_PROBABILITY_IN_SILENCE = 0.55


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one channel in which somebody speaks, with a little silence around it.

    Args:
        start: first sample.
        end: one past the last sample.
    """

    start: int
    end: int

    @property
    def n_samples(self) -> int:
        """Its length in samples."""
        return self.end - self.start


def speech_probabilities(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The probability of speech in each frame of 32 ms, shape (ceil(n_samples / 512),).

    Args:
        samples: shape (n_samples,), float32 in [-1, 1], 16 kHz mono.
    """
    import numpy as np
    from faster_whisper.vad import get_vad_model

    vad = get_vad_model()
    n_frames = -(-len(samples) // FRAME_SAMPLES)
    gain = gain_of(samples)
    found: list[npt.NDArray[np.float32]] = []
    for first in range(0, n_frames, _BLOCK_FRAMES):
        warm_up = min(first, _WARM_UP_FRAMES)
        begin, end = (first - warm_up) * FRAME_SAMPLES, (first + _BLOCK_FRAMES) * FRAME_SAMPLES
        block = samples[begin:end] * gain
        block = np.pad(block, (0, -len(block) % FRAME_SAMPLES))
        found.append(vad(block).reshape(-1)[warm_up:])
    return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)


def find_stretches(probabilities: npt.NDArray[np.float32], n_samples: int) -> list[Stretch]:
    """The stretches of speech in time order, not overlapping; empty when there is none.

    Args:
        probabilities: of one channel, from `speech_probabilities`.
        n_samples: length of the channel.
    """
    if not len(probabilities) or probabilities.max() < SPEECH_SOMEWHERE:
        return []
    runs = [run for run in _runs(probabilities) if (probabilities[slice(*run)] >= _ONSET).sum() >= _MIN_SPEECH_FRAMES]
    stretches: list[Stretch] = []
    for first, last in runs:
        start = max(first * FRAME_SAMPLES - _PAD_SAMPLES, 0)
        end = min(last * FRAME_SAMPLES + _PAD_SAMPLES, n_samples)
        if stretches and start < stretches[-1].end:
            middle = (start + stretches[-1].end) // 2
            stretches[-1] = Stretch(stretches[-1].start, middle)
            start = middle
        stretches.append(Stretch(start, end))
    return stretches


def is_invented(decoded: Decoded) -> bool:
    """Whether the words of a window are Whisper's invention for something that is not speech."""
    if not any(letter.isalnum() for letter in decoded.text):
        return True
    probability = sum(word.probability for word in decoded.words) / max(len(decoded.words), 1)
    if decoded.no_speech_prob > SILENCE_PROB and probability < _MIN_PROBABILITY_IN_SILENCE:
        return True
    return is_silence(decoded.avg_logprob, decoded.no_speech_prob) or (
        decoded.avg_logprob < MIN_LOGPROB and probability < _MIN_PROBABILITY_IF_UNLIKELY
    )


def is_silence(avg_logprob: float, no_speech_prob: float) -> bool:
    """Whether Whisper's own figures for a window say that there is nothing to hear.

    Args:
        avg_logprob: mean log probability of the tokens.
        no_speech_prob: Whisper's own, 0..1.
    """
    return avg_logprob < MIN_LOGPROB and no_speech_prob > _SILENCE_PROB_IF_UNLIKELY


def gain_of(samples: npt.NDArray[np.float32]) -> np.float32:
    """What a quiet recording is multiplied with before a model looks at it; 1 for a loud one.

    Silero VAD goes deaf below about -60 dBFS, and Whisper's features have an absolute floor: at -46 dBFS its
    no_speech_prob for a spoken "No." rises from 0.06 to 0.32.

    Args:
        samples: shape (n_samples,), float32 in [-1, 1].
    """
    import numpy as np

    # Every 7th sample is enough to know the level, and keeps the copy small.
    peak = float(np.quantile(np.abs(samples[::7]), 0.999)) if len(samples) else 0.0
    return np.float32(min(max(_TARGET_PEAK / peak, 1.0), _MAX_GAIN) if peak > 0 else 1.0)


def _runs(probabilities: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Frames (first, one past last) that begin above the onset and end before 0.5 s below the offset."""
    runs: list[tuple[int, int]] = []
    first = last = -1
    for frame, probability in enumerate(probabilities.tolist()):
        if first < 0:
            if probability >= _ONSET:
                first = last = frame
        elif probability >= _OFFSET:
            last = frame
        elif frame - last >= _MIN_PAUSE_FRAMES:
            runs.append((first, last + 1))
            first = -1
    return [*runs, (first, last + 1)] if first >= 0 else runs
