"""Hosted models through the whole house: what is sent, believed and paid, and who answers when they fail."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.settings import load_settings
from tests.fakes.model_client import fill_in, lines_in
from tests.fakes.model_server import ModelServer, always
from tests.fakes.notes import drop, note

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster")]

CANARY = "zebulonis"


def quote_line(system: str, user: str, schema: dict) -> dict:
    """A model that knows one thing: the line with the pain in it, quoted as it stands in the prompt."""
    said = [(number, words) for number, words in lines_in(user) if "About a" in words]
    if not said or "pain_level" not in schema["properties"]:
        return fill_in(schema, {})
    number, words = said[0]
    evidence = [{"segment_ids": [number], "quote": words.removeprefix("patient: ")}]
    return fill_in(schema, {"pain_level": {"state": "answered", "evidence": evidence}})


@pytest.fixture
def hosted_home(home, monkeypatch):
    def configure(server: ModelServer, **more: str):
        monkeypatch.setenv("GEMINI_API_KEY", "test-key")
        monkeypatch.setenv("GEMINI_BASE_URL", server.gemini_url)
        monkeypatch.setenv("PROVIDER_ORDER", "gemini,rules")
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return configure


def rows(engine, query: str) -> list:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def walk(settings) -> None:
    drop(settings, "visit.txt", note(3).replace("Margaret", "Zebulonis"), {"unit": "icu", "nurse_id": "n-4711"})
    drive(settings)


def test_a_hosted_answer_is_proven_paid_and_named(hosted_home, store_engine):
    with ModelServer(quote_line) as server:
        walk(hosted_home(server))
        sent = " ".join(call.user for call in server.calls).lower()
    [pain] = rows(
        store_engine,
        "select * from question_answers where question_id = 'pain_level' and is_current and provider <> ''",
    )
    assert (pain.provider, pain.state, pain.answer_value) == ("gemini", "answered", 3)
    assert pain.hops[0] == "gemini"
    assert CANARY not in sent, "the patient's name was sent"
    assert "dizziness" in sent, "the talk was not sent at all"
    calls = rows(store_engine, "select * from extraction_attempts where provider = 'gemini' order by called_at")
    assert len(calls) == len(server.calls) == 2, "the questions once, the safety-critical ones again in other words"
    assert {call.privacy for call in calls} == {"deidentify"}
    assert all(call.outcome == "ok" and call.cost_usd > 0 and call.unit == "icu" for call in calls)
    assert calls[0].n_claims_made == calls[0].n_claims_accepted == 1


def test_a_dead_provider_leaves_answers_from_this_machine_that_say_so(hosted_home, store_engine):
    with ModelServer(script=always("server_error")) as server:
        walk(hosted_home(server))
    [upload] = rows(store_engine, "select status from conversation_uploads")
    hops = rows(store_engine, "select distinct hops from question_answers where is_current")
    assert upload.status == "completed"
    assert [row.hops for row in hops] == [["gemini:ProviderUnavailableError", "rules"]]


def test_refusing_sends_nothing(hosted_home, store_engine):
    with ModelServer(quote_line) as server:
        walk(hosted_home(server, PROVIDER_PRIVACY="refuse"))
    assert server.calls == []
    assert rows(store_engine, "select distinct provider from extraction_attempts") == [("rules",)]


def test_a_spent_budget_is_no_failure(hosted_home, store_engine):
    with ModelServer(quote_line) as server:
        walk(hosted_home(server, LLM_DAILY_BUDGET_USD="0"))
    assert server.calls == []
    hops = rows(store_engine, "select distinct hops from question_answers where is_current")
    assert [row.hops for row in hops] == [["gemini:BudgetSpentError", "rules"]]
    assert rows(store_engine, "select status from conversation_uploads") == [("completed",)]


def test_a_retry_pays_nothing_for_the_same_words(hosted_home, store_engine):
    from nurseconv_dagster.operations.ingest import retry_uploads

    with ModelServer(quote_line) as server:
        settings = hosted_home(server)
        walk(settings)
        n_calls = len(server.calls)
        [upload] = rows(store_engine, "select id from conversation_uploads")
        retry_uploads(settings, upload.id, "answers")
        assert len(server.calls) == n_calls
    kept = rows(store_engine, "select count(*) as n from extraction_attempts where is_cached")
    assert kept[0].n == n_calls
