"""Laws of the incremental builds: only what changed is renewed, and the result is that of a build from nothing."""

from __future__ import annotations

import random
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

if TYPE_CHECKING:
    from tests.marts.conftest import Warehouse

pytestmark = pytest.mark.system
MONDAY = datetime(2024, 5, 6, 10, tzinfo=UTC)
NEXT_WEEK = MONDAY + timedelta(days=7)
WITH_ROW_VERSIONS = ", xmin, ctid"


def assert_equals_a_build_from_nothing(warehouse: Warehouse) -> None:
    found = warehouse.contents()
    warehouse.build("--full-refresh")
    assert found == warehouse.contents()


def test_a_build_on_an_empty_database_passes_every_test_and_unit_test(warehouse: Warehouse) -> None:
    assert warehouse.dbt("build")
    assert all(rows == [] for rows in warehouse.contents().values())


def test_building_twice_changes_nothing(warehouse: Warehouse) -> None:
    for nurse_id in ("n1", "n2"):
        upload_id = warehouse.conversation(unit="ward 3", nurse_id=nurse_id)
    warehouse.supersede_answers(upload_id, {"vital_signs": "answered"}, value_type="panel", answer_value={"hr": 80})
    warehouse.transcript(warehouse.upload(), "no_speech")
    warehouse.build()
    before = warehouse.contents(WITH_ROW_VERSIONS)
    assert all(before.values()), "every mart has a row to lose"

    assert warehouse.dbt("build", "--exclude-resource-type", "unit_test")

    assert warehouse.contents(WITH_ROW_VERSIONS) == before


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_after_any_mix_of_changes_the_marts_equal_a_build_from_nothing(warehouse: Warehouse, seed: int) -> None:
    chance = random.Random(seed)
    states = ["answered", "denied", "not_asked", "declined", "conflicting", "not_applicable"]
    uploads = []
    for _ in range(2):
        for _ in range(6):
            arrival = MONDAY + timedelta(days=chance.randrange(21))
            answers = {name: chance.choice(states) for name in ("symptoms", "allergies", "pain_level")}
            uploads.append(warehouse.conversation(answers, created_at=arrival, nurse_id=chance.choice(["n1", "n2"])))
        amended, superseded, erased, failed = chance.sample(uploads, 4)
        warehouse.touch(amended, unit=chance.choice(["ward 3", "ward 4"]))
        if warehouse.one("select status from conversation_uploads where id = :id", id=superseded) == "completed":
            warehouse.supersede_answers(superseded, {name: chance.choice(states) for name in ("symptoms", "diagnosis")})
        warehouse.touch(failed, status="failed", stage="answers", error_code="model_unusable")
        warehouse.erase(erased)
        uploads.remove(erased)
        warehouse.build()

    assert_equals_a_build_from_nothing(warehouse)


@pytest.mark.parametrize(
    "blocked",
    [
        "marts.answers",
        pytest.param("marts.unit_weeks", marks=pytest.mark.long),
        pytest.param("marts_people.conversation_people", marks=pytest.mark.long),
    ],
)
def test_a_build_killed_in_the_middle_is_mended_by_the_next(warehouse: Warehouse, blocked: str) -> None:
    upload_id = warehouse.conversation({"allergies": "not_asked"}, unit="ward 3", nurse_id="n1")
    warehouse.build()
    warehouse.touch(upload_id, unit="ward 4", nurse_id="n2")
    warehouse.supersede_answers(upload_id, {"allergies": "denied"})

    with warehouse.engine.connect() as connection:
        connection.execute(text(f"lock table {blocked} in access exclusive mode"))
        process = warehouse.start_build()
        _wait_until_blocked(warehouse)
        process.kill()
        process.wait()
        connection.rollback()
    warehouse.build()

    assert warehouse.query("select unit, conversations from marts.unit_weeks") == [("ward 4", 1)]
    assert warehouse.query("select state, unit from marts.answers") == [("denied", "ward 4")]
    assert warehouse.query("select nurse_id from marts_people.conversation_people") == [("n2",)]
    assert_equals_a_build_from_nothing(warehouse)


def _wait_until_blocked(warehouse: Warehouse) -> None:
    """Until the first half of the build is done, and the rest waits for the lock with nothing else left to do."""
    deadline = time.monotonic() + 60
    active = "select count(*), count(*) filter (where wait_event_type = 'Lock') from pg_stat_activity where {}".format(
        "application_name = 'dbt' and state <> 'idle'"
    )
    calm = 0
    while calm < 5:
        assert time.monotonic() < deadline
        working, waiting = warehouse.one(active)
        is_halfway = warehouse.query("select unit from marts.conversations") == [("ward 4",)]
        calm = calm + 1 if is_halfway and working == waiting == 1 else 0
        time.sleep(0.1)


def test_another_time_zone_or_version_renews_every_row_without_a_full_refresh(warehouse: Warehouse) -> None:
    warehouse.conversation(created_at=datetime(2024, 5, 5, 23, 30, tzinfo=UTC), nurse_id="n1")
    warehouse.build()
    assert warehouse.one("select day, week from marts.conversations") == (date(2024, 5, 5), date(2024, 4, 29))

    warehouse.build(time_zone="Europe/Berlin")

    assert warehouse.one("select day, week from marts.conversations") == (date(2024, 5, 6), date(2024, 5, 6))
    for table in ("marts.answers", "marts.question_weeks", "marts.unit_weeks", "marts_people.nurse_weeks"):
        assert warehouse.query(f"select distinct week from {table}") == [(date(2024, 5, 6),)], table
    assert warehouse.query("select day from marts.pipeline_days") == [(date(2024, 5, 6),)]

    before = warehouse.contents(WITH_ROW_VERSIONS)
    warehouse.build("--vars", "{marts_version: 1000}", time_zone="Europe/Berlin")

    after = warehouse.contents(WITH_ROW_VERSIONS)
    assert not any(row in after[table] for table, rows in before.items() for row in rows)
    assert {table: len(rows) for table, rows in before.items()} == {table: len(rows) for table, rows in after.items()}
