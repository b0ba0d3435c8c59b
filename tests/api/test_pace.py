"""Laws of pace: a limit holds across workers, says how long to wait, and one caller cannot shut out another."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.api.callers import require
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import rate_limits
from nurseconv_dagster.store.engine import transaction
from tests.api.conftest import MakeKey

router = APIRouter()


@router.get("/guarded", dependencies=[require("read")])
def guarded() -> dict[str, str]:
    return {}


def worker(settings: Settings, per_minute: int) -> TestClient:
    app = create_app(settings.model_copy(update={"rate_limit": per_minute}))
    app.include_router(router)
    return TestClient(app)


def test_the_limit_of_a_key_holds_across_workers_and_says_how_long_to_wait(
    api_settings: Settings, key: MakeKey
) -> None:
    mine, other = key("admin"), key("admin")
    with worker(api_settings, 4) as first, worker(api_settings, 4) as second:
        taken = [part.get("/guarded", headers=mine).status_code for part in (first, second, first, second)]
        refused = first.get("/guarded", headers=mine)
        assert taken == [200] * 4
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        wait_s = int(refused.headers["Retry-After"])
        assert 1 <= wait_s <= 15
        assert f"wait {wait_s} s" in refused.json()["detail"]
        assert second.get("/guarded", headers=other).status_code == 200


def test_failed_keys_are_limited_by_address_and_good_ones_from_there_are_not(
    api_settings: Settings, key: MakeKey
) -> None:
    with worker(api_settings, 3) as client:
        wrong = {"Authorization": "Bearer nc_000000000000_" + "0" * 64}
        statuses = [client.get("/guarded", headers=wrong).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert client.get("/guarded", headers=key("admin")).status_code == 200


def test_zero_is_no_limit(api_settings: Settings, key: MakeKey) -> None:
    mine = key("admin")
    with worker(api_settings, 0) as client:
        assert {client.get("/guarded", headers=mine).status_code for _ in range(20)} == {200}


def test_a_minute_of_silence_gives_the_whole_limit_back_and_waiting_gives_one(engine: Engine) -> None:
    def later(seconds: int) -> None:
        with transaction(engine) as connection:
            connection.execute(text(f"update rate_limits set due_at = due_at - interval '{seconds} seconds'"))

    assert [rate_limits.count(engine, "a", 3) for _ in range(3)] == [0, 0, 0]
    assert rate_limits.count(engine, "a", 3) == pytest.approx(20, abs=2)
    later(20)
    assert rate_limits.count(engine, "a", 3) == 0
    assert rate_limits.count(engine, "a", 3) > 0
    later(60)
    assert [rate_limits.count(engine, "a", 3) for _ in range(3)] == [0, 0, 0]
    later(61)
    rate_limits.forget(engine)
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from rate_limits")).scalar_one() == 0
