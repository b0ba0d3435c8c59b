"""Supervisors of cheap programs, to be sent signals: `python -m tests.fakes.supervised SCENE FOLDER`.

Each program writes the ids of its processes into FOLDER/pids, one a line, and each start into FOLDER/starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from nurseconv_dagster.errors import SettingsError, StoreUnavailableError
from nurseconv_dagster.operations.supervisor import Limits, Part, supervise

QUICK = Limits(first_pause_s=0.1, max_ends=3, settled_s=60, tell_every_s=0.3)
STEADY = "sleep 600 & echo $! >> pids; sh -c 'echo $$ >> pids; sleep 600; true' & exec sleep 600"
STUBBORN = (
    "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >> pids; while true; do sleep 1; done' & sleep 600 & wait; wait"
)
# Ends when asked, but not at once, and says so.
SLOW = "trap 'sleep 1.5; echo well >> ended; exit' TERM; while true; do sleep 0.1; done"
MENDED = f"test -e mended && {{ {STEADY}; }}; touch mended; sleep 600 & echo $! >> pids; exit 7"
DYING = "sleep 600 & echo $! >> pids; exit 7"


def shell(name: str, script: str, **more: object) -> Part:
    return Part(name, ("sh", "-c", f"echo $$ >> pids; echo {name} >> starts; {script}"), **more)


def scenes() -> dict[str, Callable[[], list[Part]]]:
    return {
        "steady": lambda: [shell("first", STEADY), shell("second", STEADY)],
        "stubborn": lambda: [shell("stubborn", STUBBORN, patience_s=1.0)],
        "patient": lambda: [shell("stubborn", STUBBORN, patience_s=600.0)],
        "slow": lambda: [shell("slow", SLOW)],
        "dying": lambda: [shell("steady", STEADY), shell("dying", DYING)],
        "mended": lambda: [shell("mended", MENDED, ready="mended ready")],
        "waiting": lambda: [
            shell("base", STEADY, is_ready=Path("open").exists, ready="base ready"),
            shell("top", STEADY, needs=("base",), ready="top ready"),
        ],
        "impossible": lambda: [shell("steady", STEADY), shell("never", STEADY, prepare=impossible)],
        "away": lambda: [shell("later", STEADY, prepare=away_at_first)],
    }  # fmt: skip


def impossible() -> None:
    raise SettingsError("this cannot be started.")


def away_at_first() -> None:
    if not Path("asked").exists():
        Path("asked").touch()
        raise StoreUnavailableError("the database is away")


def main(scene: str, folder: str) -> None:
    os.chdir(folder)
    inner = Path("inner")
    inner.mkdir()
    reason = supervise(
        scenes()[scene](), Path("parts.lock"), inner.resolve(), lambda line: print(line, flush=True), QUICK
    )
    print(f"reason: {reason}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
