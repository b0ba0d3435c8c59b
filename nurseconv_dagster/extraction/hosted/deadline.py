"""A deadline: a moment after which nobody waits any more.

What lives here: `Deadline`, handed down from the document to the provider to the call.
When to add here: nothing.
What to keep out: what happens when it has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a clock that is never set back.

    Args:
        ends_at: reading of `clock`, seconds.
        clock: seconds since some moment; a test hands in its own.
    """

    ends_at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The moment that many seconds from now."""
        return cls(clock() + seconds, clock)

    def left_s(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self.ends_at - self.clock())

    def within(self, seconds: float) -> Deadline:
        """The moment that many seconds from now, or this one when that is earlier."""
        return Deadline(min(self.ends_at, self.clock() + seconds), self.clock)
