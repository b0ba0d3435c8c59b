"""A challenge pays for itself: the caps of the day hold, and the upload's own money is not touched."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from nurseconv_dagster.errors import BudgetSpentError
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.budgets import ChallengeMoney, Limits
from nurseconv_dagster.store.call_desk import PostgresCallDesk
from nurseconv_dagster.store.challenges import start_challenge
from nurseconv_dagster.store.quality_tables import cohorts
from tests.fakes.uploads import accept_many
from tests.store.callers import ask


@pytest.fixture
def desk_of(engine):
    [upload_id] = accept_many(ArrivalLedger(engine), 1)
    with engine.begin() as connection:
        cohort_id = connection.execute(insert(cohorts).values(chosen_by={}).returning(cohorts.c.id)).scalar_one()
    challenge_id = start_challenge(engine, cohort_id, {}, 2, "run").id

    def desk(limits: Limits, replicate: int | None = None, cap_usd: float | None = None) -> PostgresCallDesk:
        money = ChallengeMoney(challenge_id, replicate, cap_usd) if replicate else None
        return PostgresCallDesk(engine, upload_id, replicate or 1, None, limits, privacy="cleared", challenge=money)

    return desk


def test_the_uploads_budget_holds_for_each_replicate_and_for_the_uploads_own_answers_by_itself(desk_of):
    limits = Limits(upload_usd=1.0)
    for replicate in (1, 2, None):
        desk_of(limits, replicate).open_call(ask(usd=0.9))
        with pytest.raises(BudgetSpentError, match="the upload's budget"):
            desk_of(limits, replicate).open_call(ask(usd=0.9))


def test_the_challenges_budget_holds_over_all_replicates(desk_of):
    desk_of(Limits(), 1, cap_usd=1.0).open_call(ask(usd=0.9))
    with pytest.raises(BudgetSpentError, match=r"the challenge's budget of 1\.00 USD"):
        desk_of(Limits(), 2, cap_usd=1.0).open_call(ask(usd=0.9))
    desk_of(Limits()).open_call(ask(usd=0.9))


def test_the_budget_of_the_day_holds_for_challenges_too(desk_of):
    desk_of(Limits(daily_usd=1.0), 1).open_call(ask(usd=0.9))
    with pytest.raises(BudgetSpentError, match="the day's budget"):
        desk_of(Limits(daily_usd=1.0)).open_call(ask(usd=0.9))
