"""Laws of the supervisor, with real processes: whatever happens to it, nothing that it started is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from nurseconv_dagster.operations.home import PROJECT

pytestmark = pytest.mark.system
COMMAND = [sys.executable, "-W", "ignore", "-m", "tests.fakes.supervised"]


def wait_until(condition: Callable[[], bool], what: str = "", *, within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether this process does anything yet; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


class Scene:
    """A supervisor at work in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, name: str, n_pids: int) -> Scene:
        """Begins, and waits until so many processes of the scene are there."""
        with (self.folder / "said").open("w") as said:
            self.process = subprocess.Popen(
                [*COMMAND, name, str(self.folder)], cwd=PROJECT, stdout=said, stderr=said, start_new_session=True
            )
        self.wait_for_pids(n_pids)
        return self

    def wait_for_pids(self, n_pids: int) -> None:
        wait_until(lambda: len(self.pids()) >= n_pids, f"{self.pids()} {self.said()}")

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def pids(self) -> list[int]:
        return [int(line) for line in self.lines("pids")]

    def said(self) -> str:
        return "\n".join(self.lines("said"))

    def send(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """The exit code."""
        assert self.process is not None
        return self.process.wait(timeout=90)

    def left(self) -> list[int]:
        return [pid for pid in self.pids() if is_alive(pid)]

    def guard(self) -> int:
        """The process id of the guard, which is the first that the supervisor starts."""
        return int((self.folder / "inner" / "groups").read_text().split()[0])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    for pid in made.left():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_process_ends_every_part_and_what_it_started(scene, number):
    scene.start("steady", n_pids=6)
    assert len(scene.left()) == 6
    scene.send(number)
    assert scene.end() == 0
    assert scene.left() == []
    assert scene.said().endswith("reason: ")


def test_a_signal_to_the_group_is_one_wish(scene):
    scene.start("slow", n_pids=1)
    os.killpg(scene.process.pid, signal.SIGINT)
    os.killpg(scene.process.pid, signal.SIGTERM)
    assert scene.end() == 0
    assert scene.lines("ended") == ["well"], "a wish that came twice at once was taken for a hurry"


def test_ctrl_c_is_heard_where_a_shell_without_job_control_had_it_ignored(scene):
    line = (
        f'"$0" "$@" > {scene.folder}/said 2>&1 & echo $! > {scene.folder}/pid; wait $!; echo $? > {scene.folder}/code'
    )
    shell = subprocess.Popen(["sh", "-c", line, *COMMAND, "steady", str(scene.folder)], cwd=PROJECT)
    scene.wait_for_pids(6)
    os.kill(int(scene.lines("pid")[0]), signal.SIGINT)
    shell.wait(timeout=90)
    assert scene.lines("code") == ["0"]
    assert scene.left() == []


def test_a_hangup_that_nohup_ignores_stays_ignored(scene):
    with (scene.folder / "said").open("w") as said:
        command = ["nohup", *COMMAND, "steady", str(scene.folder)]
        scene.process = subprocess.Popen(command, cwd=PROJECT, stdout=said, stderr=said)
    scene.wait_for_pids(6)
    scene.send(signal.SIGHUP)
    time.sleep(0.5)
    assert len(scene.left()) == 6
    scene.send(signal.SIGTERM)
    assert scene.end() == 0


def test_what_does_not_want_to_end_is_killed(scene):
    scene.start("stubborn", n_pids=2)
    scene.send(signal.SIGTERM)
    assert scene.end() == 0
    assert scene.left() == []
    assert "stubborn was killed after 1 s" in scene.said()


def test_a_second_wish_does_not_wait(scene):
    scene.start("patient", n_pids=2)
    scene.send(signal.SIGINT)
    wait_until(lambda: "stopping" in scene.said())
    time.sleep(1.5)
    assert scene.left()
    scene.send(signal.SIGINT)
    assert scene.end() == 0
    assert scene.left() == []


def test_a_part_that_ends_by_itself_is_started_again_and_leaves_nothing_of_its_first_life(scene):
    scene.start("mended", n_pids=5)
    first_life = scene.pids()[:2]
    assert not [pid for pid in first_life if is_alive(pid)]
    wait_until(lambda: "mended ready" in scene.said().partition("starting it again")[2])
    assert "mended ended with exit code 7; starting it again in 0.1 s" in scene.said()
    scene.send(signal.SIGTERM)
    assert scene.end() == 0
    assert scene.left() == []


def test_a_part_that_ends_again_and_again_ends_everything_with_the_reason(scene):
    scene.start("dying", n_pids=5)
    scene.end()
    assert "reason: dying ended with exit code 7, 3 times in a row." in scene.said()
    assert "starting it again in 0.1 s" in scene.said()
    assert "starting it again in 0.2 s" in scene.said()
    assert scene.lines("starts").count("dying") == 3
    assert scene.left() == []


def test_what_cannot_be_started_for_good_ends_everything_at_once(scene):
    scene.start("impossible", n_pids=0)
    scene.end()
    assert "reason: never could not be started: this cannot be started." in scene.said()
    assert "again" not in scene.said()
    assert scene.left() == []


def test_what_cannot_be_started_yet_is_tried_again(scene):
    scene.start("away", n_pids=3)
    assert "later could not be started: the database is away; starting it again" in scene.said()
    scene.send(signal.SIGTERM)
    assert scene.end() == 0


def test_a_part_is_called_ready_when_it_answers_and_starts_when_what_it_needs_is_ready(scene):
    scene.start("waiting", n_pids=3)
    wait_until(lambda: "base is not ready after" in scene.said())
    assert scene.lines("starts") == ["base"]
    assert "base ready" not in scene.said()
    (scene.folder / "open").touch()
    wait_until(lambda: "top ready" in scene.said())
    assert scene.said().index("base ready") < scene.said().index("top ready")
    assert scene.lines("starts") == ["base", "top"]


@pytest.mark.parametrize("name", ["steady", "stubborn"])
def test_kill_9_of_the_supervisor_ends_every_part_and_the_lock_is_held_until_then(scene, name):
    scene.start(name, n_pids=2)
    wait_until(lambda: (scene.folder / "inner" / "groups").read_text().strip() != "")
    wait_until(lambda: _is_locked(scene.folder / "parts.lock"))
    scene.send(signal.SIGKILL)
    scene.end()
    while _is_locked(scene.folder / "parts.lock"):
        time.sleep(0.05)
    assert scene.left() == []
    assert not (scene.folder / "inner").exists()


def _is_locked(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def test_a_guard_that_was_killed_is_replaced_and_guards_as_well(scene):
    scene.start("steady", n_pids=6)
    first = scene.guard()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: "guard ended with signal 9" in scene.said() and scene.guard() != first and _guards(scene))
    scene.send(signal.SIGKILL)
    wait_until(lambda: scene.left() == [])


def _guards(scene: Scene) -> bool:
    return len((scene.folder / "inner" / "groups").read_text().split()) == 3
