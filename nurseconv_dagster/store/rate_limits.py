"""How often a caller may come, as rows, so that it holds across workers and machines.

What lives here: `count()`, which takes one request of a subject or says how long to wait; `forget()`.
When to add here: another rule of pace.
What to keep out: who is counted (api); the pace of hosted models (`breakers`).
"""

from __future__ import annotations

from sqlalchemy import Engine, delete, text

from nurseconv_dagster.store.access_tables import rate_limits
from nurseconv_dagster.store.engine import transaction

# The generic cell rate algorithm: `due_at` moves one interval per request and may run ahead of the clock by a minute's
# worth. So a subject may come `per_minute` times at once, and then once an interval.
# Source: ITU-T I.371, the generic cell rate algorithm, virtual scheduling form.
COUNT = """
insert into rate_limits as seen (subject, due_at)
values (:subject, clock_timestamp() + make_interval(secs => 60.0 / :per_minute))
on conflict (subject) do update
set due_at = greatest(seen.due_at, clock_timestamp()) + make_interval(secs => 60.0 / :per_minute)
where greatest(seen.due_at, clock_timestamp()) <= clock_timestamp() + make_interval(secs => 60.0 - 60.0 / :per_minute)
returning 1
"""
_WAIT = "select extract(epoch from due_at - clock_timestamp()) from rate_limits where subject = :subject"


def count(engine: Engine, subject: str, per_minute: int) -> float:
    """0 when the request is taken and counted, else the seconds after which the next one is.

    Args:
        engine: the app's database.
        subject: who comes: a key's id, an address.
        per_minute: how many requests a minute are taken.
    """
    with transaction(engine) as connection:
        what = {"subject": subject, "per_minute": float(per_minute)}
        if connection.execute(text(COUNT), what).first():
            return 0.0
        ahead_s = float(connection.execute(text(_WAIT), what).scalar_one_or_none() or 0)
    return max(ahead_s - 60.0 + 60.0 / per_minute, 0.01)


def forget(engine: Engine) -> None:
    """Rows of those who have not come for a minute are gone: they say nothing any more."""
    with transaction(engine) as connection:
        connection.execute(delete(rate_limits).where(rate_limits.c.due_at < text("clock_timestamp()")))
