"""Frames of any rate and width become blocks of 16 kHz, 16 bit, one or two channels.

What lives here: the queue and resampler for one format of frame, and their replacement where the format changes.
When to add here: nothing, unless another rate is wanted.
What to keep out: reading files; deciding what damage means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import AudioFrame

    Block = npt.NDArray[np.int16]

SAMPLE_RATE_HZ = 16_000
_QUEUE_SAMPLES = 200_000  # resampling frame by frame takes three times as long as in pieces of this size


class BlockCollector:
    """Resampled blocks of 16-bit samples: half the memory of float32, with noise 96 dB below full scale.

    Every block has as many channels as the first frame, one or two; more than two are mixed to one.
    """

    def __init__(self) -> None:
        self.n_format_changes = 0
        self._blocks: deque[Block] = deque()
        self._n_channels = 1
        self._format: tuple[str, str, int] | None = None
        self._pipe: _Pipe | None = None

    def add(self, frame: AudioFrame) -> None:
        """Take a decoded frame; its rate, width and sample format may differ from the last one's."""
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._format is None:
            self._n_channels = 2 if frame.layout.nb_channels == 2 else 1
        elif found != self._format:
            self.n_format_changes += 1
            self._drain()
        if self._pipe is None:
            self._pipe = _Pipe(frame)
        self._format = found
        self._keep(self._pipe.feed(frame))

    def add_silence(self, duration_s: float) -> None:
        """Lay silence where sound was lost, so that what follows stays at its second."""
        import numpy as np

        self._drain()
        self._blocks.append(np.zeros((self._n_channels, round(duration_s * SAMPLE_RATE_HZ)), dtype=np.int16))

    def finish(self) -> deque[Block]:
        """All blocks, in order; nothing may be added afterwards."""
        self._drain()
        return self._blocks

    def _drain(self) -> None:
        if self._pipe is not None:
            self._keep(self._pipe.close())
            self._pipe = None

    def _keep(self, blocks: Iterator[Block]) -> None:
        self._blocks.extend(_fit(block, self._n_channels) for block in blocks)


class _Pipe:
    """A queue and a resampler for frames of one format."""

    def __init__(self, frame: AudioFrame) -> None:
        import av

        self._queue = av.AudioFifo()
        # Interleaved on purpose: PyAV 18 crashes when it turns eight separate planes into an array.
        self._resampler = av.AudioResampler(format="s16", layout=frame.layout, rate=SAMPLE_RATE_HZ)
        self._n_channels = frame.layout.nb_channels

    def feed(self, frame: AudioFrame) -> Iterator[Block]:
        frame.pts = None  # the queue counts for itself; gaps in time are filled before frames come here
        self._queue.write(frame)
        if self._queue.samples >= _QUEUE_SAMPLES:
            yield from self._resample(self._queue.read())

    def close(self) -> Iterator[Block]:
        if self._queue.samples:
            yield from self._resample(self._queue.read())
        yield from self._resample(None)

    def _resample(self, frame: AudioFrame | None) -> Iterator[Block]:
        for resampled in self._resampler.resample(frame):
            yield cast("Block", resampled.to_ndarray()).reshape(-1, self._n_channels).T


def _fit(block: Block, n_channels: int) -> Block:
    """The block with `n_channels` channels: repeated from one, or the mean of several."""
    import numpy as np

    if block.shape[0] == n_channels:
        return block
    mono = block.mean(axis=0, dtype=np.float32, keepdims=True).round().astype(np.int16)
    return np.repeat(mono, n_channels, axis=0)
