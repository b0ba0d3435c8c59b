"""Batching across uploads: windows of many recordings share one beam search, and each result goes back to its upload.

What lives here: `Hearing` (one upload on its way) and `hear()`.
When to add here: a rule about which windows ride together.
What to keep out: what is done with one batch (decoding) and what an upload's words become (whisper).

faster-whisper batches only inside one file, so many short recordings gain nothing there. Rows of a batch do not touch
one another: each is padded by itself, uploads of short and of long windows ride in batches of their own, and the beam
search keeps rows apart. So an upload is heard the same alone and in company.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nurseconv_dagster.speech.windows import Window, padded_s

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nurseconv_dagster.speech.decoding import Decoded

log = logging.getLogger(__name__)

_MAX_WAITING_BATCHES = 4


class Engine(Protocol):
    """What batching needs of Whisper; see `decoding.Decoder`."""

    def encode(self, clips: Sequence[npt.NDArray[np.float32]], window_s: int) -> list[Any]:
        """One encoded row for each clip, padded to `window_s` seconds."""
        ...

    def detect_language(self, row: Any) -> tuple[str, float]:
        """The most probable language of a row and its probability."""
        ...

    def generate(self, rows: Sequence[Any], languages: Sequence[str], n_samples: Sequence[int]) -> list[Decoded]:
        """What was heard in each row."""
        ...


@dataclass(slots=True, kw_only=True)
class Hearing:
    """One upload on its way through the batches.

    Args:
        samples: shape (n_channels, n_samples), 16 kHz.
        windows: (channel, window) in time order.
        language: given, or found in the longest window when the first batch reaches it.
        language_probability: of a found language; null when it was given.
        decoded: what was heard in each window; filled batch by batch.
        elapsed_s: this upload's share of the batches' wall seconds.
        failure: class of the error that this upload's own windows raised; null when there was none.
    """

    samples: npt.NDArray[np.float32]
    windows: list[tuple[int, Window]]
    language: str | None
    language_probability: float | None = None
    decoded: dict[int, Decoded] = field(default_factory=dict)
    elapsed_s: float = 0.0
    failure: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing of it waits for a batch."""
        return self.failure is not None or len(self.decoded) == len(self.windows)

    @property
    def window_s(self) -> int:
        """Seconds that its windows are padded to."""
        return padded_s([window for _, window in self.windows])

    @property
    def queue_order(self) -> list[int]:
        """The windows' numbers, the longest first: it is the one that tells the language."""
        order = list(range(len(self.windows)))
        longest = max(order, key=lambda number: self.windows[number][1].n_samples, default=0)
        return sorted(order, key=lambda number: number != longest)

    def clip(self, number: int) -> npt.NDArray[np.float32]:
        """The sound of one window."""
        channel, window = self.windows[number]
        return window.clip(self.samples[channel])


Row = tuple[Hearing, int]
AnyHearing = TypeVar("AnyHearing", bound=Hearing)


def hear(engine: Engine, hearings: Iterable[AnyHearing], batch_size: int) -> Iterator[AnyHearing]:
    """Each upload, in the order they came, as soon as all of its windows are decoded.

    Uploads are asked for only when there is room, so that few recordings are in memory at a time.

    Args:
        engine: Whisper.
        hearings: uploads, which may be read lazily.
        batch_size: most windows in one batch.
    """
    waiting: deque[AnyHearing] = deque()
    queues: defaultdict[int, deque[Row]] = defaultdict(deque)
    for hearing in hearings:
        waiting.append(hearing)
        queue = queues[hearing.window_s]
        queue.extend((hearing, number) for number in hearing.queue_order)
        while len(queue) >= batch_size:
            _decode(engine, _take(queue, batch_size))
        if len(waiting) > _MAX_WAITING_BATCHES * batch_size:  # an upload of the rarer kind holds the others up
            _decode(engine, _take(queues[waiting[0].window_s], batch_size))
        yield from _finished(waiting)
    for queue in queues.values():
        while queue:
            _decode(engine, _take(queue, batch_size))
    yield from waiting


def _take(queue: deque[Row], batch_size: int) -> list[Row]:
    return [queue.popleft() for _ in range(min(batch_size, len(queue)))]


def _finished(waiting: deque[AnyHearing]) -> Iterator[AnyHearing]:
    while waiting and waiting[0].is_done:
        yield waiting.popleft()


def _decode(engine: Engine, rows: list[Row]) -> None:
    """Decode one batch; when it fails, each of its rows alone, so that only the guilty upload fails."""
    rows = [(hearing, number) for hearing, number in rows if hearing.failure is None]
    if not rows:
        return
    started = time.perf_counter()
    try:
        _decode_together(engine, rows)
    except (RuntimeError, ValueError, MemoryError) as error:
        if len(rows) == 1:
            rows[0][0].failure = type(error).__name__
            return
        log.warning("a batch of %d windows failed (%s); decoding them one by one", len(rows), type(error).__name__)
        for row in rows:
            _decode(engine, [row])
        return
    share_s = (time.perf_counter() - started) / len(rows)
    for hearing, _ in rows:
        hearing.elapsed_s += share_s


def _decode_together(engine: Engine, rows: list[Row]) -> None:
    clips = [hearing.clip(number) for hearing, number in rows]
    encoded = engine.encode(clips, rows[0][0].window_s)
    languages = [_language(engine, hearing, row) for (hearing, _), row in zip(rows, encoded, strict=True)]
    decoded = engine.generate(encoded, languages, [len(clip) for clip in clips])
    for (hearing, number), result in zip(rows, decoded, strict=True):
        hearing.decoded[number] = result


def _language(engine: Engine, hearing: Hearing, row: Any) -> str:
    if hearing.language is None:
        hearing.language, hearing.language_probability = engine.detect_language(row)
    return hearing.language
