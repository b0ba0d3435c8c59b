"""`nurseconv up` as an operator meets it: refused where it cannot serve, and gone for good when it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import text

from nurseconv_dagster.errors import AlreadyTakenError, SettingsError
from nurseconv_dagster.operations.addresses import Address
from nurseconv_dagster.store import listings
from tests.fakes.notes import drop, note
from tests.operations.test_command_line import nurseconv
from tests.operations.test_supervisor import is_alive, wait_until

CLI = [sys.executable, "-m", "nurseconv_dagster.operations.cli"]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_taken_port_is_refused_at_once_with_what_to_do(tmp_path, taken_port):
    home = tmp_path / "home"
    done = nurseconv("up", "--port", str(taken_port), NURSECONV_HOME=str(home))
    assert done.returncode == 3
    assert f"port {taken_port} of 127.0.0.1 is taken" in done.stderr
    assert "nurseconv up --port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "postgres").exists(), "a home was made ready for nothing"


def test_a_taken_port_of_the_api_is_refused_too(tmp_path, taken_port):
    done = nurseconv("up", "--port", str(free_port()), NURSECONV_HOME=str(tmp_path / "home"), PORT=str(taken_port))
    assert done.returncode == 3
    assert f"port {taken_port} of 127.0.0.1 is taken" in done.stderr
    assert "PORT=" in done.stderr


def test_a_second_up_of_a_home_is_refused_at_once_on_any_port(tmp_path):
    with FileLock(tmp_path / "up.lock"):
        done = nurseconv("up", "--port", str(free_port()), NURSECONV_HOME=str(tmp_path))
    assert done.returncode == 3
    assert f"another `nurseconv up` serves {tmp_path}" in done.stderr
    assert "Stop that one first" in done.stderr


def test_the_next_up_waits_for_what_a_killed_one_left(tmp_path, taken_port):
    """The port is looked at after the wait: the parts of the killed one may have held it."""
    with FileLock(tmp_path / "parts.lock"):
        process = subprocess.Popen(
            [*CLI, "up", "--port", str(taken_port)], env={**os.environ, "NURSECONV_HOME": str(tmp_path)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert b"waiting for the parts of an earlier `nurseconv up`" in process.stdout.readline()
    _, complaint = process.communicate(timeout=90)
    assert b"is taken" in complaint


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000"),
        ("0.0.0.0", "http://127.0.0.1:3000"),
        ("::", "http://[::1]:3000"),
        ("ward.example", "http://ward.example:3000"),
    ],
)
def test_the_address_that_is_shown_can_be_opened_on_this_machine(host, url):
    assert Address(host, 3000).url == url


def test_an_address_is_free_or_says_why_not(taken_port):
    Address("127.0.0.1", free_port()).check_free("nurseconv up --port {}")
    with pytest.raises(AlreadyTakenError, match=f"--port {taken_port + 10}|--port {taken_port - 10}"):
        Address("127.0.0.1", taken_port).check_free("nurseconv up --port {}")
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1"):
        Address("192.0.2.1", free_port()).check_free("nurseconv up --port {}")


def test_who_listens_but_does_not_speak_http_does_not_answer(taken_port):
    assert not Address("127.0.0.1", taken_port).answers("/")
    assert not Address("127.0.0.1", free_port()).answers("/")


def test_the_help_of_up_teaches_stopping_restarting_and_exit_codes():
    words = " ".join(nurseconv("up", "--help").stdout.split())
    for taught in ("--port", "--host", "Ctrl-C", "five times in a row", "Exit code 0", "3 when a port is taken"):
        assert taught in words


def processes_of(home: Path) -> dict[int, str]:
    """Every living process that was started for this home, told by its environment; our own one left out."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        pid = int(folder.name)
        if f"NURSECONV_HOME={home}".encode() in environment and pid != os.getpid() and is_alive(pid):
            found[pid] = command
    return found


class Up:
    """`nurseconv up` of a home, with what it says in a file."""

    def __init__(self, folder: Path, name: str, port: int) -> None:
        self.said_file = folder / name
        with self.said_file.open("w") as said:
            command = [*CLI, "up", "--port", str(port)]
            self.api_port = free_port()
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "PORT": str(self.api_port), "WORKERS": "2"},
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.said_file.read_text()

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 240
        while words not in self.said():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.1)


@pytest.fixture
def started(home, tmp_path) -> Iterator[list[Up]]:
    """Whatever a test starts is gone after it."""
    ups: list[Up] = []
    yield ups
    for up in ups:
        if up.process.poll() is None:
            up.process.kill()
    wait_until(lambda: processes_of(home.home) == {})


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("dagster")
def test_up_takes_in_stops_for_good_in_the_middle_of_a_run_and_goes_on_after_the_next_start(
    home, store_engine, tmp_path, started
):
    def count(status: str) -> int:
        return listings.count_by_status(store_engine).get(status, 0)

    port = free_port()
    started.append(up := Up(tmp_path, "first", port))
    up.wait_for(f"Dagster UI ready at http://127.0.0.1:{port}")
    up.wait_for("daemon ready")
    up.wait_for("API and review pages ready")
    assert Address("127.0.0.1", up.api_port).answers("/health")
    drop(home, "one.txt", note(1))
    wait_until(lambda: count("completed") == 1, up.said(), within_s=300)
    for number in range(2, 32):
        drop(home, f"note{number}.txt", note(number))
    wait_until(lambda: count("processing") > 0, up.said(), within_s=300)
    family = processes_of(home.home)
    assert any("multiprocessing" in command for command in family.values()), "no run worker was there to be ended"
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(timeout=60) == 0
    assert {pid: command for pid, command in family.items() if is_alive(pid)} == {}
    assert processes_of(home.home) == {}
    assert listings.DAEMON not in listings.last_beats(store_engine)
    assert count("processing") == 0
    started.append(again := Up(tmp_path, "second", port))
    again.wait_for("daemon ready")
    wait_until(lambda: count("completed") == 31, again.said(), within_s=300)
    with store_engine.connect() as connection:
        assert connection.execute(text("select sum(n_failures) from conversation_uploads")).scalar_one() == 0
    os.kill(again.process.pid, signal.SIGKILL)
    wait_until(lambda: processes_of(home.home) == {})
