"""What it costs to know who calls: a guarded route beside a bare one of FastAPI with one indexed select and one insert.

Ours finds the key, takes a turn of the rate limit, reads the same row, writes the audit row, measures itself and sets
its headers. Both run on uvicorn with one worker, on the same database, asked in turns by the same eight callers.

    .venv/bin/python benchmarks/api.py
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx2
from fastapi import APIRouter, FastAPI
from sqlalchemy import create_engine, insert, select, text

sys.path.insert(0, str(Path(__file__).parents[1]))

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import Database
from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.operations.embedded_postgres import stop_server
from nurseconv_dagster.operations.home import prepare_store
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.keys import make_key
from nurseconv_dagster.store.tables import audit_log, conversation_uploads
from nurseconv_dagster.store.visibility import visible_to
from tests.api.servers import free_port, wait_for
from tests.fakes.uploads import accept_many

CALLERS, REQUESTS, ROUNDS = 8, 400, 7
router = APIRouter()


@router.get("/results/{upload_id}")
def read_results(upload_id: UUID, caller: Annotated[Caller, require("read")], engine: Database) -> dict[str, Any]:
    """A route as routers write them."""
    with audit.access(engine, caller.actor, "upload.read", upload_id) as connection:
        row = connection.execute(
            select(conversation_uploads).where(conversation_uploads.c.id == upload_id, visible_to(caller.units))
        ).first()
        if row is None:
            raise UnknownUploadError("no upload with this id.")
    return {"upload": {"id": str(row.id), "status": row.status}}


def ours() -> FastAPI:
    app = create_app(load_settings())
    app.include_router(router)
    return app


def bare() -> FastAPI:
    app = FastAPI()
    engine = create_engine(app_url(load_settings()), pool_size=8, max_overflow=4)

    @app.get("/results/{upload_id}")
    def read(upload_id: UUID) -> dict[str, Any]:
        with engine.begin() as connection:
            row = connection.execute(select(conversation_uploads).where(conversation_uploads.c.id == upload_id)).one()
            connection.execute(
                insert(audit_log).values(actor="x", action="upload.read", subject=str(row.id), details={})
            )
        return {"upload": {"id": str(row.id), "status": row.status}}

    return app


def measure(address: str, headers: dict[str, str]) -> float:
    """Requests a second of eight callers, each on one connection."""

    def call(n: int) -> None:
        with httpx2.Client(headers=headers) as client:
            for _ in range(n):
                client.get(address).raise_for_status()

    begun = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(call, [REQUESTS // CALLERS] * CALLERS))
    return REQUESTS / (time.perf_counter() - begun)


def serve(factory: str, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "uvicorn", f"api:{factory}", "--factory", "--port", str(port), "--no-access-log",
        "--log-level", "warning"]  # fmt: skip
    return subprocess.Popen(command, cwd=Path(__file__).parent)


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="nurseconv-bench-"))
    os.environ.update(NURSECONV_HOME=str(home), RATE_LIMIT="1000000")
    settings = Settings(_env_file=None)
    prepare_store(settings)
    engine = open_engine(app_url(settings))
    accept_many(ArrivalLedger(engine), 200)
    with transaction(engine) as connection:
        upload_id = connection.execute(text("select id from conversation_uploads limit 1")).scalar_one()
    headers = {"Authorization": f"Bearer {make_key(engine, 'bench', scopes=['admin'], actor='bench')}"}
    ports = {"ours": free_port(), "bare": free_port()}
    servers = [serve(name, port) for name, port in ports.items()]
    try:
        for server, port in zip(servers, ports.values(), strict=True):
            wait_for(f"http://127.0.0.1:{port}/openapi.json", server)
        addresses = {name: f"http://127.0.0.1:{port}/results/{upload_id}" for name, port in ports.items()}
        for address in addresses.values():
            measure(address, headers)
        rounds = [{name: measure(address, headers) for name, address in addresses.items()} for _ in range(ROUNDS)]
    finally:
        for server in servers:
            server.terminate()
            server.wait()
        engine.dispose()
        stop_server(home)
    rates = {name: statistics.median(found[name] for found in rounds) for name in ports}
    ratio = statistics.median(found["ours"] / found["bare"] for found in rounds)
    print(json.dumps({name: round(rate) for name, rate in rates.items()}))
    print(f"ours / bare: {ratio:.2f} of the requests a second (median of {ROUNDS} rounds, asked in turns)")


if __name__ == "__main__":
    main()
