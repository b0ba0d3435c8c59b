"""Two channels or one: are they two voices, or the same sound twice.

What lives here: the evidence gathered block by block, and the mix that follows from it.
When to add here: another reason why two channels are really one.
What to keep out: who speaks on which channel (speech decides).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SILENT_PEAK = 64  # of 32768, -54 dBFS: no speech is this quiet, an unplugged input is
_AUDIBLE_POWER = 32.0**2  # mean square of 16-bit samples, -60 dBFS: quieter blocks hold only the preamplifiers' noise
_SAME_CORRELATION = 0.99  # what the better copy leaves unexplained is then 2 %, 17 dB below the sound
_DIFFERENT_SHARE = 0.05  # of the audible blocks; one bump of the table does not make two speakers


@dataclass(slots=True)
class StereoEvidence:
    """What the blocks seen so far say about two channels.

    Args:
        peaks: the largest absolute sample of each channel.
        n_audible: blocks loud enough to be compared.
        n_different: audible blocks whose channels are not copies of each other.
        product: sum over all blocks of left times right; negative for a cable with one side turned round.
    """

    peaks: tuple[int, int] = (0, 0)
    n_audible: int = 0
    n_different: int = 0
    product: float = 0.0

    def add(self, block: npt.NDArray[np.int16]) -> None:
        """Take one block into account.

        Args:
            block: shape (2, n_samples), 16-bit.
        """
        import numpy as np

        left, right = block.astype(np.float32)
        energies = float(left @ left), float(right @ right)
        self.peaks = (
            max(self.peaks[0], int(max(left.max(), -left.min()))),
            max(self.peaks[1], int(max(right.max(), -right.min()))),
        )
        if max(energies) < _AUDIBLE_POWER * block.shape[1]:
            return
        product = float(left @ right)
        self.product += product
        self.n_audible += 1
        self.n_different += abs(product) < _SAME_CORRELATION * (energies[0] * energies[1]) ** 0.5 or min(energies) == 0

    def mix(self) -> tuple[tuple[float, float], ...]:
        """One row of weights for each channel to keep: both as they are, or one that loses nothing of either."""
        for channel, weights in ((0, (0.0, 1.0)), (1, (1.0, 0.0))):
            if self.peaks[channel] < _SILENT_PEAK:
                return (weights,)
        if self.n_different > _DIFFERENT_SHARE * self.n_audible:
            return ((1.0, 0.0), (0.0, 1.0))
        return ((0.5, 0.5 if self.product >= 0 else -0.5),)


def join_blocks(blocks: deque[npt.NDArray[np.int16]]) -> npt.NDArray[np.float32]:
    """The samples as float32 in [-1, 1], shape (n_channels, n_samples): two channels only where they differ.

    Args:
        blocks: each of shape (n_channels, n_samples), one or two channels, all alike; empty afterwards.
    """
    import numpy as np

    evidence = StereoEvidence()
    is_stereo = bool(blocks) and blocks[0].shape[0] == 2
    if is_stereo:
        for block in blocks:
            evidence.add(block)
    mix = evidence.mix() if is_stereo else ((1.0,),)
    samples = np.empty((len(mix), sum(block.shape[1] for block in blocks)), dtype=np.float32)
    at = 0
    while blocks:
        block = blocks.popleft()
        for row, weights in zip(samples[:, at : at + block.shape[1]], mix, strict=True):
            np.multiply(block[0], np.float32(weights[0] / 32768), out=row)
            if is_stereo:
                np.add(row, block[1] * np.float32(weights[1] / 32768), out=row)
        at += block.shape[1]
    return samples
