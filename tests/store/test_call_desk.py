"""Laws of the call desk, on real Postgres and with real processes: the dead are left alone, and no cap breaks."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select, text, update

from nurseconv_dagster.errors import BreakerOpenError, BudgetSpentError, UnknownUploadError
from nurseconv_dagster.extraction.hosted.calls import CallDesk, CallRequest, Completion, Usage
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.breaker_rules import BreakerRules
from nurseconv_dagster.store.breakers import list_breakers, reset_breaker
from nurseconv_dagster.store.budgets import Limits, day_around, spent_today
from nurseconv_dagster.store.call_desk import PostgresCallDesk
from nurseconv_dagster.store.engine import open_engine
from nurseconv_dagster.store.provider_tables import extraction_attempts, provider_breakers, provider_replies
from tests.fakes.desk import MemoryDesk
from tests.fakes.uploads import accept_many
from tests.store.callers import ask, call_the_dead, die_in_a_call, ended, spend

SPAWN = multiprocessing.get_context("spawn")
REPLY = Completion("a whole reply", "stop", Usage(10, 2, None, 3), "model-1-001")


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Eight processes, started once for this file."""
    with ProcessPoolExecutor(8, mp_context=SPAWN) as pool:
        yield pool


@pytest.fixture
def desk_of(engine):
    """A desk for a new upload."""

    def make(limits: Limits | None = None, unit: str | None = None, **about) -> PostgresCallDesk:
        upload_id = about.pop("upload_id", None) or accept_many(ArrivalLedger(engine), 1)[0]
        return PostgresCallDesk(engine, upload_id, 1, unit, limits or Limits(), privacy="deidentify", **about)

    return make


def call(engine, call_id: UUID):
    with engine.connect() as connection:
        return connection.execute(select(extraction_attempts).where(extraction_attempts.c.id == call_id)).one()


def n_calls(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(extraction_attempts)).scalar_one()


def fail(desk: CallDesk, error_class: str, times: int = 1, request: CallRequest | None = None, **about) -> None:
    for _ in range(times):
        desk.close_call(desk.open_call(request or ask()), ended(error_class, **about))


def end_the_pause(engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(provider_breakers).values(opened_until=func.now() - text("interval '1 second'")))


def move_calls(engine, interval: str, **about) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(extraction_attempts)
            .where(*(extraction_attempts.c[name] == value for name, value in about.items()))
            .values(
                called_at=extraction_attempts.c.called_at + text(f"interval '{interval}'"),
                expires_at=extraction_attempts.c.expires_at + text(f"interval '{interval}'"),
            )
        )


def test_a_call_has_its_row_from_the_beginning_and_is_settled_at_the_end(engine, desk_of):
    desk = desk_of(unit="icu")
    call_id = desk.open_call(ask(usd=0.25))
    begun = call(engine, call_id)
    assert (begun.outcome, begun.reserved_usd, begun.cost_usd, begun.latency_s) == ("started", 0.25, None, None)
    assert (begun.unit, begun.privacy, begun.credential) == ("icu", "deidentify", "key-1")
    assert begun.expires_at - begun.called_at >= timedelta(seconds=5)
    assert begun.n_claims_dropped == {}
    desk.close_call(call_id, ended(cost_usd=0.1))
    settled = call(engine, call_id)
    assert (settled.outcome, settled.cost_usd, settled.latency_s, settled.error_class) == ("ok", 0.1, 0.5, None)
    assert (settled.n_tokens_in, settled.n_tokens_out, settled.n_tokens_cached, settled.n_tokens_thinking) == (
        100, 20, 40, 5,
    )  # fmt: skip


def test_closing_a_call_twice_or_after_its_upload_is_gone_changes_nothing(engine, desk_of):
    desk = desk_of()
    call_id = desk.open_call(ask())
    desk.close_call(call_id, ended("ProviderTimeoutError"))
    desk.close_call(call_id, ended("ProviderTimeoutError"))
    desk.close_call(uuid4(), ended())
    assert call(engine, call_id).error_class == "ProviderTimeoutError"
    assert [breaker.n_failures for breaker in list_breakers(engine)] == [1]


def test_a_call_for_an_upload_that_is_not_there_is_not_made(engine, desk_of):
    with pytest.raises(UnknownUploadError):
        desk_of(upload_id=uuid4()).open_call(ask())


def test_a_dead_provider_gets_five_calls_and_one_probe_a_pause_from_any_number_of_processes(
    engine, database, processes
):
    """Eight processes, two hundred documents: without a shared breaker each would call two hundred times."""
    upload_ids = accept_many(ArrivalLedger(engine), 200)
    rules = BreakerRules(cool_down_s=0.4, max_cool_down_s=0.4)
    shares = [processes.submit(call_the_dead, database, upload_ids[n::8], rules) for n in range(8)]
    made = sum(share.result() for share in shares)
    with engine.connect() as connection:
        rows = connection.execute(select(extraction_attempts).order_by(extraction_attempts.c.called_at)).all()
    assert len(rows) == made
    assert {row.outcome for row in rows} == {"error"}
    pauses = [(after.called_at - before.called_at).total_seconds() for before, after in pairwise(rows[4:])]
    assert all(pause >= 0.4 for pause in pauses)
    lasted_s = (rows[-1].called_at - rows[0].called_at).total_seconds()
    assert 6 <= made <= 6 + lasted_s / 0.4  # on a slow machine it lasts longer


def test_a_healthy_provider_is_not_slowed_down(engine, desk_of):
    desk = desk_of()
    desk.close_call(desk.open_call(ask()), ended())
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda _: desk.open_call(ask(timeout_s=0.0)), range(60)))) == 60


def test_an_unproven_provider_is_tried_by_five_and_the_next_waits_until_one_knows(engine, desk_of):
    desk = desk_of()
    first = [desk.open_call(ask()) for _ in range(5)]
    with pytest.raises(BreakerOpenError, match="gemini has not answered yet"):
        desk.open_call(ask(timeout_s=0.3))
    assert n_calls(engine) == 5
    timer = threading.Timer(0.3, desk.close_call, (first[0], ended()))
    timer.start()
    desk.open_call(ask(timeout_s=10))
    timer.join()
    assert n_calls(engine) == 6


def test_calls_whose_process_died_do_not_hold_their_place_for_ever(engine, desk_of):
    desk = desk_of()
    for _ in range(5):
        desk.open_call(ask())
    move_calls(engine, "-1 minute")
    desk.open_call(ask(timeout_s=0.1))


def test_a_told_pause_is_kept_by_all_processes_and_says_until_when_and_why(engine, database, desk_of):
    desk = desk_of()
    desk.close_call(desk.open_call(ask()), ended())
    fail(desk, "ProviderRateLimitedError", retry_after_s=600)
    until = list_breakers(engine)[0].opened_until
    assert until - datetime.now(UTC) == pytest.approx(timedelta(seconds=600), abs=timedelta(seconds=10))
    elsewhere = open_engine(database)
    other = PostgresCallDesk(elsewhere, accept_many(ArrivalLedger(engine), 1)[0], 1, None, Limits(), privacy="cleared")
    with pytest.raises(BreakerOpenError) as caught:
        other.open_call(ask())
    assert "gemini" in str(caught.value)
    assert until.isoformat(timespec="seconds") in str(caught.value)
    assert "ProviderRateLimitedError" in str(caught.value)
    elsewhere.dispose()


def test_a_refused_key_is_left_alone_until_there_is_another(engine, desk_of):
    desk = desk_of()
    fail(desk, "ProviderAuthError")
    with pytest.raises(BreakerOpenError, match="until it gets another key"):
        desk.open_call(ask())
    desk.open_call(ask(credential="key-2"))


def test_one_providers_breaker_says_nothing_about_another(desk_of):
    desk = desk_of()
    fail(desk, "ProviderUnavailableError", times=5)
    with pytest.raises(BreakerOpenError):
        desk.open_call(ask())
    desk.open_call(ask(provider="openai"))


def test_after_the_pause_exactly_one_of_many_gets_the_probe(engine, desk_of):
    desk = desk_of()
    fail(desk, "ProviderUnavailableError", times=5)
    end_the_pause(engine)

    def attempt(_: int) -> UUID | None:
        try:
            return desk.open_call(ask())
        except BreakerOpenError:
            return None

    with ThreadPoolExecutor(6) as pool:
        probes = [call_id for call_id in pool.map(attempt, range(24)) if call_id]
    assert len(probes) == 1
    desk.close_call(probes[0], ended())
    assert [(breaker.position, breaker.is_proven) for breaker in list_breakers(engine)] == [("closed", True)]
    desk.open_call(ask())


def test_a_refused_budget_takes_no_probe(engine, desk_of):
    fail(desk_of(), "ProviderUnavailableError", times=5, cost_usd=0.0)
    end_the_pause(engine)
    with pytest.raises(BudgetSpentError):
        desk_of(Limits(daily_usd=0.001)).open_call(ask(usd=0.5))
    desk_of().open_call(ask())


@pytest.mark.parametrize(
    ("limits", "name", "frees"),
    [
        (Limits(daily_usd=1.0), "the day's budget of 1.00 USD", "frees at"),
        (Limits(unit_daily_usd=1.0), "the unit's budget of the day of 1.00 USD", "frees at"),
        (Limits(upload_usd=1.0), "the upload's budget of 1.00 USD", "frees only when"),
    ],
)
def test_a_spent_budget_is_named_with_its_cap_and_when_it_frees(engine, desk_of, limits, name, frees):
    desk = desk_of(limits, unit="icu")
    for _ in range(2):
        desk.close_call(desk.open_call(ask(usd=0.4)), ended(cost_usd=0.4))
    with pytest.raises(BudgetSpentError, match=f"{name} .*0.8000 USD are spent.*{frees}"):
        desk.open_call(ask(usd=0.4))
    assert n_calls(engine) == 2
    desk.open_call(ask(usd=0.2))


def test_budgets_count_by_upload_by_unit_and_by_day(engine, desk_of):
    desk_of(unit="icu").open_call(ask(usd=0.9))
    with pytest.raises(BudgetSpentError):
        desk_of(Limits(unit_daily_usd=1.0), unit="icu").open_call(ask(usd=0.2))
    desk_of(Limits(unit_daily_usd=1.0, upload_usd=1.0), unit="er").open_call(ask(usd=0.5))
    with pytest.raises(BudgetSpentError):
        desk_of(Limits(daily_usd=1.0)).open_call(ask(usd=0.2))
    move_calls(engine, "-1 day")
    desk_of(Limits(daily_usd=1.0, unit_daily_usd=1.0), unit="icu").open_call(ask(usd=0.2))


def test_an_uploads_budget_is_over_all_its_days_and_attempts(engine, desk_of):
    upload_id = accept_many(ArrivalLedger(engine), 1)[0]
    desk_of(upload_id=upload_id).open_call(ask(usd=0.9))
    move_calls(engine, "-40 days")
    again = PostgresCallDesk(engine, upload_id, 2, None, Limits(upload_usd=1.0), privacy="cleared")
    with pytest.raises(BudgetSpentError):
        again.open_call(ask(usd=0.2))


def test_uploads_without_a_unit_share_one_units_budget(desk_of):
    desk_of().open_call(ask(usd=0.9))
    with pytest.raises(BudgetSpentError):
        desk_of(Limits(unit_daily_usd=1.0)).open_call(ask(usd=0.2))


def test_what_a_call_did_not_use_of_its_reservation_is_free_again(desk_of):
    desk = desk_of(Limits(daily_usd=1.0))
    first = desk.open_call(ask(usd=0.9))
    with pytest.raises(BudgetSpentError):
        desk.open_call(ask(usd=0.2))
    desk.close_call(first, ended(cost_usd=0.1))
    desk.open_call(ask(usd=0.9))


def test_a_model_without_a_price_reserves_nothing_and_is_not_budgeted(engine, desk_of):
    desk = desk_of(Limits(daily_usd=0.0, upload_usd=0.0, unit_daily_usd=0.0))
    call_id = desk.open_call(ask(usd=5.0, price_version=None))
    assert (call(engine, call_id).reserved_usd, spent_today(engine).total_usd) == (0.0, 0.0)
    with pytest.raises(BudgetSpentError):
        desk.open_call(ask())


def test_processes_that_race_for_the_last_money_never_pass_the_cap(engine, database, processes):
    upload_ids = accept_many(ArrivalLedger(engine), 8)
    limits = Limits(daily_usd=1.0)
    shares = [processes.submit(spend, database, upload_id, limits, 20, 0.03) for upload_id in upload_ids]
    assert sum(share.result() for share in shares) == 33
    assert spent_today(engine).total_usd == pytest.approx(0.99)


def test_a_call_whose_process_died_keeps_its_reservation_as_spent(engine, database, desk_of):
    upload_id = accept_many(ArrivalLedger(engine), 1)[0]
    process = SPAWN.Process(target=die_in_a_call, args=(database, upload_id))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert (spent_today(engine).total_usd, spent_today(engine).reserved_usd) == (0.7, 0.7)
    with pytest.raises(BudgetSpentError):
        desk_of(Limits(daily_usd=1.0)).open_call(ask(usd=0.4))


def test_a_day_begins_at_midnight_where_the_hospital_is():
    now = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert day_around(now, UTC) == (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
    assert day_around(now, ZoneInfo("Europe/Berlin"))[0] == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    begin, end = day_around(datetime(2026, 10, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert end.astimezone(UTC) - begin.astimezone(UTC) == timedelta(hours=25)


def test_status_pages_see_the_day_by_unit(engine, desk_of):
    for unit, usd in (("icu", 0.5), ("icu", 0.25), ("er", 0.125), (None, 0.0625)):
        desk = desk_of(unit=unit)
        desk.close_call(desk.open_call(ask()), ended(cost_usd=usd))
    move_calls(engine, "-1 day", unit="er")
    spent = spent_today(engine)
    assert (spent.total_usd, spent.reserved_usd, spent.n_calls) == (0.8125, 0.0, 3)
    assert spent.by_unit_usd == {"icu": 0.75, None: 0.0625}


def test_operators_see_each_breaker_and_can_reset_it(engine, desk_of):
    desk = desk_of()
    fail(desk, "ProviderTimeoutError", times=5)
    late = desk.open_call(ask(provider="openai"))
    fail(desk, "ProviderAuthError", request=ask(provider="openai"))
    assert [(b.provider, b.credential, b.position, b.reason) for b in list_breakers(engine)] == [
        ("gemini", "key-1", "open", "ProviderTimeoutError"),
        ("openai", "key-1", "open", "ProviderAuthError"),
    ]
    assert list_breakers(engine)[1].opened_until.year == 9999
    end_the_pause(engine)
    assert Counter(breaker.position for breaker in list_breakers(engine)) == {"half_open": 2}
    assert (reset_breaker(engine, "openai"), reset_breaker(engine, "nobody")) == (1, 0)
    desk.close_call(late, ended("ProviderTimeoutError"))
    reset = list_breakers(engine)[1]
    assert (reset.position, reset.n_failures, reset.reason, reset.is_proven) == ("closed", 0, None, False)
    desk.open_call(ask(provider="openai"))


def both_desks(desk_of) -> list[CallDesk]:
    return [desk_of(), MemoryDesk()]


def test_a_reply_that_was_paid_for_is_found_again_whole_and_the_first_one_stays(desk_of):
    for desk in both_desks(desk_of):
        assert desk.find_reply("k") is None
        desk.keep_reply("k", REPLY)
        desk.keep_reply("k", Completion("another", "stop", Usage(), "model-2"))
        assert desk.find_reply("k") == REPLY
        assert desk.find_reply("other") is None


def test_a_reply_is_found_for_another_upload_and_goes_when_its_own_is_erased(engine, desk_of):
    upload_id = accept_many(ArrivalLedger(engine), 1)[0]
    desk_of(upload_id=upload_id).keep_reply("k", REPLY)
    assert desk_of().find_reply("k") == REPLY
    with engine.begin() as connection:
        connection.execute(delete(provider_replies).where(provider_replies.c.upload_id == upload_id))
    assert desk_of().find_reply("k") is None


def test_a_reply_stands_in_the_table_only_as_the_codec_writes_it(engine, desk_of, monkeypatch):
    monkeypatch.setattr(codec, "encode_text", lambda words: words[::-1])
    monkeypatch.setattr(codec, "decode_text", lambda words: words[::-1])
    desk = desk_of()
    desk.keep_reply("k", REPLY)
    with engine.connect() as connection:
        row = connection.execute(select(provider_replies)).one()
    assert REPLY.text not in str(row)
    assert desk.find_reply("k") == REPLY


def test_readers_of_the_api_see_breakers_and_no_reply(engine):
    with engine.connect() as connection:
        seen = [
            connection.execute(text(f"select has_table_privilege('nurseconv_api', '{table}', 'select')")).scalar_one()
            for table in ("provider_breakers", "provider_replies")
        ]
    assert seen == [True, False]
