"""Breakers as rows: read and changed under their lock, listed and reset for operators.

What lives here: `lock_breaker()`, `save_breaker()`, `count_in_flight()` for the desk; `list_breakers()` and
`reset_breaker()` for people.
When to add here: a question about a provider's health.
What to keep out: when a breaker opens and closes (`breaker_rules`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, func, select, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.store.breaker_rules import BreakerState
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import extraction_attempts as calls
from nurseconv_dagster.store.provider_tables import provider_breakers as breakers

_STATE = tuple(field.name for field in fields(BreakerState))


@dataclass(frozen=True, slots=True)
class Breaker:
    """One provider with one credential, as an operator sees it.

    Args:
        credential: the fingerprint, never the key.
        position: "closed", "open" or "half_open" (the pause is over and a probe may go or is under way).
        n_failures: in a row.
        opened_until: end of the pause, in the year 9999 where only another credential or a reset helps; null when
            closed.
        reason: class of the error that opened it; null when closed.
    """

    provider: str
    credential: str
    position: Literal["closed", "open", "half_open"]
    n_failures: int
    is_proven: bool
    opened_at: datetime | None
    opened_until: datetime | None
    reason: str | None
    updated_at: datetime


def lock_breaker(connection: Connection, provider: str, credential: str) -> tuple[BreakerState, datetime]:
    """The breaker's state and the server's time, with the row held until the transaction ends."""
    mine = _key(provider, credential)
    row = connection.execute(select(breakers).where(mine).with_for_update()).first()
    if row is None:
        fresh = postgresql.insert(breakers).values(provider=provider, credential=credential).on_conflict_do_nothing()
        connection.execute(fresh)
        row = connection.execute(select(breakers).where(mine).with_for_update()).one()
    # asked only now: a time taken before the lock was granted could lie before what others did meanwhile
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return BreakerState(**{name: getattr(row, name) for name in _STATE}), now


def save_breaker(connection: Connection, provider: str, credential: str, state: BreakerState) -> None:
    """The state is the breaker's; call it while the row is held."""
    connection.execute(
        update(breakers)
        .where(_key(provider, credential))
        .values(**asdict(state), updated_at=func.clock_timestamp())
    )  # fmt: skip


def count_in_flight(connection: Connection, provider: str, credential: str, now: datetime) -> int:
    """Calls that have begun, have not ended and are not past their time."""
    found = select(func.count()).where(
        calls.c.provider == provider,
        calls.c.credential == credential,
        calls.c.outcome == "started",
        calls.c.expires_at > now,
    )
    return connection.execute(found).scalar_one()


def list_breakers(engine: Engine) -> list[Breaker]:
    """Every provider that was ever called, with each credential it was called with."""
    with transaction(engine) as connection:
        rows = connection.execute(select(breakers).order_by(breakers.c.provider, breakers.c.updated_at.desc())).all()
        now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return [_breaker(row, now) for row in rows]


def reset_breaker(engine: Engine, provider: str) -> int:
    """How many breakers of this provider now start afresh: closed, not proven, nothing remembered.

    Calls that are under way while this happens tell nothing about the time after it.
    """
    fresh = asdict(BreakerState()) | {"opened_at": func.clock_timestamp(), "updated_at": func.clock_timestamp()}
    with transaction(engine) as connection:
        return connection.execute(update(breakers).where(breakers.c.provider == provider).values(**fresh)).rowcount


def _key(provider: str, credential: str) -> Any:
    return and_(breakers.c.provider == provider, breakers.c.credential == credential)


def _breaker(row: Row[Any], now: datetime) -> Breaker:
    position: Literal["closed", "open", "half_open"] = "closed"
    if row.opened_until is not None:
        position = "open" if now < row.opened_until else "half_open"
    return Breaker(position=position, **{f.name: getattr(row, f.name) for f in fields(Breaker) if f.name != "position"})
