"""A real server for tests that need one: `nurseconv api`'s own command line, on a port of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx2

from nurseconv_dagster.operations.api_server import api_command, api_environment
from nurseconv_dagster.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(
    settings: Settings, *, workers: int, log: IO[bytes] | None = None, **environment: str
) -> Iterator[str]:
    """The address of the API, served as `nurseconv api` serves it; ended at the end. `log` takes what it prints."""
    settings = settings.model_copy(update={"port": free_port(), "workers": workers})
    address = f"http://127.0.0.1:{settings.port}"
    process = subprocess.Popen(
        api_command(settings),
        env={**os.environ, **api_environment(settings), "DATABASE_URL": settings.database_url, **environment},
        cwd=settings.home,
        start_new_session=True,
        stdout=log,
        stderr=log,
    )
    try:
        wait_for(f"{address}/openapi.json", process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """The server answers at this address; fails when it does not within a minute."""
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            if httpx2.get(address, timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not answer")
