"""Laws of the whole wall: real clients of both models, servers that fail in every way we know, and rules behind them.

`benchmarks/faults.py` runs the same laws over every combination; here each fault is met once in each role.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import Engine, select

from nurseconv_dagster.extraction.hosted.prices import load_prices
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.breakers import list_breakers
from nurseconv_dagster.store.budgets import Limits, spent_today
from nurseconv_dagster.store.call_desk import PostgresCallDesk
from nurseconv_dagster.store.provider_tables import extraction_attempts
from tests.fakes.desk import MemoryDesk
from tests.fakes.model_server import FAULTS
from tests.fakes.uploads import accept_many
from tests.fakes.wall import (
    ENDLESS,
    ERROR_OF,
    LONG,
    SCENARIOS,
    SHORT,
    How,
    Visit,
    Wall,
    Who,
    broken_laws,
    expected_hops,
    name_of,
)

PRICES = load_prices(None, date(2026, 1, 1))
ENDING = [fault for fault in FAULTS if fault not in ENDLESS]
QUICK = [fault for fault in ENDING if fault not in ("huge_body", "rate_limited_until")]


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """The first call imports the SDK, which takes longer than the shortest deadline here."""
    import google.genai
    import openai

    assert google.genai
    assert openai


@pytest.fixture(scope="module")
def wall() -> Iterator[Wall]:
    with Wall(PRICES) as wall:
        yield wall


@pytest.fixture
def desk() -> Iterator[MemoryDesk]:
    desk = MemoryDesk()
    yield desk
    assert not desk.still_open


# ---------------------------------------------------------------- every fault


@pytest.mark.parametrize("scenario", [("gemini", "for ever"), ("both", "for ever"), ("gemini", "once")], ids=name_of)
@pytest.mark.parametrize("fault", ENDING)
def test_every_question_is_answered_whatever_fails(
    fault: str, scenario: tuple[Who, How], wall: Wall, desk: MemoryDesk
) -> None:
    """By who could be asked, in at most six calls, with quotes that are the talk's own; and the hops tell the rest."""
    wall.break_with(fault, *scenario)
    visit = wall.visit(desk, LONG)
    assert broken_laws(visit) == []
    assert visit.hops == expected_hops(fault, *scenario)
    for name in ("allergies", "medications", "pain_level"):
        assert visit.answers[name].provider == visit.answered_by


def test_a_server_that_never_ends_costs_no_more_than_its_time() -> None:
    def meet(case: tuple[str, tuple[Who, How]]) -> tuple[str, Who, Visit]:
        fault, scenario = case
        with Wall(PRICES) as wall:
            wall.break_with(fault, *scenario)
            return fault, scenario[0], wall.visit(MemoryDesk(), SHORT)

    with ThreadPoolExecutor(8) as pool:
        for fault, who, visit in pool.map(meet, [(fault, scenario) for fault in ENDLESS for scenario in SCENARIOS]):
            assert broken_laws(visit) == [], fault
            assert visit.hops[0] == f"gemini:{ERROR_OF[fault]}", fault
            if who == "both":
                assert visit.hops[1:] == (f"openai:{ERROR_OF[fault]}", "rules"), fault


def test_every_fault_has_a_verdict() -> None:
    assert set(ERROR_OF) == set(FAULTS)


def test_who_is_wrong_in_every_quote_is_told_as_failed_and_its_calls_count_what_was_dropped(
    wall: Wall, desk: MemoryDesk
) -> None:
    wall.break_with("invented_quotes", "gemini", "for ever")
    visit = wall.visit(desk, LONG)
    first = visit.extraction.calls[0]
    assert visit.hops == ("gemini:ProviderReplyError", "openai", "openai")
    assert (first.provider, first.n_claims_accepted, first.n_claims_made) == ("gemini", 0, 8)
    assert first.n_claims_dropped == {"quote_not_found": 8}


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("profile", ["general", "admission"])
@pytest.mark.parametrize(
    "script",
    [
        ["rate_limited", "server_error", "other_shape"],
        ["rate_limited", "server_error", None, "rate_limited", "server_error", "other_shape"],
        [None, "rate_limited", "server_error", "other_shape"],
        [None, "nan", "rate_limited", "server_error"],
    ],
)
def test_no_mixture_of_faults_costs_more_than_six_calls_a_window(
    script: list[str | None], profile: str, desk: MemoryDesk
) -> None:
    """Also where the questions are too many for one prompt: the prompts about a window share its calls."""
    with Wall(PRICES, profile) as wall:
        for server in wall.servers.values():
            server.script = script
        visit = wall.visit(desk, LONG)
    assert broken_laws(visit, profile) == []


@pytest.mark.parametrize("seed", range(12))
def test_laws_hold_when_every_call_fails_in_another_way(seed: int, wall: Wall, desk: MemoryDesk) -> None:
    rng = random.Random(seed)
    for server in wall.servers.values():
        server.script = [rng.choice([*QUICK, None]) for _ in range(12)]
    visit = wall.visit(desk, LONG)
    assert broken_laws(visit) == []


# ---------------------------------------------------------------- with the desk of all processes


@pytest.fixture
def visit_for_new_upload(engine: Engine, wall: Wall) -> object:
    """A visit for an upload of its own, on the real desk."""

    def visit(limits: Limits | None = None) -> Visit:
        upload_id = accept_many(ArrivalLedger(engine), 1)[0]
        desk = PostgresCallDesk(engine, upload_id, 1, None, limits or Limits(), privacy="cleared")
        return wall.visit(desk, LONG)

    return visit


def rows(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(select(extraction_attempts).order_by(extraction_attempts.c.called_at)))


def test_ten_documents_call_two_dead_models_five_times_each(engine: Engine, wall: Wall, visit_for_new_upload) -> None:
    n_calls = 0
    wall.break_with("overloaded", "both", "for ever")
    for _ in range(10):
        visit = visit_for_new_upload()
        assert broken_laws(visit) == []
        assert visit.answered_by == "rules"
        n_calls += sum(counter.total() for counter in visit.n_calls.values())
    assert visit.hops == ("gemini:BreakerOpenError", "openai:BreakerOpenError", "rules")
    assert n_calls == len(rows(engine)) == 10
    assert {row.outcome for row in rows(engine)} == {"error"}
    assert {breaker.position for breaker in list_breakers(engine)} == {"open"}
    assert spent_today(engine).total_usd == 0.0


@pytest.mark.parametrize("fault", ["unauthorized", "quota_exhausted"])
def test_the_next_document_does_not_ask_who_refused_the_last_one(
    fault: str, engine: Engine, wall: Wall, visit_for_new_upload
) -> None:
    wall.break_with(fault, "gemini", "for ever")
    first, second = visit_for_new_upload(), visit_for_new_upload()
    assert [visit.n_calls["main"]["gemini"] for visit in (first, second)] == [1, 0]
    assert second.hops == ("gemini:BreakerOpenError", "openai", "openai")
    assert broken_laws(first) + broken_laws(second) == []


def test_what_was_paid_for_outlives_its_process_and_a_second_reading_is_free(
    engine: Engine, wall: Wall, visit_for_new_upload
) -> None:
    wall.break_with("server_error", "gemini", "once")
    first = visit_for_new_upload()
    n_rows = len(rows(engine))
    again = visit_for_new_upload()
    assert again.answers["allergies"].answer_value == first.answers["allergies"].answer_value
    assert again.most_calls == 0
    assert all(call.is_cached for call in again.extraction.calls if call.privacy)
    assert len(rows(engine)) == n_rows == 3


def test_without_money_rules_answer_and_nobody_is_called(engine: Engine, wall: Wall, visit_for_new_upload) -> None:
    wall.break_with("prose_around", "gemini", "once")
    visit = visit_for_new_upload(Limits(daily_usd=0.0))
    assert visit.hops == ("gemini:BudgetSpentError", "openai:BudgetSpentError", "rules")
    assert broken_laws(visit) == []
    assert visit.most_calls == len(rows(engine)) == 0
