"""What an operator is told of hosted models: the mode in force, the money, and who is left alone until when."""

from __future__ import annotations

from uuid import uuid4

import pytest

from nurseconv_dagster.extraction.hosted.calls import CallOutcome, CallRequest, Usage
from nurseconv_dagster.operations.hosted import describe_privacy, describe_spending, show_providers
from nurseconv_dagster.settings import load_settings
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.budgets import Limits
from nurseconv_dagster.store.call_desk import PostgresCallDesk
from tests.fakes.uploads import accept_many


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEMINI_API_KEY", "a-secret-key")
    monkeypatch.setenv("LLM_DAILY_BUDGET_USD", "1")
    return load_settings()


def refuse_key(engine) -> None:
    """One call that cost 0.9 USD and was told that its key is wrong."""
    [upload_id] = accept_many(ArrivalLedger(engine), 1)
    desk = PostgresCallDesk(engine, upload_id, 1, None, Limits(), privacy="cleared")
    call_id = desk.open_call(CallRequest("gemini", "m", uuid4().hex[:12], ("allergies",), 0.9, "v", 5.0))
    desk.close_call(call_id, CallOutcome(0.1, 0.9, Usage(), "ProviderAuthError"))


def test_without_a_key_nobody_is_promised_anything(monkeypatch):
    assert "no word of a conversation leaves" in describe_privacy(load_settings())
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    assert "best effort" in describe_privacy(load_settings())
    monkeypatch.setenv("PROVIDER_PRIVACY", "refuse")
    assert "No hosted model is called" in describe_privacy(load_settings())


def test_a_refused_key_is_shown_until_somebody_resets_it(configured, store_engine, capsys):
    refuse_key(store_engine)
    show_providers(configured, store_engine, None)
    shown = capsys.readouterr().out
    assert "left alone until its key changes, or `nurseconv providers --reset gemini` (ProviderAuthError)" in shown
    assert "a-secret-key" not in shown
    show_providers(configured, store_engine, "gemini")
    assert "left alone" not in capsys.readouterr().out


def test_a_budget_that_runs_low_is_said(configured, store_engine):
    assert describe_spending(configured, store_engine) == "0.00 USD today in 0 calls of 1.00"
    refuse_key(store_engine)
    assert "0.90 USD today in 1 calls of 1.00; near it" in describe_spending(configured, store_engine)
