"""How often a caller may come, as rows, so that it holds across workers and machines.

What lives here: `count()`, which takes one request of a subject or says how long to wait; `turn_of()`, the same as SQL
for a statement that does more at once; `forget()`.
When to add here: another rule of pace.
What to keep out: who is counted (api); the pace of hosted models (`breakers`).
"""

from __future__ import annotations

from sqlalchemy import Engine, delete, text

from nurseconv_dagster.store.access_tables import rate_limits
from nurseconv_dagster.store.engine import quick_cursor, transaction

_INTERVAL = "make_interval(secs => 60.0 / nullif(%(per_minute)s::float, 0))"
_WAIT = "select extract(epoch from due_at - clock_timestamp()) as ahead_s from rate_limits where subject = %(subject)s"


def turn_of(subject: str, source: str = "") -> str:
    """SQL that takes one turn of a subject and returns a row, or none when it comes too often.

    The generic cell rate algorithm: `due_at` moves one interval per request and may run ahead of the clock by a
    minute's worth. So a subject may come `per_minute` times at once, and then once an interval.

    Args:
        subject: an SQL expression.
        source: "from ... where ..." whose rows, one or none, take a turn.

    Source: ITU-T I.371, the generic cell rate algorithm, virtual scheduling form.
    """
    return f"""
        insert into rate_limits as seen (subject, due_at)
        select {subject}, clock_timestamp() + {_INTERVAL} {source}
        on conflict (subject) do update
        set due_at = greatest(seen.due_at, clock_timestamp()) + {_INTERVAL}
        where greatest(seen.due_at, clock_timestamp()) <= clock_timestamp() + interval '1 minute' - {_INTERVAL}
        returning 1
    """


_TURN = turn_of("%(subject)s")


def count(engine: Engine, subject: str, per_minute: int) -> float:
    """0 when the request is taken and counted, else the seconds after which the next one is.

    Args:
        engine: the app's database.
        subject: who comes: a key's id, an address.
        per_minute: how many requests a minute are taken.
    """
    what = {"subject": subject, "per_minute": per_minute}
    with quick_cursor(engine) as cursor:
        if cursor.execute(_TURN, what).fetchone():
            return 0.0
    return wait_of(engine, subject, per_minute)


def wait_of(engine: Engine, subject: str, per_minute: int) -> float:
    """Seconds after which the next request of a subject that came too often is taken; above 0."""
    with quick_cursor(engine) as cursor:
        row = cursor.execute(_WAIT, {"subject": subject}).fetchone()
    ahead_s = float(row.ahead_s) if row else 0.0
    return max(ahead_s - 60.0 + 60.0 / per_minute, 0.01)


def forget(engine: Engine) -> None:
    """Rows of those who have not come for a minute are gone: they say nothing any more."""
    with transaction(engine) as connection:
        connection.execute(delete(rate_limits).where(rate_limits.c.due_at < text("clock_timestamp()")))
