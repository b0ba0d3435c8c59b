"""The signals that ask `nurseconv up` to stop, heard whatever the shell has made of them.

What lives here: `stop_signals()` and `Wishes`, which counts what came.
When to add here: another way in which an operator may ask for an end.
What to keep out: what is done about it (supervisor).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

# `make` and wrappers pass a terminal's Ctrl-C on, so one wish may arrive twice within moments.
_ONE_WISH_S = 1.0


class Wishes:
    """What has been asked so far.

    Args:
        have_come: somebody asked for an end.
        are_urgent: somebody asked again.
    """

    def __init__(self) -> None:
        self.have_come = False
        self.are_urgent = False
        self._first_at = 0.0
        self._heard: SimpleQueue[int] = SimpleQueue()

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Takes a signal in, as its handler; putting into this queue may interrupt anything."""
        self._heard.put(number)

    def sleep(self, seconds: float) -> None:
        """Sleeps so long, or until a signal comes."""
        try:
            self._heard.get(timeout=seconds)
        except Empty:
            return
        now = time.monotonic()
        self.are_urgent = self.are_urgent or (self.have_come and now - self._first_at > _ONE_WISH_S)
        self._first_at = self._first_at or now
        self.have_come = True


@contextmanager
def stop_signals(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Inside, this handler hears SIGINT, SIGTERM and SIGHUP.

    A shell without job control (a script's `nurseconv up &`) starts its children with SIGINT ignored: it is heard all
    the same. A SIGHUP that `nohup` has ignored stays ignored.
    """
    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
