"""What other processes do to the desk in tests: functions that a spawned process can import."""

from __future__ import annotations

import os
import time
from uuid import UUID

from sqlalchemy import URL, create_engine

from nurseconv_dagster.errors import BreakerOpenError, BudgetSpentError
from nurseconv_dagster.extraction.hosted.calls import CallOutcome, CallRequest, Usage
from nurseconv_dagster.store.breaker_rules import BreakerRules
from nurseconv_dagster.store.budgets import Limits
from nurseconv_dagster.store.call_desk import PostgresCallDesk


def ask(
    provider: str = "gemini", credential: str = "key-1", usd: float = 0.01, timeout_s: float = 5.0, **about: object
):
    return CallRequest(
        provider=provider, model_name="model-1", credential=credential, question_ids=("pain_level", "allergies"),
        estimated_usd=usd, price_version=about.get("price_version", "2026-11-23"), timeout_s=timeout_s,
    )  # fmt: skip


def ended(error_class: str | None = None, cost_usd: float = 0.01, retry_after_s: float | None = None) -> CallOutcome:
    return CallOutcome(
        latency_s=0.5, cost_usd=cost_usd, usage=Usage(100, 20, 40, 5), error_class=error_class,
        retry_after_s=retry_after_s,
    )  # fmt: skip


def call_the_dead(address: URL, upload_ids: list[UUID], rules: BreakerRules) -> int:
    """One process works through its uploads with a provider that never answers; how many calls it made."""
    engine, n_calls = create_engine(address), 0
    for upload_id in upload_ids:
        desk = PostgresCallDesk(engine, upload_id, 1, None, Limits(), privacy="cleared", rules=rules)
        try:
            call_id = desk.open_call(ask(timeout_s=2.0))
        except BreakerOpenError:
            time.sleep(0.03)
            continue
        n_calls += 1
        time.sleep(0.05)
        desk.close_call(call_id, ended("ProviderUnavailableError", cost_usd=0.0))
    engine.dispose()
    return n_calls


def spend(address: URL, upload_id: UUID, limits: Limits, n_calls: int, usd: float) -> int:
    """One process asks for call after call and never settles; how many it was let through."""
    engine, n_opened = create_engine(address), 0
    desk = PostgresCallDesk(engine, upload_id, 1, None, limits, privacy="cleared")
    key = f"key-{upload_id}"  # of its own, so that nobody waits at a breaker and only the money decides
    desk.close_call(desk.open_call(ask(credential=key, usd=0.0)), ended(cost_usd=0.0))
    for _ in range(n_calls):
        try:
            desk.open_call(ask(credential=key, usd=usd))
        except BudgetSpentError:
            continue
        n_opened += 1
    engine.dispose()
    return n_opened


def die_in_a_call(address: URL, upload_id: UUID) -> None:
    """A process begins a call and is gone."""
    PostgresCallDesk(create_engine(address), upload_id, 1, None, Limits(), privacy="cleared").open_call(ask(usd=0.7))
    os._exit(9)
