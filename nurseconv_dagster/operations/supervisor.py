"""A supervisor of a few programs: started in order, told ready when they answer, restarted, and ended without a rest.

What lives here: `Part`, and `supervise()`, which runs a list of them until a signal comes or one cannot be kept alive.
When to add here: something that must hold for every part.
What to keep out: which parts there are (serve), what ends them when this process is killed (guard).

Each part leads a session of its own: a Ctrl-C at the terminal reaches this process alone, and a part ends together with
whatever it has started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nurseconv_dagster.errors import NurseconvError, PermanentError
from nurseconv_dagster.operations.guard import guard_command, write_groups
from nurseconv_dagster.operations.process_groups import outlast_group, tell_group
from nurseconv_dagster.operations.stop_signals import Wishes, stop_signals

_LOOK_EVERY_S = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A program that is kept running.

    Args:
        name: what people call it.
        command: program and arguments; it must end on SIGTERM, and stay in its process group.
        is_ready: asked again and again after a start until it says true; must answer within a second or so.
        ready: what to say then; nothing when empty.
        needs: names of the parts that must be ready before this one is started.
        environment: variables that it gets beside our own, made anew for each start.
        prepare: done before each start. A `PermanentError` ends everything, another one counts as a start that failed.
        patience_s: seconds it may take to end before it is killed.
        is_quiet: what it prints to standard output is not shown; its errors are.
    """

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool] = lambda: True
    ready: str = ""
    needs: tuple[str, ...] = ()
    environment: Callable[[], Mapping[str, str]] = dict
    prepare: Callable[[], object] = lambda: None
    patience_s: float = 10.0
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient the supervisor is with a part that ends by itself.

    Args:
        first_pause_s: pause before the first restart; it doubles with every further end in a row.
        max_ends: ends in a row after which everything is stopped.
        settled_s: a part that was ready for so long begins a new row.
        tell_every_s: how often it is said that a part is not ready yet.
    """

    first_pause_s: float = 1.0
    max_ends: int = 5
    settled_s: float = 60.0
    tell_every_s: float = 30.0


@dataclass(slots=True)
class _Kept:
    """A part and how it fares; times are of the monotonic clock."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    due_at: float = 0.0
    started_at: float = 0.0
    told_at: float = 0.0
    ready_at: float | None = None
    n_ends: int = 0


class _Unkeepable(Exception):  # noqa: N818 - no failure of the product: the way out of the loop, with the reason
    """The reason why a part is given up."""


def supervise(parts: Sequence[Part], lock: Path, folder: Path, say: Say, limits: Limits | None = None) -> str:
    """Empty after a wish to stop (SIGINT, SIGTERM, SIGHUP), else the reason why a part could not be kept alive.

    Either way no part is left, nor anything that a part started and that stayed in its process group.

    Args:
        parts: started in this order, as soon as what they need is ready; told to end in the opposite one.
        lock: file that is locked until the last part is gone, even when this process is killed.
        folder: a folder of this supervisor's own; removed when this process is killed.
        say: shows a line to the operator.
    """
    kept = [_Kept(part) for part in (Part("guard", guard_command(lock, folder)), *parts)]
    wishes = Wishes()
    write_groups(folder, ())
    say(f"starting {', '.join(part.name for part in parts)}")
    with stop_signals(wishes.hear):
        try:
            while not wishes.have_come:
                for one in kept:
                    if _look_after(one, kept, say, limits or Limits()):
                        write_groups(folder, (other.process.pid for other in kept if other.process))
                wishes.sleep(_LOOK_EVERY_S)
            say("stopping (once more to hurry)")
        except _Unkeepable as reason:
            return str(reason)
        finally:
            guard, *others = kept
            _end(others, wishes, say)
            _end([guard], wishes, say)
    return ""


def _look_after(one: _Kept, kept: Sequence[_Kept], say: Say, limits: Limits) -> bool:
    """Whether it was started: one look at one part, which may be due, become ready or have ended."""
    now = time.monotonic()
    if one.process is None:
        is_due = now >= one.due_at and all(other.ready_at for other in kept if other.part.name in one.part.needs)
        return is_due and _start(one, say, limits)
    if (code := one.process.poll()) is not None:
        tell_group(one.process.pid, signal.SIGKILL)
        _note_end(one, f"ended with {f'exit code {code}' if code >= 0 else f'signal {-code}'}", say, limits)
    elif one.ready_at is None:
        _note_whether_ready(one, say, limits)
    elif now - one.ready_at > limits.settled_s:
        one.n_ends = 0
    return False


def _start(one: _Kept, say: Say, limits: Limits) -> bool:
    try:
        one.part.prepare()
        one.process = subprocess.Popen(  # noqa: S603 - commands of ours
            one.part.command,
            env={**os.environ, **one.part.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if one.part.is_quiet else None,
            start_new_session=True,
        )
    except PermanentError as error:
        raise _Unkeepable(f"{one.part.name} could not be started: {error}") from None
    except Exception as error:  # noqa: BLE001 - whatever else stands in the way may be gone at the next try
        reason = str(error) if isinstance(error, NurseconvError) else type(error).__name__
        _note_end(one, f"could not be started: {reason}", say, limits)
        return False
    one.started_at = one.told_at = time.monotonic()
    return True


def _note_whether_ready(one: _Kept, say: Say, limits: Limits) -> None:
    is_ready = one.part.is_ready()
    now = time.monotonic()
    if is_ready:
        one.ready_at = now
        if one.part.ready:
            say(f"{one.part.ready} ({now - one.started_at:.0f} s)")
    elif now - one.told_at > limits.tell_every_s:
        one.told_at = now
        say(f"{one.part.name} is not ready after {now - one.started_at:.0f} s; still waiting")


def _note_end(one: _Kept, what: str, say: Say, limits: Limits) -> None:
    """It is due again after a pause.

    Raises:
        _Unkeepable: not any more.
    """
    one.process, one.ready_at = None, None
    one.n_ends += 1
    if one.n_ends >= limits.max_ends:
        raise _Unkeepable(f"{one.part.name} {what}, {one.n_ends} times in a row. Its own messages stand above.")
    pause_s = limits.first_pause_s * 2 ** (one.n_ends - 1)
    one.due_at = time.monotonic() + pause_s
    say(f"{one.part.name} {what}; starting it again in {pause_s:g} s")


def _end(kept: Sequence[_Kept], wishes: Wishes, say: Say) -> None:
    """These parts are gone with all that they started, the last one told first; killed when they take too long."""
    running = [(one.part, one.process) for one in reversed(kept) if one.process]
    for _, process in running:
        tell_group(process.pid, signal.SIGTERM)
    told_at = time.monotonic()
    for part, process in running:
        if not outlast_group(process.pid, told_at + part.patience_s, partial(_pause, process, wishes)):
            say(f"{part.name} was killed" + ("" if wishes.are_urgent else f" after {part.patience_s:g} s"))
        process.wait()


def _pause(process: subprocess.Popen[bytes], wishes: Wishes, seconds: float) -> bool:
    """Sleeps; false when there is a hurry."""
    process.poll()  # its group counts as alive until its parent has asked for the exit code
    wishes.sleep(seconds)
    return not wishes.are_urgent
