"""Two channels: whether they are two speakers, whose voice a sound is, and one text in time order.

What lives here: the look at both channels before Whisper (`split_speakers()`), and the merge of their segments after it
(`merge_channels()`). A voice is taken to be louder on its own microphone than on the other's.
When to add here: a rule about sound that reaches both microphones.
What to keep out: who is the nurse (roles), words within one channel (timing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nurseconv_dagster.speech.gate import FRAME_SAMPLES, SAMPLE_RATE_HZ
from nurseconv_dagster.speech.transcripts import Segment, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BLOCK_FRAMES = 16  # 0.5 s
_BLOCK_SAMPLES = _BLOCK_FRAMES * FRAME_SAMPLES
_MAX_LAG_SAMPLES = 320  # 20 ms: sound travels 7 m
_ACTIVE = 0.35
# Source: measured on synthetic speech. The same voice on both channels correlates with 0.41 and more down to 2 dB SNR,
# two voices at once with 0.25 and less. Half a pre-emphasis takes away mains hum and pitch that both may share.
_SAME_SOUND = 0.4
_SAME_SOUND_FAR = 0.3
_WIDE_SEPARATION_DB = 9.0
_PRE_EMPHASIS = 0.5
_CROSSTALK = -1.0  # marks frames while both channels are looked at; no probability is negative
_MAX_TAIL_FRAMES = 8  # 0.26 s: the gate hears a voice that long after it has ended
# Nearer than this in level, neither microphone is the speaker's own.
_MIN_SEPARATION_DB = 3.0
_TWIN_S = 0.5
_MIN_TWINS = 0.6


def split_speakers(
    samples: npt.NDArray[np.float32], probabilities: list[npt.NDArray[np.float32]]
) -> list[npt.NDArray[np.float32]] | None:
    """Each channel's probabilities of its own speaker; null when the channels are not two speakers but one room.

    Where both channels carry the same sound, the quieter one's probability becomes 0: it is crosstalk.

    Args:
        samples: shape (2, n_samples), 16 kHz.
        probabilities: of speech in each 32 ms frame, one array for each channel.
    """
    own = [channel.copy() for channel in probabilities]
    n_spoken = n_alike = 0
    for first in range(0, len(own[0]), _BLOCK_FRAMES):
        block = slice(first, first + _BLOCK_FRAMES)
        active = [bool((channel[block] >= _ACTIVE).any()) for channel in probabilities]
        n_spoken += any(active)
        left, right = samples[:, first * FRAME_SAMPLES : first * FRAME_SAMPLES + _BLOCK_SAMPLES]
        difference_db = _level_db(left) - _level_db(right)
        if all(active) and _is_one_voice(left, right, abs(difference_db)):
            n_alike += abs(difference_db) < _MIN_SEPARATION_DB
            own[1 if difference_db > 0 else 0][block] = _CROSSTALK
    is_one_room = n_spoken > 0 and n_alike > n_spoken / 2
    return None if is_one_room else [_without_tails(channel) for channel in own]


def merge_channels(channels: list[list[Segment]], samples: npt.NDArray[np.float32]) -> list[Segment]:
    """The segments of all channels in the order they were spoken, none of them twice.

    A segment most of whose words stand on the other channel at the same time is crosstalk that the look at the sound
    let through; it is dropped where it is quieter.

    Args:
        channels: segments of each channel, in time order.
        samples: shape (n_channels, n_samples), 16 kHz.
    """
    kept: list[Segment] = []
    for index, segments in enumerate(channels):
        others = [word for other, found in enumerate(channels) if other != index for one in found for word in one.words]
        kept.extend(segment for segment in segments if not _is_crosstalk(segment, others, index, samples))
    return sorted(kept, key=lambda segment: (segment.start_s or 0.0, segment.end_s or 0.0))


def _is_one_voice(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], separation_db: float) -> bool:
    is_far = separation_db >= _WIDE_SEPARATION_DB
    return _similarity(left, right) >= (_SAME_SOUND_FAR if is_far else _SAME_SOUND)


def _without_tails(channel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The channel without the ends of the other's voice: short runs of speech that touch crosstalk."""
    import numpy as np

    is_active = channel >= _ACTIVE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_active, [False]]).astype(np.int8)))
    padded = np.concatenate([[0.0], channel, [0.0]])  # padded[i] is the frame before frame i
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        touches = padded[first] == _CROSSTALK or padded[last + 1] == _CROSSTALK
        if touches and last - first < _MAX_TAIL_FRAMES:
            channel[first:last] = _CROSSTALK
    return np.maximum(channel, 0.0)


def _is_crosstalk(segment: Segment, others: list[Word], channel: int, samples: npt.NDArray[np.float32]) -> bool:
    twins = sum(any(_are_twins(word, other) for other in others) for word in segment.words)
    if not segment.words or twins < _MIN_TWINS * len(segment.words):
        return False
    start, end = (int((second or 0.0) * SAMPLE_RATE_HZ) for second in (segment.start_s, segment.end_s))
    levels = [_level_db(samples[index, start : end + 1]) for index in range(len(samples))]
    loudest = max(range(len(levels)), key=lambda index: levels[index])
    return loudest != channel


def _are_twins(left: Word, right: Word) -> bool:
    return abs(left.start_s - right.start_s) <= _TWIN_S and _bare(left.text) == _bare(right.text)


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _similarity(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> float:
    """Highest normalised cross-correlation within the allowed lags, 0..1."""
    import numpy as np

    a, b = (channel[1:].astype(np.float64) - _PRE_EMPHASIS * channel[:-1] for channel in (left, right))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0:
        return 0.0
    size = 2 * len(a)
    correlation = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    near = np.concatenate([correlation[: _MAX_LAG_SAMPLES + 1], correlation[-_MAX_LAG_SAMPLES:]])
    return float(np.abs(near).max()) / norm


def _level_db(samples: npt.NDArray[np.float32]) -> float:
    import numpy as np

    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return float(10 * np.log10(max(power, 1e-12)))
