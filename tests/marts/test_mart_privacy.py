"""No words of a conversation and no file name leave through the marts or through what dbt writes and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nurseconv_dagster.extraction.answers import State

if TYPE_CHECKING:
    from tests.marts.conftest import Warehouse

VALUE_TYPES = ("text", "list", "integer", "number", "boolean", "choice", "quantity", "panel", "struct")


@pytest.fixture
def canary(warehouse: Warehouse) -> str:
    """The word stands in every text of every table, and where a value of another type should be."""
    word = warehouse.canary
    for kind in ("audio", "text"):
        upload_id = warehouse.upload(kind=kind, status="failed", stage="answers", error_code="model_unusable")
        transcription_id = warehouse.transcript(upload_id)
        for value_type in VALUE_TYPES:
            shapes = {"string": word, "list": [word], "object": {"value": word, "hr": word, word: word}}
            for shape, value in shapes.items():
                is_a_code = value_type == "choice" and shape == "string"
                warehouse.answers(
                    upload_id, transcription_id, {f"{value_type}_{shape}": "answered"},
                    value_type=value_type, answer_value=value, is_valid=not is_a_code,
                )  # fmt: skip
        warehouse.answers(upload_id, transcription_id, {"patient_name": "answered"}, is_phi=True)
        warehouse.scores(upload_id, components={"words": word}, dynamics={"words": word})
    return word


def test_no_word_reaches_the_marts_or_the_logs_of_dbt(
    warehouse: Warehouse, canary: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert warehouse.dbt("build", "--exclude-resource-type", "unit_test")

    contents = warehouse.contents()
    assert len(contents["marts.answers"]) == 2 * 3 * len(VALUE_TYPES)
    assert canary not in repr(contents)
    assert_dbt_never_wrote(warehouse, canary, capfd)


def test_a_failing_test_prints_counts_and_no_rows(
    warehouse: Warehouse, canary: str, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = warehouse.upload(unit=canary)
    warehouse.scores(broken, overall_score=7000.0)

    assert not warehouse.dbt("build", "--exclude-resource-type", "unit_test")

    assert_dbt_never_wrote(warehouse, canary, capfd)


def assert_dbt_never_wrote(warehouse: Warehouse, canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    printed = capfd.readouterr()
    assert canary not in printed.out + printed.err
    files = [path for path in warehouse.scratch.rglob("*") if path.is_file()]
    assert any(path.name == "dbt.log" for path in files)
    for path in files:
        assert canary.encode() not in path.read_bytes(), path.name


def test_the_states_of_the_marts_are_those_of_the_answers(warehouse: Warehouse) -> None:
    states: tuple[str, ...] = State.__args__
    upload_id = warehouse.upload()
    warehouse.answers(upload_id, warehouse.transcript(upload_id), {f"question_{state}": state for state in states})
    assert warehouse.dbt("build", "--select", "+answers", "--exclude-resource-type", "unit_test")
    assert {state for [state] in warehouse.query("select state from marts.answers")} == set(states)
