"""Celery workers as the ledger's database knows them: who lives, which queues they listen to, whether they reach Redis.

What lives here: `beat_worker()` and the readers of those beats.
When to add here: something that a worker says of itself.
What to keep out: Celery. Those who read this (the API, the runs) need not ask a broker.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, select

from nurseconv_dagster.store import listings
from nurseconv_dagster.store.engine import interval, transaction
from nurseconv_dagster.store.tables import heartbeats

# Where a stage waits for ever when nobody listens; the lane of urgent uploads is used only where somebody does.
STAGE_QUEUES = frozenset({"processing", "transcription", "qa_extraction", "scoring", "maintenance"})
BEAT_EVERY_S = 10.0
SILENT_AFTER_S = 60.0
_PREFIX = "celery:"
_FORGOTTEN_AFTER_S = 86_400


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker at its last beat.

    Args:
        name: Celery's name of it.
        queues: those it listens to.
        reaches_redis: whether it could talk to Redis then.
        silent_s: seconds since.
    """

    name: str
    queues: frozenset[str]
    reaches_redis: bool
    silent_s: float

    @property
    def is_alive(self) -> bool:
        """Whether it has been heard of lately."""
        return self.silent_s < SILENT_AFTER_S


def beat_worker(engine: Engine, name: str, queues: frozenset[str], *, reaches_redis: bool) -> None:
    """This worker is alive now; those that have not been for a day are forgotten."""
    facts = {"queues": ",".join(sorted(queues)), "redis": "reached" if reaches_redis else "away"}
    listings.beat(engine, f"{_PREFIX}{name}", facts)
    old = func.clock_timestamp() - interval(_FORGOTTEN_AFTER_S)
    with transaction(engine) as connection:
        connection.execute(delete(heartbeats).where(heartbeats.c.name.startswith(_PREFIX), heartbeats.c.beat_at < old))


def forget_worker(engine: Engine, name: str) -> None:
    """This worker has ended by a wish."""
    listings.silence(engine, f"{_PREFIX}{name}")


def list_workers(engine: Engine) -> list[Worker]:
    """All that were heard of in the last day."""
    silent_s = func.extract("epoch", func.clock_timestamp() - heartbeats.c.beat_at).label("silent_s")
    query = select(heartbeats.c.name, heartbeats.c.versions, silent_s).where(heartbeats.c.name.startswith(_PREFIX))
    with transaction(engine) as connection:
        return [
            Worker(
                row.name.removeprefix(_PREFIX),
                frozenset(row.versions["queues"].split(",")),
                row.versions["redis"] == "reached",
                float(row.silent_s),
            )
            for row in connection.execute(query.order_by(heartbeats.c.name))
        ]


def queues_served(engine: Engine) -> frozenset[str]:
    """The queues to which a living worker listens that reaches Redis."""
    served = (worker.queues for worker in list_workers(engine) if worker.is_alive and worker.reaches_redis)
    return frozenset().union(*served)
