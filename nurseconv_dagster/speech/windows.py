"""Windows: the stretches of speech of one channel, packed into clips of at most 30 s for Whisper.

What lives here: `Window`, `cut_windows()`, and the way back from a window's seconds to the recording's.
When to add here: another way to cut or pack speech.
What to keep out: finding the speech (gate) and laying windows of many uploads together (batching).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nurseconv_dagster.speech.gate import FRAME_SAMPLES, SAMPLE_RATE_HZ, Stretch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Source: Whisper's encoder hears 30 s (Radford et al. 2022, section 2.2), padded where there is less to hear.
WINDOW_S = 30
_MAX_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
# An upload of short clips is padded to 15 s only, which takes a third of the encoder's time. Source: measured with base
# int8 on 84 spoken clips of 1 to 12 s at 15 dB SNR: word error rate 0.084 against 0.093 with 30 s.
SHORT_WINDOW_S = 15
_MAX_SHORT_SAMPLES = 14 * SAMPLE_RATE_HZ
# A stretch with no pause is cut at its least speech-like frame among the last 10 s of a window.
_CUT_SEARCH_FRAMES = 10 * SAMPLE_RATE_HZ // FRAME_SAMPLES


@dataclass(frozen=True, slots=True)
class Window:
    """What Whisper hears at once: pieces of one channel, one after the other, at most 30 s in total."""

    pieces: tuple[Stretch, ...]

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return sum(piece.n_samples for piece in self.pieces)

    def clip(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The sound of this window, shape (n_samples,).

        Args:
            samples: the channel it was cut from, shape (n_channel_samples,).
        """
        import numpy as np

        return np.concatenate([samples[piece.start : piece.end] for piece in self.pieces])

    def in_recording(self, start_s: float, end_s: float) -> tuple[float, float]:
        """The same word in seconds of the recording; a word is kept within the piece that holds its middle.

        Args:
            start_s: seconds from the start of the window.
            end_s: seconds from the start of the window, >= start_s.
        """
        middle = (start_s + end_s) / 2 * SAMPLE_RATE_HZ
        before = 0
        for piece in self.pieces:
            if middle < before + piece.n_samples or piece is self.pieces[-1]:
                break
            before += piece.n_samples
        shift_s = (piece.start - before) / SAMPLE_RATE_HZ
        low, high = piece.start / SAMPLE_RATE_HZ, piece.end / SAMPLE_RATE_HZ
        return min(max(start_s + shift_s, low), high), min(max(end_s + shift_s, low), high)


def cut_windows(stretches: list[Stretch], probabilities: npt.NDArray[np.float32]) -> list[Window]:
    """Windows in time order that hold every stretch; only a stretch of more than 30 s is cut.

    Args:
        stretches: of one channel, in time order.
        probabilities: of speech in each 32 ms frame of that channel.
    """
    windows: list[Window] = []
    pieces: list[Stretch] = []
    length = 0
    for stretch in stretches:
        for piece in _cut(stretch, probabilities):
            if pieces and length + piece.n_samples > _MAX_SAMPLES:
                windows.append(Window(tuple(pieces)))
                pieces, length = [], 0
            pieces.append(piece)
            length += piece.n_samples
    return [*windows, Window(tuple(pieces))] if pieces else windows


def padded_s(windows: list[Window]) -> int:
    """Seconds that all windows of one upload are padded to; by the upload alone, so that its mates change nothing."""
    return SHORT_WINDOW_S if all(window.n_samples <= _MAX_SHORT_SAMPLES for window in windows) else WINDOW_S


def _cut(stretch: Stretch, probabilities: npt.NDArray[np.float32]) -> list[Stretch]:
    """The stretch in parts of at most 30 s."""
    parts: list[Stretch] = []
    start = stretch.start
    while stretch.end - start > _MAX_SAMPLES:
        last = (start + _MAX_SAMPLES) // FRAME_SAMPLES - 1
        searched = probabilities[last - _CUT_SEARCH_FRAMES : last]
        cut = (last - _CUT_SEARCH_FRAMES + int(searched.argmin())) * FRAME_SAMPLES
        parts.append(Stretch(start, cut))
        start = cut
    return [*parts, Stretch(start, stretch.end)]
