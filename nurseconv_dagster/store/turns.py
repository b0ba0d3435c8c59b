"""One at a time, on whatever engine: turns that processes take by an advisory lock of Postgres.

What lives here: `taking_turns()`.
When to add here: a rule about who is next.
What to keep out: what is done in a turn. The builds of the marts have a lock of their own that never waits (reporting).

Postgres lets go of a lock when its holder dies, and gives it to those who wait in the order in which they came: a long
batch that takes a turn for each recording lets an urgent one in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from nurseconv_dagster.errors import DeviceBusyError
from nurseconv_dagster.store.engine import autocommit

_LOCK_NOT_AVAILABLE = "55P03"
T = TypeVar("T")


def taking_turns(engine: Engine, what: str, work: Iterable[T], *, until: float) -> Iterator[T]:
    """The pieces of work, each made in a turn of its own; between two of them others have theirs.

    Args:
        what: the thing that only one may use at a time, the same word in every process.
        work: read lazily; whatever making a piece takes happens in its turn.
        until: of the monotonic clock, in seconds; no turn begins later.

    Raises:
        DeviceBusyError: no turn came until then.
        StoreUnavailableError: Postgres did not answer.
    """
    pieces, over = iter(work), object()
    while True:
        with _turn(engine, what, until - time.monotonic()):
            piece = next(pieces, over)
        if piece is over:
            return
        yield piece  # type: ignore[misc]  # it is none of ours


@contextmanager
def _turn(engine: Engine, what: str, wait_s: float) -> Iterator[None]:
    busy = DeviceBusyError("another Whisper has computed on this device until the time was over; this one waits.")
    wait_ms = int(wait_s * 1000)
    if wait_ms <= 0:  # to Postgres 0 means without end
        raise busy
    with autocommit(engine) as connection:
        connection.execute(text("select set_config('lock_timeout', :most, false)"), {"most": f"{wait_ms}ms"})
        try:
            connection.execute(text("select pg_advisory_lock(hashtextextended(:what, 0))"), {"what": what})
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise busy from None
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(hashtextextended(:what, 0))"), {"what": what})
            connection.execute(text("reset lock_timeout"))
