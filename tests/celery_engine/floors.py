"""Everything that a home on Celery needs, as processes that tests and benchmarks start, kill and end by their pids.

What lives here: `Redis`, `Floor`, `wait_until()`, and the questions that laws ask of the ledger.
When to add here: another thing that can be started or killed.
What to keep out: laws (the tests beside this), fixtures (conftest).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from tests.fakes.notes import drop, note

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "canary-password"


class Redis:
    """One redis-server on a port of its own, with a memory that outlives it unless it is told to forget."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
             "--appendonly", "yes", "--requirepass", PASSWORD, "--logfile", str(self.folder / "redis.log")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._answers, 30)

    def stop(self, *, forget: bool = False) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        if forget:
            shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    def client(self) -> Any:
        import redis

        return redis.Redis(host="127.0.0.1", port=self.port, password=PASSWORD)

    def _answers(self) -> bool:
        import redis

        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False


class Floor:
    """Everything that runs for one home: Redis, workers, and the conductor with its runs."""

    def __init__(self, engine: Engine, redis: Redis, logs: Path) -> None:
        self.engine, self.redis, self.logs = engine, redis, logs
        self.processes: list[subprocess.Popen[bytes]] = []
        self.n_taken = 0

    def start(self, *command: str, name: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (self.logs / f"{name}-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command], cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self, queues: str, *more: str, **environment: str) -> subprocess.Popen[bytes]:
        """A worker that has been heard of."""
        before = self.count("select count(*) from heartbeats where name like 'celery:%'")
        command = ("nurseconv_dagster.operations.cli", "worker", "--queues", queues, *more)
        process = self.start(*command, name="worker", **environment)
        wait_until(
            lambda: self.count("select count(*) from heartbeats where name like 'celery:%'") > before, 240, process
        )
        return process

    def conductor(self, *more: str) -> subprocess.Popen[bytes]:
        return self.start("tests.celery_engine.conductor", str(self.logs), *more, name="conductor")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL for a worker with its children, or for a conductor with its runs: each leads a session of its own."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes:
            try:
                self.kill(process)
            except ProcessLookupError:
                continue

    def take_in(self, n_uploads: int, sidecar: dict[str, Any] | None = None) -> None:
        """Further typed notes, through the door."""
        from nurseconv_dagster.automation.intake_sensor import TAKEN, take_in
        from nurseconv_dagster.resources.intakes import IntakeResource
        from nurseconv_dagster.resources.stores import StoreResource

        store = StoreResource()
        for number in range(self.n_taken, self.n_taken + n_uploads):
            drop(store.settings, f"note{number}.txt", note(number), sidecar)
        self.n_taken += n_uploads
        counts: Counter[str] = Counter()
        take_in(IntakeResource(store=store), counts, at_most_s=120)
        assert counts == {TAKEN: n_uploads}

    def count(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())

    def n_completed(self) -> int:
        return self.count("select count(*) from conversation_uploads where status = 'completed'")

    def n_jobs(self, stage: str, status: str) -> int:
        return self.count(f"select count(*) from processing_jobs where job_type = '{stage}' and status = '{status}'")

    def wait_for_all(self, within_s: float) -> None:
        wait_until(lambda: self.n_completed() == self.n_taken, within_s)

    def broken_laws(self) -> list[str]:
        """What was lost or doubled, in words; nothing when every upload taken in is completed once."""
        each = (
            ("uploads not completed", "select count(*) from conversation_uploads where status <> 'completed'"),
            ("transcripts too many", "select count(*) - count(distinct upload_id) from conversation_transcriptions"),
            ("scores too many", "select count(*) - count(distinct upload_id) from conversation_scores"),
            (
                "uploads without a score",
                "select count(*) from conversation_uploads u where not exists "
                "(select 1 from conversation_scores s where s.upload_id = u.id and s.is_current)",
            ),
            (
                "stages done twice",
                "select count(*) from (select 1 from processing_jobs where status = 'completed' "
                "group by upload_id, job_type having count(*) > 1) as twice",
            ),
            ("stages left open", "select count(*) from processing_jobs where status = 'running'"),
        )
        found = {name: self.count(query) for name, query in each}
        return [f"{count} {name}" for name, count in found.items() if count]


def wait_until(is_so: Callable[[], bool], within_s: float, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        assert process is None or process.poll() is None, "the process has ended"
        time.sleep(0.1)
