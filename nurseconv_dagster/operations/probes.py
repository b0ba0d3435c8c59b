"""Whether a container's part works, asked from inside: a fraction of a second, for it is asked every few.

What lives here: `python -m nurseconv_dagster.operations.probes PART`, exit code 0 when it is well.
When to add here: a part that runs in a container of its own.
What to keep out: imports of Dagster, SQLAlchemy or anything that takes a second; what `/health` tells people.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANSWERS_WITHIN_S = 4
DAEMON_BEATS_WITHIN_S = 150
WORKER_BEATS_WITHIN_S = 60


def web(address: str) -> None:
    """Nothing, when a page answers."""
    with urllib.request.urlopen(address, timeout=ANSWERS_WITHIN_S):  # noqa: S310 - our own port
        return


def code_server() -> None:
    """Nothing, when the code server serves definitions; the standard gRPC health service, which Dagster answers."""
    import grpc  # type: ignore[import-untyped]
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    with grpc.insecure_channel("127.0.0.1:4000") as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        state = health_pb2_grpc.HealthStub(channel).Check(request, timeout=ANSWERS_WITHIN_S).status
    if state != health_pb2.HealthCheckResponse.SERVING:
        raise SystemExit("the code server does not serve")


def daemon() -> None:
    """Nothing, when a sensor of ours has been evaluated lately: that takes daemon, code server and database."""
    reconcile_every_s = float(_setting("RECONCILE_EVERY_S") or 30)
    _beats("dagster-daemon", max(DAEMON_BEATS_WITHIN_S, 2 * reconcile_every_s + 15))  # the latter as `/health`


def worker() -> None:
    """Nothing, when the Celery worker of this container has beaten lately."""
    _beats(f"celery:%@{socket.gethostname()}", WORKER_BEATS_WITHIN_S)


def _beats(name: str, within_s: float) -> None:
    """Nothing, when somebody of this name (as SQL's `like` reads it) has said lately that it is alive."""
    import psycopg

    with psycopg.connect(**_address()) as found:
        age = found.execute(
            "select min(extract(epoch from now() - beat_at)) from heartbeats where name like %s", (name,)
        ).fetchone()
    if age is None or age[0] is None or age[0] > within_s:
        raise SystemExit("no sign of life lately")


def _address() -> dict[str, Any]:
    """What the driver needs for the ledger's database, read from the settings as `store.engine` reads them."""
    from psycopg.conninfo import conninfo_to_dict

    address = conninfo_to_dict(re.sub(r"^\w+(\+\w+)?://", "postgresql://", _setting("DATABASE_URL")))
    return {"password": _setting("POSTGRES_PASSWORD"), **address, "connect_timeout": ANSWERS_WITHIN_S}


def _setting(name: str) -> str:
    """As the settings find it; importing those takes longer than the question."""
    secret = Path(f"/run/secrets/{name.lower()}")
    return os.environ.get(name) or (secret.read_text().strip() if secret.is_file() else "")


PARTS: dict[str, Callable[[], None]] = {
    "api": lambda: web("http://127.0.0.1:8000/ready"),
    "dagster-webserver": lambda: web("http://127.0.0.1:3000/server_info"),
    "code-server": code_server,
    "dagster-daemon": daemon,
    "worker": worker,
    "flower": lambda: web("http://127.0.0.1:5555/healthcheck"),
}

if __name__ == "__main__":
    PARTS[sys.argv[1]]()
