"""The REST API on loopback: a steady stream of uploads, reads beside a bare route, an endless body, slow senders.

Everything is bounded in count and time, and uses a home and a server of its own in a temporary folder, which it
removes. No daemon runs: what is measured is taking in and reading, not the work on uploads. Figures of a busy machine
say little; the load average is printed with them.

    .venv/bin/python benchmarks/api.py
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parents[1]))

LINE = "made-up"
HEAD = f'--{LINE}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode()
TAIL = f"\r\n--{LINE}--\r\n".encode()
FORM = {"Content-Type": f"multipart/form-data; boundary={LINE}"}


def compared() -> FastAPI:
    """The product's app with one more route: one indexed select and one insert, and nothing else."""
    from sqlalchemy import insert, select

    from nurseconv_dagster.api.app import from_environment
    from nurseconv_dagster.api.parts import Database
    from nurseconv_dagster.store.tables import audit_log
    from nurseconv_dagster.store.tables import conversation_uploads as uploads

    app = from_environment()

    def bare(upload_id: UUID, engine: Database) -> dict[str, str]:
        with engine.begin() as connection:
            row = connection.execute(select(uploads.c.id, uploads.c.status).where(uploads.c.id == upload_id)).one()
            connection.execute(insert(audit_log).values(actor="bench", action="read", subject=str(row.id), details={}))
        return {"id": str(row.id), "status": row.status}

    bare.__annotations__ = {"upload_id": UUID, "engine": Database, "return": dict[str, str]}
    app.get("/bare/{upload_id}")(bare)
    return app


def recording(n_bytes: int) -> bytes:
    """A WAV file of noise, unlike any other."""
    data = os.urandom((n_bytes - 44) // 2 * 2)
    return b"".join(
        [b"RIFF", struct.pack("<I", 36 + len(data)), b"WAVEfmt ",
         struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16), b"data", struct.pack("<I", len(data)), data]
    )  # fmt: skip


class Caller:
    """One connection that is kept, and the answers it got."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, body, {**self._headers, **headers})
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0, b""

    def post(self, content: bytes) -> tuple[int, bytes]:
        return self.ask("POST", "/api/v1/uploads", HEAD + content + TAIL, **FORM)


@contextmanager
def served(folder: Path, workers: int, **more: str) -> Iterator[tuple[int, str, Any, Path]]:
    """Port, key, engine and home of a served API."""
    from nurseconv_dagster.operations.embedded_postgres import ensure_server, stop_server
    from nurseconv_dagster.settings import load_settings
    from nurseconv_dagster.store.engine import app_url, open_engine
    from nurseconv_dagster.store.keys import make_key
    from nurseconv_dagster.store.schema import migrate

    os.environ.update(NURSECONV_HOME=f"{folder}/home", **more)
    settings = load_settings()
    settings.vault_dir.mkdir(parents=True)
    ensure_server(settings.home)
    engine = open_engine(app_url(settings))
    migrate(engine)
    token = make_key(engine, "bench", scopes=["admin"], actor="bench")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.api:compared", "--port", str(port),
         "--workers", str(workers), "--log-level", "error"],
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    try:
        while Caller(port, token).ask("GET", "/ready")[0] != 200:
            time.sleep(0.2)
        yield port, token, engine, settings.home
    finally:
        server.terminate()
        server.wait(30)
        engine.dispose()
        stop_server(settings.home)


def percentiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    figures = {"median": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(seconds)}
    return ", ".join(f"{name} {figure * 1000:.0f} ms" for name, figure in figures.items())


def in_step(n_threads: int, work: Callable[[Any, int], Any], make: Callable[[], Any], count: int) -> list[Any]:
    """What each piece of work came to; each thread has one caller of its own."""
    local = threading.local()

    def run(number: int) -> Any:
        if not hasattr(local, "caller"):
            local.caller = make()
        return work(local.caller, number)

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(run, range(count)))


def steady_uploads(port: int, token: str, rate: int, seconds: int, n_bytes: int) -> None:
    contents = [recording(n_bytes) for _ in range(rate * seconds)]
    began = time.perf_counter()

    def send(caller: Caller, number: int) -> tuple[int, float]:
        due = began + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        status, _ = caller.post(contents[number])
        return status, time.perf_counter() - due  # from when it was due: a queue is part of the time

    found = in_step(48, send, lambda: Caller(port, token), len(contents))
    took_s = time.perf_counter() - began
    print(f"{rate} uploads/s of {n_bytes} bytes for {seconds} s: {dict(Counter(status for status, _ in found))}, "
          f"{len(found) / took_s:.1f}/s, {percentiles([spent for _, spent in found])}")  # fmt: skip


def same_file(port: int, token: str, engine: Any, home: Path) -> None:
    from sqlalchemy import text

    content = recording(100_000)
    before = sum(1 for _ in (home / "vault" / "objects").rglob("*") if _.is_file())
    found = in_step(50, lambda caller, _: caller.post(content), lambda: Caller(port, token), 100)
    ids = {json.loads(body)["id"] for status, body in found if status == 202}
    after = sum(1 for _ in (home / "vault" / "objects").rglob("*") if _.is_file())
    with engine.connect() as connection:
        n_rows = connection.execute(
            text("select count(*) from conversation_uploads where id = any(:ids)"), {"ids": [UUID(one) for one in ids]}
        ).scalar_one()
    n_taken = sum(status == 202 for status, _ in found)
    print(
        f"100 posts of one file at once: {n_taken} answered 202, {len(ids)} id, {n_rows} row, {after - before} object"
    )


def reads(port: int, token: str, engine: Any, n_reads: int, n_threads: int) -> None:
    """The result document beside the bare route, in turns of the same length."""
    ids = fill(engine, Caller(port, token))
    rates: dict[str, list[float]] = {"bare": [], "results": [], "results without transcript": []}
    paths = {
        "bare": "/bare/{}",
        "results": "/api/v1/uploads/{}",
        "results without transcript": "/api/v1/uploads/{}?transcription=none",
    }
    for _ in range(3):
        for name, path in paths.items():
            began = time.perf_counter()
            urls = [path.format(ids[number % len(ids)]) for number in range(n_reads)]
            found = in_step(n_threads, partial(get, urls), lambda: Caller(port, token), n_reads)
            assert {status for status, _ in found} == {200}, Counter(status for status, _ in found)
            rates[name].append(n_reads / (time.perf_counter() - began))
            if name == "results":
                n_bytes = len(found[0][1])
    best = {name: statistics.median(found) for name, found in rates.items()}
    print(f"reads/s by {n_threads} callers: " + ", ".join(f"{name} {rate:.0f}" for name, rate in best.items()))
    print(f"ratio to the bare route: results {best['results'] / best['bare']:.2f} ({n_bytes} bytes each), "
          f"without transcript {best['results without transcript'] / best['bare']:.2f}")  # fmt: skip


def get(urls: list[str], caller: Caller, number: int) -> tuple[int, bytes]:
    return caller.ask("GET", urls[number])


def fill(engine: Any, caller: Caller, n_uploads: int = 20) -> list[str]:
    """Uploads with results like those of a talk of five minutes."""
    from sqlalchemy import update

    from nurseconv_dagster.store.tables import conversation_uploads
    from tests.fakes.results import add_results

    ids = []
    for _ in range(n_uploads):
        upload_id = json.loads(caller.post(recording(1000))[1])["id"]
        add_results(
            engine,
            UUID(upload_id),
            {f"question_{n}": "answered" if n % 2 else "not_asked" for n in range(12)},
            n_segments=60,
        )
        ids.append(upload_id)
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).values(status="completed", stage="done"))
    return ids


def endless_body(port: int, token: str, home: Path, n_bytes: int) -> None:
    from nurseconv_dagster.settings import load_settings

    limit = load_settings().max_file_size
    incoming = home / "vault" / "incoming"
    sender = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = (
        f"POST /api/v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n"
    )
    sender.sendall((head + f"Content-Type: {FORM['Content-Type']}\r\n\r\n").encode())
    piece = os.urandom(1 << 20)
    sender.sendall(f"{len(HEAD):x}\r\n".encode() + HEAD + b"\r\n")
    most = n_sent = 0
    began = time.perf_counter()
    try:
        while n_sent < n_bytes:
            sender.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            n_sent += len(piece)
            most = max(most, sum(path.stat().st_size for path in incoming.iterdir()))
    except OSError:
        pass  # the server has hung up
    response = http.client.HTTPResponse(sender)
    response.begin()
    time.sleep(0.2)
    left = sum(path.stat().st_size for path in incoming.iterdir())
    took_s = time.perf_counter() - began
    print(f"a body of {n_bytes / 1e9:.0f} GB against a limit of {limit / 1e6:.0f} MB: {response.status} after "
          f"{n_sent / 1e6:.0f} MB and {took_s:.1f} s; at most {max(0, most - limit)} bytes over the limit on disk, "
          f"{left} afterwards")  # fmt: skip


def slow_senders(port: int, token: str, count: int, seconds: int) -> None:
    head = (
        f"POST /api/v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n"
    )
    start = (head + f"Content-Type: {FORM['Content-Type']}\r\n\r\n").encode()
    caller = Caller(port, token)

    def probe(n: int) -> list[float]:
        spent = []
        for _ in range(n):
            began = time.perf_counter()
            assert caller.ask("GET", "/health")[0] in (200, 503)
            spent.append(time.perf_counter() - began)
            time.sleep(seconds / n)
        return spent

    quiet = probe(50)
    senders = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    for sender in senders:
        sender.sendall(start + f"{len(HEAD):x}\r\n".encode() + HEAD + b"\r\n")
    stop = threading.Event()

    def dribble() -> None:
        while not stop.wait(0.1):
            for sender in senders:
                sender.sendall(b"1\r\nx\r\n")

    thread = threading.Thread(target=dribble)
    thread.start()
    slow = probe(50)
    stop.set()
    thread.join()
    for sender in senders:
        sender.close()
    print(f"/health alone: {percentiles(quiet)}")
    print(f"/health beside {count} slow senders: {percentiles(slow)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--upload-bytes", type=int, default=100_000)
    parser.add_argument("--reads", type=int, default=600)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--stream-gb", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=["reads", "same", "stream", "slow", "load"])
    asked = parser.parse_args()
    for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "UPLOAD_DIR"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="nurseconv-bench-") as folder, \
         served(Path(folder), asked.workers, RATE_LIMIT="0") as (port, token, engine, home):  # fmt: skip
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {asked.workers} worker(s)")
        parts: dict[str, Callable[[], None]] = {
            "reads": lambda: reads(port, token, engine, asked.reads, asked.callers),
            "same": lambda: same_file(port, token, engine, home),
            "stream": lambda: endless_body(port, token, home, int(asked.stream_gb * 1e9)),
            "slow": lambda: slow_senders(port, token, 50, 5),
            "load": lambda: steady_uploads(port, token, asked.rate, asked.seconds, asked.upload_bytes),
        }
        for name in asked.only:
            parts[name]()
        print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
