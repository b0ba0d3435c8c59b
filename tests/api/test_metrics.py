"""Laws of the metrics: figures of the tables under their fixed names, requests of all workers, nothing of anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.listings import INTAKE, beat
from tests.api.conftest import MakeKey
from tests.api.servers import running_server
from tests.fakes.uploads import accept_many

NAMES = {
    "queue_depth", "queue_oldest_age_seconds", "stage_seconds", "real_time_factor", "uploads_total",
    "http_request_seconds", "db_pool_in_use", "provider_seconds", "provider_calls_total", "provider_cost_usd_total",
    "breaker_open",
}  # fmt: skip


def samples(page: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in page.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


@pytest.fixture
def here(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, client=("127.0.0.1", 5000)) as opened:
        yield opened


def fill(engine: Engine) -> None:
    """Three uploads: one completed after an hour's work, two that wait, and what two providers did."""
    accept_many(ArrivalLedger(engine), 3)
    with transaction(engine) as connection:
        first = connection.execute(text("select id from conversation_uploads limit 1")).scalar_one()
        for statement in (
            "update conversation_uploads set status = 'completed', stage = 'done' where id = :id",
            "update conversation_uploads set created_at = now() - interval '100 seconds' where status = 'pending'",
            "insert into processing_jobs (job_type, upload_id, status, attempt, duration_s) values "
            "('answers', :id, 'completed', 1, 2.5), ('answers', :id, 'failed', 1, 0.5)",
            "insert into conversation_transcriptions (upload_id, run_no, is_current, outcome, full_text, segments, "
            "model_name, model_revision, compute_type, processing_time_s, duration_s) values "
            "(:id, 1, true, 'speech', 'canary words', '[]', 'm', 'r', 'int8', 30, 60)",
            "insert into extraction_attempts (upload_id, attempt, unit, provider, model_name, outcome, error_class, "
            "question_ids, latency_s, cost_usd) values "
            "(:id, 1, 'canary unit', 'gemini', 'm', 'ok', null, '[]', 1.5, 0.25), "
            "(:id, 1, 'canary unit', 'gemini', 'm', 'error', 'ProviderTimeoutError', '[]', 4, 0)",
            "insert into provider_breakers (provider, credential, opened_at, opened_until) values "
            "('gemini', 'c', now(), now() + interval '1 minute'), ('openai', 'c', null, null)",
        ):
            connection.execute(text(statement), {"id": first})


def test_every_name_of_the_contract_is_there_with_the_figures_of_the_tables(here: TestClient, engine: Engine) -> None:
    fill(engine)
    here.get("/ready")
    found = samples(here.get("/metrics").text)
    assert {re.sub(r"(_bucket|_count|_sum|_created)?({.*)?$", "", name) for name in found} >= {
        f"nurseconv_{name}" for name in NAMES
    }
    assert found["nurseconv_queue_depth"] == 2
    assert 100 <= found["nurseconv_queue_oldest_age_seconds"] < 200
    assert found['nurseconv_stage_seconds_count{stage="answers"}'] == 2
    assert found['nurseconv_stage_seconds_sum{stage="answers"}'] == 3
    assert found["nurseconv_real_time_factor"] == 0.5
    assert found['nurseconv_uploads_total{outcome="completed"}'] == 1
    assert found['nurseconv_provider_calls_total{error_class="ProviderTimeoutError",provider="gemini"}'] == 1
    assert found['nurseconv_provider_seconds_sum{provider="gemini"}'] == 5.5
    assert found['nurseconv_provider_cost_usd_total{provider="gemini"}'] == 0.25
    assert found['nurseconv_breaker_open{provider="gemini"}'] == 1
    assert found['nurseconv_breaker_open{provider="openai"}'] == 0


def test_the_age_of_the_intake_is_told_once_it_went_well(here: TestClient, engine: Engine) -> None:
    assert "nurseconv_intake_age_seconds" not in samples(here.get("/metrics").text)
    beat(engine, INTAKE, {})
    found = samples(here.get("/metrics").text)
    assert 0 <= found["nurseconv_intake_age_seconds"] < 60
    assert 'nurseconv_heartbeat_age_seconds{name="intake"}' not in found


def test_no_words_units_or_ids_are_in_the_metrics(here: TestClient, engine: Engine) -> None:
    fill(engine)
    here.get("/api/v1/uploads/canary?unit=canary")
    page = here.get("/metrics").text
    assert "canary" not in page
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", page)


def test_elsewhere_the_metrics_need_the_scope_read(client: TestClient, key: MakeKey) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=key("upload", units=["A"])).status_code == 403
    assert client.get("/metrics", headers=key("read", units=["A"])).status_code == 200


def test_an_empty_database_has_no_made_up_figures(here: TestClient) -> None:
    found = samples(here.get("/metrics").text)
    assert found["nurseconv_queue_depth"] == 0
    assert "nurseconv_real_time_factor" not in found


def test_requests_of_all_workers_are_added_up_and_a_proxy_does_not_open_the_door(api_settings: Settings) -> None:
    """Each new connection may reach another worker; whoever is asked answers for all."""
    with running_server(api_settings, workers=2) as address:
        for _ in range(20):
            assert httpx2.get(f"{address}/ready").status_code == 200
        pages = [httpx2.get(f"{address}/metrics").text for _ in range(4)]
        from_afar = httpx2.get(f"{address}/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    name = 'nurseconv_http_request_seconds_count{method="GET",route="/ready",status="200"}'
    assert {samples(page)[name] for page in pages} == {20}
    assert from_afar.status_code == 401


def test_replicas_that_share_a_home_count_for_themselves_and_leave_nothing(
    api_settings: Settings, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    name = 'nurseconv_http_request_seconds_count{method="GET",route="/ready",status="200"}'
    with running_server(api_settings, workers=1, TMPDIR=str(temporary)) as first:
        for _ in range(3):
            httpx2.get(f"{first}/ready")
        with running_server(api_settings, workers=1, TMPDIR=str(temporary)) as second:
            httpx2.get(f"{second}/ready")
            found = [samples(httpx2.get(f"{replica}/metrics").text).get(name) for replica in (first, second)]
    assert found == [3, 1]
    assert list(temporary.iterdir()) == []
    assert not (api_settings.home / "metrics").exists()
