"""Process groups: a program with whatever it has started, told to end as one.

What lives here: `tell_group()` and `outlast_group()`.
When to add here: another thing that is done to a group as a whole.
What to keep out: which groups there are and when they end (supervisor, guard).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

_LOOK_EVERY_S = 0.05
_IS_ANYBODY_THERE = 0


def tell_group(group: int, signal_number: int) -> bool:
    """Whether the group had a member to hear the signal; one that has ended but was not waited for counts too.

    Args:
        group: id of the group, which is the process id of its first member.
    """
    try:
        os.killpg(group, signal_number)
    except (ProcessLookupError, PermissionError):  # macOS answers "not permitted" when only ended ones are left
        return False
    return True


def outlast_group(group: int, deadline: float, pause: Callable[[float], bool]) -> bool:
    """Waits for a group that was told to end. True when it did; false when it had to be killed.

    Args:
        deadline: when it is killed, on the monotonic clock.
        pause: sleeps that many seconds; false when there is no more time to wait.
    """
    while tell_group(group, _IS_ANYBODY_THERE):
        if time.monotonic() > deadline or not pause(_LOOK_EVERY_S):
            tell_group(group, signal.SIGKILL)
            return False
    return True
