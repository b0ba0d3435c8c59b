"""What each worker measures of its own requests, added up over all workers of this server.

What lives here: the two meters, and `write_meters()`.
When to add here: something that only the process which serves a request can know.
What to keep out: figures that stand in tables (`store.figures`).

With several workers prometheus-client keeps each one's counts in files of the folder `PROMETHEUS_MULTIPROC_DIR`
(each server makes one of its own), and whichever worker is asked adds them up. Replicas are asked one by one, as usual.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import Engine, event

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_own = CollectorRegistry()
_request_seconds = Histogram(
    "nurseconv_http_request_seconds",
    "Seconds from a request to the head of its response.",
    ("route", "method", "status"),
    registry=_own,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_pool_in_use = Gauge(
    "nurseconv_db_pool_in_use",
    "Connections of the API to its database that are at work now.",
    registry=_own,
    multiprocess_mode="livesum",
)

_pool_size = Gauge(
    "nurseconv_db_pool_size",
    "Connections that the API may have to its database.",
    registry=_own,
    multiprocess_mode="livesum",
)


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """One request was answered.

    Args:
        route: its template, such as "/api/v1/uploads/{upload_id}"; never a path with ids or names.
        method: HTTP's.
        status: HTTP's.
        seconds: until the head of the response; how long a stream goes on says nothing about us.
    """
    _request_seconds.labels(route, method, str(status)).observe(seconds)


def watch_pool(engine: Engine, size: int) -> None:
    """The engine's connections are counted while they are at work.

    Args:
        size: how many it may have.
    """
    _pool_size.set(size)
    event.listen(engine, "checkout", lambda *_: _pool_in_use.inc())
    event.listen(engine, "checkin", lambda *_: _pool_in_use.dec())


def leave() -> None:
    """This worker's connections count no longer; what it has served stays counted."""
    if FOLDER in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


def write_meters() -> bytes:
    """The meters of all workers of this server, in Prometheus' text format."""
    if FOLDER not in os.environ:
        return generate_latest(_own)
    everybody = CollectorRegistry()
    MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
    return generate_latest(everybody)
