"""Laws of one incremental build after every kind of change; the two builds are shared by all tests of this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import text

if TYPE_CHECKING:
    from tests.marts.conftest import Warehouse

MONDAY = datetime(2024, 5, 6, 10, tzinfo=UTC)
STATES = {"symptoms": "answered", "allergies": "not_asked"}
Contents = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Change:
    """All marts before and after the build that followed the changes, and which upload met which change."""

    before: Contents
    after: Contents
    uploads: dict[str, UUID]

    def after_of(self, table: str, change: str) -> list[dict[str, Any]]:
        key = "id" if table == "marts.conversations" else "upload_id"
        return [row for row in self.after[table] if row[key] == self.uploads[change]]

    def week_after(self, table: str, change: str) -> list[dict[str, Any]]:
        week = next(row["week"] for row in self.before["marts.conversations"] if row["id"] == self.uploads[change])
        return [row for row in self.after[table] if row["week"] == week]


def _read(warehouse: Warehouse) -> Contents:
    """With each row's place and writing transaction, which tell a row that was left alone from one written anew."""
    contents: Contents = {}
    with warehouse.engine.connect() as connection:
        for table in warehouse.contents():
            rows = connection.execute(text(f"select *, xmin::text as written_by, ctid::text as place from {table}"))
            contents[table] = [dict(row) for row in rows.mappings()]
    return contents


@pytest.fixture(scope="module")
def change(shared_warehouse: Warehouse) -> Change:
    """One conversation a week, each changed in its own way or not at all."""
    warehouse = shared_warehouse
    names = ("untouched", "amended", "superseded", "erased", "failed", "vanished")
    uploads = {
        name: warehouse.conversation(
            STATES, unit="ward 3", nurse_id="n1", duration_s=60.0, created_at=MONDAY + timedelta(weeks=n)
        )
        for n, name in enumerate(names)
    }
    warehouse.build()
    before = _read(warehouse)
    warehouse.touch(uploads["amended"], unit="ward 4")
    warehouse.supersede_answers(uploads["superseded"], {"symptoms": "answered", "allergies": "denied"})
    warehouse.erase(uploads["erased"])
    warehouse.touch(uploads["failed"], status="failed", stage="scores", error_code="model_unusable")
    warehouse.remove(uploads["vanished"])
    assert warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    return Change(before, _read(warehouse), uploads)


def test_a_change_leaves_the_rows_of_other_uploads_and_weeks_alone(change: Change) -> None:
    week = MONDAY.date()
    for table, rows in change.before.items():
        column = "day" if table == "marts.pipeline_days" else "week"
        untouched = [row for row in rows if row.get(column) == week]
        assert untouched == [row for row in change.after[table] if row.get(column) == week], table
    assert len(change.before["marts.answers"]) == 6 * len(STATES)


def test_an_amended_unit_moves_the_conversation_to_the_other_unit(change: Change) -> None:
    assert [row["unit"] for row in change.after_of("marts.conversations", "amended")] == ["ward 4"]
    assert {row["unit"] for row in change.after_of("marts.answers", "amended")} == {"ward 4"}
    assert [(row["unit"], row["conversations"]) for row in change.week_after("marts.unit_weeks", "amended")] == [
        ("ward 4", 1)
    ]


def test_a_superseding_answer_replaces_the_old_one(change: Change) -> None:
    answers = change.after_of("marts.answers", "superseded")
    assert {(row["question_id"], row["state"], row["run_no"]) for row in answers} == {
        ("symptoms", "answered", 2),
        ("allergies", "denied", 2),
    }
    weeks = change.week_after("marts.question_weeks", "superseded")
    assert {(row["question_id"], row["asked"], row["missed"], row["denied"]) for row in weeks} == {
        ("symptoms", 1, 0, 0),
        ("allergies", 1, 0, 1),
    }


def test_an_erased_upload_leaves_no_row_but_is_counted(change: Change) -> None:
    for table in ("marts.conversations", "marts.answers", "marts_people.conversation_people"):
        assert change.after_of(table, "erased") == [], table
    assert change.week_after("marts.question_weeks", "erased") == []
    assert change.week_after("marts_people.nurse_weeks", "erased") == []
    [week] = change.week_after("marts.unit_weeks", "erased")
    assert (week["unit"], week["conversations"], week["erased"], week["scored"]) == ("ward 3", 1, 1, 0)
    assert (week["audio_hours"], week["median_overall_score"]) == (0, None)
    [day] = [day for day in change.after["marts.pipeline_days"] if day["erased"]]
    assert (day["arrived"], day["audio_s"], day["median_lag_s"]) == (1, 0, None)
    assert str(change.uploads["erased"]) not in repr(change.after)


def test_a_failure_counts_in_its_week_and_at_its_stage(change: Change) -> None:
    [row] = change.after_of("marts.conversations", "failed")
    assert (row["failed_stage"], row["error_code"]) == ("scores", "model_unusable")
    [day] = [day for day in change.after["marts.pipeline_days"] if day["day"] == row["day"]]
    assert (day["failed"], day["failed_at_scores"], day["failed_at_answers"]) == (1, 1, 0)


def test_an_upload_that_is_gone_from_the_database_is_gone_from_the_marts(change: Change) -> None:
    for table in ("marts.conversations", "marts.answers", "marts_people.conversation_people"):
        assert change.after_of(table, "vanished") == [], table
    for table in ("marts.question_weeks", "marts.unit_weeks", "marts_people.nurse_weeks"):
        assert change.week_after(table, "vanished") == [], table
