"""The guard: a process that ends the parts of `nurseconv up` when `up` itself was killed and can end nothing any more.

What lives here: `main()`, what the process does, and `write_groups()`, by which `up` tells it what to end.
When to add here: nothing; it must stay too small to fail.
What to keep out: starting and restarting parts (supervisor).

It holds a lock until the last part is gone, so that the next `up` does not start beside the remains of this one.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from nurseconv_dagster.operations.process_groups import outlast_group, tell_group

_LOOK_EVERY_S = 0.2
_PATIENCE_S = 5.0


def guard_command(lock: Path, folder: Path) -> tuple[str, ...]:
    """The command of a guard over the parts of the process that starts it.

    Args:
        lock: file that it locks while parts may be alive.
        folder: where the groups are written; removed when the guard has ended them.
    """
    return (sys.executable, "-m", __name__, str(lock), str(folder), str(os.getpid()))


def write_groups(folder: Path, groups: Iterable[int]) -> None:
    """From now on these process groups are ended when the process that writes them is gone."""
    fresh = folder / "groups.new"
    fresh.write_text(" ".join(map(str, groups)))
    fresh.replace(folder / "groups")


def main(lock: str, folder: str, up: str) -> None:
    """Looks whether `up` is still the parent; when it is not, ends the groups, the last one first."""
    with FileLock(lock):
        while os.getppid() == int(up):
            time.sleep(_LOOK_EVERY_S)
        written = (Path(folder) / "groups").read_text().split()
        groups = [int(group) for group in reversed(written) if int(group) != os.getpgrp()]
        for group in groups:
            tell_group(group, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE_S
        for group in groups:
            outlast_group(group, deadline, _pause)
        shutil.rmtree(folder)


def _pause(seconds: float) -> bool:
    time.sleep(seconds)
    return True


if __name__ == "__main__":
    main(*sys.argv[1:])
