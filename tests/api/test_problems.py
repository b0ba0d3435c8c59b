"""Laws of errors: each is a problem document with the request's id, and none repeats what was sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Annotated, Literal
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator
from sqlalchemy import Engine, text

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import Database
from nurseconv_dagster.errors import NurseconvError
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.workers import STAGE_QUEUES, beat_worker
from nurseconv_dagster.telemetry.correlation import correlation_id
from nurseconv_dagster.verdicts import VERDICTS
from tests.api.conftest import MakeKey

router = APIRouter()
CANARY = "canary Jane Doe"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int
    kind: Literal["a", "b"] = "a"
    note: str = ""

    @field_validator("note")
    @classmethod
    def _quiet(cls, value: str) -> str:
        if value:
            raise ValueError(f"not {value}")
        return value


@router.post("/bodies")
def take(body: Body) -> dict[str, int]:
    return {"n": body.n}


@router.get("/ours/{name}")
def fail(name: str) -> None:
    raise next(leaf for leaf in VERDICTS if leaf.__name__ == name)(CANARY)


@router.get("/defect")
def break_down() -> None:
    raise ValueError(CANARY)


@router.get("/statement")
def bad_statement(engine: Database) -> None:
    with transaction(engine) as connection:
        connection.execute(text("select :words::integer"), {"words": CANARY})


@router.get("/mine")
def mine(caller: Annotated[Caller, require("admin")]) -> dict[str, str]:
    return {"actor": caller.actor}


@pytest.fixture
def api(app: FastAPI) -> Iterator[TestClient]:
    app.include_router(router)
    with TestClient(app) as opened:
        yield opened


BROKEN = {
    "no such address": ("GET", "/nowhere", None, 404, "not_found"),
    "no such method": ("DELETE", "/health", None, 405, "method_not_allowed"),
    "no body": ("POST", "/bodies", None, 422, "invalid_request"),
    "no number": ("POST", "/bodies", {"n": CANARY}, 422, "invalid_request"),
    "an unknown field": ("POST", "/bodies", {"n": 1, CANARY: 1}, 422, "invalid_request"),
    "no known word": ("POST", "/bodies", {"n": 1, "kind": CANARY}, 422, "invalid_request"),
    "a rule of ours": ("POST", "/bodies", {"n": 1, "note": CANARY}, 422, "invalid_request"),
    "no key": ("GET", "/mine", None, 401, "key_refused"),
    "a defect": ("GET", "/defect", None, 500, "internal_error"),
    "a bad statement": ("GET", "/statement", None, 500, "internal_error"),
}


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), BROKEN.values(), ids=BROKEN)
def test_every_error_is_a_problem_document_that_repeats_nothing(
    api: TestClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: dict[str, object] | None,
    status: int,
    code: str,
) -> None:
    caplog.set_level(logging.DEBUG, "nurseconv_dagster")
    logged_under: set[str] = set()
    monkeypatch.setattr(caplog.handler, "filter", lambda record: logged_under.add(correlation_id()) or True)
    answer = api.request(method, path, json=body)
    found = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code)
    assert set(found) - {"fields"} == {"type", "title", "status", "detail", "code", "correlation_id"}
    assert found["type"] == f"urn:nurseconv:problem:{code}"
    assert found["correlation_id"] == answer.headers["x-request-id"]
    assert found["correlation_id"] in logged_under
    assert "canary" not in answer.text + caplog.text


def test_the_header_allow_names_every_method_of_an_address(api: TestClient) -> None:
    for path, allowed in (("/api/v1/uploads", "GET, POST"), (f"/api/v1/uploads/{UUID(int=1)}", "DELETE, GET")):
        answer = api.patch(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("leaf", VERDICTS, ids=lambda leaf: leaf.__name__)
def test_each_error_of_the_product_has_the_status_of_its_verdict(api: TestClient, leaf: type[NurseconvError]) -> None:
    answer = api.get(f"/ours/{leaf.__name__}")
    status = VERDICTS[leaf].http_status
    assert (answer.status_code, answer.json()["code"]) == (status, leaf.code)
    assert answer.json()["title"]
    if status >= 500:
        assert "canary" not in answer.text, "what happens inside is for the log"


@pytest.mark.parametrize(
    ("sent", "is_taken"),
    [
        ("5f2c9d1e-8a44-4f0b-9c55-0d7f6f1a2b3c", True),
        ("0" * 32, True),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", True),
        ("Jane-Doe-born-1980-01-01", False),
        ("a" * 15, False),
        ("a" * 65, False),
        ("5f2c9d1e8a444f0b\tx", False),
    ],
)
def test_a_callers_request_id_is_taken_when_it_can_hold_no_name(api: TestClient, sent: str, is_taken: bool) -> None:
    given = api.get("/ready", headers={"X-Request-ID": sent}).headers["x-request-id"]
    assert (given == sent) is is_taken
    assert given


def test_every_response_carries_the_security_headers(api: TestClient, key: MakeKey) -> None:
    for path in ("/ready", "/mine", "/nowhere", "/defect", "/docs", "/login", "/metrics"):
        headers = api.get(path, headers=key("admin")).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_pages_of_other_sites_may_call_only_when_they_are_named(api_settings: Settings) -> None:
    named = create_app(api_settings.model_copy(update={"cors_origins": ("https://reports.example.org",)}))
    with TestClient(named) as api:
        for origin, allowed in (("https://reports.example.org", True), ("https://evil.example", False)):
            asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            assert ("access-control-allow-origin" in api.options("/ready", headers=asked).headers) is allowed
    with TestClient(create_app(api_settings)) as api:
        headers = api.get("/ready", headers={"Origin": "https://reports.example.org"}).headers
        assert "access-control-allow-origin" not in headers


def test_a_database_that_is_away_is_told_and_nothing_else_breaks(api_settings: Settings) -> None:
    away = api_settings.model_copy(update={"database_url": "postgresql://u:secret@127.0.0.1:1/db"})
    with TestClient(create_app(away)) as api:
        health, ready = api.get("/health"), api.get("/ready")
        refused = api.get("/metrics", headers={"Authorization": "Bearer nc_000000000000_" + "0" * 64})
    assert (health.status_code, health.json()["services"]["database"]) == (503, "unhealthy")
    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert "secret" not in refused.text


def test_health_tells_of_an_intake_that_fell_silent_and_uploads_are_taken_all_the_same(
    api_settings: Settings, engine: Engine
) -> None:
    with TestClient(create_app(api_settings)) as api:
        assert api.get("/health").json()["services"]["intake"] == "healthy"
        listings.beat(engine, listings.INTAKE, {})
        assert api.get("/health").json()["services"]["intake"] == "healthy"
        with transaction(engine) as connection:
            connection.execute(text("update heartbeats set beat_at = now() - interval '125 seconds'"))
        assert api.get("/health").json()["services"]["intake"] == "unhealthy"
        assert "intake" not in api.get("/ready").json()["services"]


def test_health_tells_of_celery_only_where_it_runs_and_by_its_workers_signs_of_life(
    api_settings: Settings, engine: Engine
) -> None:
    with TestClient(create_app(api_settings)) as api:
        assert "celery" not in api.get("/health").json()["services"]
    on_celery = api_settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    with TestClient(create_app(on_celery)) as api:
        assert api.get("/health").json()["services"]["celery"] == "unhealthy"
        beat_worker(engine, "a@host", STAGE_QUEUES - {"scoring"}, reaches_redis=True)
        beat_worker(engine, "b@host", frozenset({"scoring"}), reaches_redis=False)
        assert api.get("/health").json()["services"]["celery"] == "unhealthy"
        beat_worker(engine, "b@host", frozenset({"scoring"}), reaches_redis=True)
        assert api.get("/health").json()["services"]["celery"] == "healthy"
