"""Laws of saved calls: one row a call whoever wrote it first, and nothing of the money is touched by the answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from nurseconv_dagster.extraction.answers import Extraction, ProviderCall
from nurseconv_dagster.extraction.hosted.calls import Completion, Usage
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.budgets import Limits
from nurseconv_dagster.store.call_desk import PostgresCallDesk
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import extraction_attempts
from nurseconv_dagster.store.results import NEVER_ENDED, load_extraction, save_extraction, save_transcript
from nurseconv_dagster.store.schema import check_schema, migrate
from tests.fakes.uploads import accept_many
from tests.store.callers import ask, ended

LOCAL = ProviderCall(
    "rules", "", "ok", ("pain_level",), 0.2, n_claims_made=3, n_claims_accepted=2, n_claims_dropped={"bad_value": 1},
    n_claims_with_numbers=1, n_claims_with_faithful_numbers=1,
)  # fmt: skip
CACHED = ProviderCall("gemini", "m", "ok", ("allergies",), 0.0, cost_usd=0.0, privacy="cleared", is_cached=True)


@pytest.fixture
def upload_id(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    with transaction(engine) as connection:
        save_transcript(connection, upload_id, a_transcript())
    return upload_id


def a_transcript() -> Transcript:
    return Transcript("speech", "No pain.", (), "en", None, "typed", "1", "", 0.0, None)


def save(engine, upload_id, *calls: ProviderCall, attempt: int = 1) -> None:
    with transaction(engine) as connection:
        save_extraction(connection, upload_id, attempt, Extraction((), calls, "1"))


def desk(engine, upload_id) -> PostgresCallDesk:
    return PostgresCallDesk(engine, upload_id, 1, "icu", Limits(), privacy="deidentify")


def n_rows(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(extraction_attempts)).scalar_one()


def test_calls_without_a_row_get_one_and_come_back_as_they_were(engine, upload_id):
    save(engine, upload_id, LOCAL, CACHED)
    loaded = load_extraction(engine, upload_id).calls
    assert all(call.id is not None for call in loaded)
    assert [replace(call, id=None, n_claims_dropped=call.n_claims_dropped or None) for call in loaded] == [
        LOCAL, CACHED,
    ]  # fmt: skip


def test_a_call_with_a_row_gets_its_claims_counted_there_and_keeps_what_the_desk_wrote(engine, upload_id):
    at = desk(engine, upload_id)
    call_id = at.open_call(ask(usd=0.5))
    at.close_call(call_id, ended(cost_usd=0.25))
    told = replace(LOCAL, provider="gemini", id=call_id, cost_usd=99.0, latency_s=99.0, privacy=None)
    save(engine, upload_id, told)
    save(engine, upload_id, told)
    assert n_rows(engine) == 1
    (call,) = load_extraction(engine, upload_id).calls
    assert (call.id, call.cost_usd, call.latency_s, call.privacy) == (call_id, 0.25, 0.5, "deidentify")
    assert (call.n_claims_made, call.n_claims_accepted, call.n_claims_dropped) == (3, 2, {"bad_value": 1})
    assert (call.n_tokens_in, call.outcome, call.question_ids) == (100, "ok", ("pain_level", "allergies"))


def test_no_call_is_counted_on_the_row_of_another_upload(engine, upload_id):
    (other,) = accept_many(ArrivalLedger(engine), 1)
    at = desk(engine, other)
    call_id = at.open_call(ask())
    at.close_call(call_id, ended())
    save(engine, upload_id, replace(LOCAL, id=call_id))
    assert load_extraction(engine, other).calls[0].n_claims_made == 0


def test_all_calls_of_the_attempt_come_back_the_ones_that_failed_or_never_ended_too(engine, upload_id):
    at = desk(engine, upload_id)
    at.close_call(at.open_call(ask()), ended("ProviderTimeoutError", cost_usd=0.0))
    at.open_call(ask(usd=0.4))
    save(engine, upload_id, LOCAL)
    calls = load_extraction(engine, upload_id).calls
    assert [(call.outcome, call.error_class) for call in calls] == [
        ("error", "ProviderTimeoutError"), ("error", NEVER_ENDED), ("ok", None),
    ]  # fmt: skip
    assert calls[1].cost_usd == 0.4


def test_calls_survive_the_way_back_to_the_older_schema_and_forward_again(engine, upload_id):
    at = desk(engine, upload_id)
    at.close_call(at.open_call(ask()), ended(cost_usd=0.25))
    at.open_call(ask(usd=0.4))
    at.keep_reply("k", Completion("{}", "stop", Usage(), "m"))
    save(engine, upload_id, LOCAL)
    migrate(engine, "0002")
    with transaction(engine) as connection:
        rows = connection.execute(
            text(
                "select provider, outcome, error_class, cost_usd, latency_s from extraction_attempts order by called_at"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        ("gemini", "ok", None, 0.25, 0.5), ("gemini", "error", NEVER_ENDED, 0.4, 0.0), ("rules", "ok", None, None, 0.2),
    ]  # fmt: skip
    migrate(engine)
    check_schema(engine)
    calls = load_extraction(engine, upload_id).calls
    assert [(call.provider, call.cost_usd, call.privacy, call.is_cached) for call in calls] == [
        ("gemini", 0.25, None, False), ("gemini", 0.4, None, False), ("rules", None, None, False),
    ]  # fmt: skip
    assert at.find_reply("k") is None
    at.open_call(ask())
