"""Money of hosted models: what a day, a unit and an upload have spent, and whether a call still fits.

What lives here: `Limits`, `check_budgets()` inside the desk's transaction, `spent_today()` for status pages.
When to add here: another share of the money.
What to keep out: prices (`extraction.hosted.prices`); settling a call (`call_desk`).

Spent is what settled calls cost and what the others reserved. A call whose process died never settles, so its
reservation stays spent: nobody knows what the provider will bill. A day runs from midnight to midnight in the
configured time zone and a call belongs to the day on which it began.

A call may go when all of its reservation still fits. The check and the reservation are one transaction under one lock,
so reservations alone never pass a cap, however many processes ask at once; only a call that costs more than was
reserved for it can, and by no more than that difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, func, select, text

from nurseconv_dagster.errors import BudgetSpentError
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import extraction_attempts as calls

_LOCK = "select pg_advisory_xact_lock(hashtext('nurseconv:budget'))"
_ROUNDING_USD = 1e-9  # sums of binary fractions; a billionth of a dollar is no overspending


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be spent on hosted models; null is without limit, 0 is nothing.

    Args:
        daily_usd: of all uploads in a day.
        upload_usd: of one upload, over all its attempts.
        unit_daily_usd: of one unit in a day, the same for each; uploads without a unit share one.
        timezone: in which a day begins.
    """

    daily_usd: float | None = None
    upload_usd: float | None = None
    unit_daily_usd: float | None = None
    timezone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class ChallengeMoney:
    """A challenge pays for its calls itself: none of them is taken from what the upload's own answers may cost.

    Args:
        id: of the challenge.
        replicate: number of the replicate, from 1; `LLM_UPLOAD_BUDGET_USD` holds for each by itself.
        cap_usd: of the whole challenge; null is without limit.
    """

    id: UUID
    replicate: int
    cap_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """The money of one day.

    Args:
        day_from: midnight, aware.
        total_usd: spent and reserved.
        reserved_usd: the part of it that has not settled: calls under way, and calls whose process died.
        by_unit_usd: the total by unit; key null for uploads without one.
        n_calls: calls that cost or may cost something.
    """

    day_from: datetime
    total_usd: float
    reserved_usd: float
    by_unit_usd: dict[str | None, float]
    n_calls: int


def check_budgets(
    connection: Connection,
    upload_id: UUID,
    unit: str | None,
    estimated_usd: float,
    *,
    limits: Limits,
    now: datetime,
    challenge: ChallengeMoney | None = None,
) -> None:
    """Nothing, when the call fits; the lock is held until its reservation is written with the same transaction.

    Args:
        challenge: the challenge that calls; null when the upload itself is worked on.

    Raises:
        BudgetSpentError: transient; says which budget, its cap and when it frees.
    """
    connection.execute(text(_LOCK))
    begin, end = day_around(now, limits.timezone)
    today = (calls.c.called_at >= begin, calls.c.called_at < end)
    mine = calls.c.unit.is_not_distinct_from(unit)
    upload = [calls.c.upload_id == upload_id, calls.c.challenge_id.is_not_distinct_from(challenge and challenge.id)]
    if challenge is not None:
        upload.append(calls.c.attempt == challenge.replicate)
    challenge_usd = challenge.cap_usd if challenge is not None else None
    midnight = f"frees at {end.isoformat(timespec='minutes')}"
    for name, cap, frees, which in (
        ("the upload's budget", limits.upload_usd, "frees only when LLM_UPLOAD_BUDGET_USD is raised",
         upload),
        ("the unit's budget of the day", limits.unit_daily_usd, midnight, (*today, mine)),
        ("the day's budget", limits.daily_usd, midnight, today),
        ("the challenge's budget", challenge_usd, "frees only with a higher budget_usd",
         (calls.c.challenge_id == (challenge and challenge.id),)),
    ):  # fmt: skip
        if cap is None:
            continue
        spent: float = connection.execute(_sum(*which)).scalar_one()
        if spent + estimated_usd > cap + _ROUNDING_USD:
            raise BudgetSpentError(
                f"{name} of {cap:.2f} USD does not hold this call: {spent:.4f} USD are spent or reserved and the call "
                f"may cost {estimated_usd:.4f} USD; it {frees}."
            )


def spent_today(engine: Engine, timezone: tzinfo = UTC) -> Spent:
    """What has been spent since midnight, in all and by unit."""
    with transaction(engine) as connection:
        now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        begin, end = day_around(now, timezone)
        money = func.coalesce(calls.c.cost_usd, calls.c.reserved_usd)
        rows = connection.execute(
            select(
                calls.c.unit,
                func.sum(money).label("total"),
                func.coalesce(func.sum(money).filter(calls.c.cost_usd.is_(None)), 0.0).label("reserved"),
                func.count().label("n_calls"),
            )
            .where(calls.c.called_at >= begin, calls.c.called_at < end, money > 0)
            .group_by(calls.c.unit)
        ).all()
    return Spent(
        day_from=begin,
        total_usd=sum(row.total for row in rows),
        reserved_usd=sum(row.reserved for row in rows),
        by_unit_usd={row.unit: row.total for row in rows},
        n_calls=sum(row.n_calls for row in rows),
    )


def day_around(now: datetime, timezone: tzinfo) -> tuple[datetime, datetime]:
    """Midnight before and midnight after, aware; a day is 23 or 25 hours long where clocks change."""
    today = now.astimezone(timezone).date()
    begin, end = (datetime.combine(day, time(), timezone) for day in (today, today + timedelta(days=1)))
    return begin, end


def _sum(*which: ColumnElement[bool]) -> Any:
    return select(func.coalesce(func.sum(func.coalesce(calls.c.cost_usd, calls.c.reserved_usd)), 0.0)).where(*which)
