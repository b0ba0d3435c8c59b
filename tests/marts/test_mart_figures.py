"""The figures of the marts against an example worked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.marts.conftest import Warehouse

MONDAY = date(2024, 5, 6)
TEN = datetime(2024, 5, 6, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def example(shared_warehouse: Warehouse) -> Warehouse:
    """One week of ward 3: two scored recordings, a typed note, silence, a refused file.

    Their lags are 60, 120 and 30 s, and 10 s for the silence.
    """
    warehouse = shared_warehouse
    first = warehouse.upload(
        unit="ward 3", created_at=TEN, processing_started_at=TEN + timedelta(seconds=10), duration_s=600.0
    )
    transcription_id = warehouse.transcript(first, processing_time_s=60.0, language="en")
    warehouse.answers(first, transcription_id, {"allergies": "denied"}, value_type="list", answer_value=None)
    warehouse.answers(first, transcription_id, {"medications": "answered"}, value_type="list", answer_value=["a", "b"])
    warehouse.answers(first, transcription_id, {"pain_level": "answered"}, value_type="integer", answer_value=4)
    warehouse.answers(
        first, transcription_id, {"vital_signs": "answered"}, value_type="panel",
        answer_value={"hr": 88, "temp": {"value": 37.5, "unit": "C"}, "o2_device": "nasal cannula"},
    )  # fmt: skip
    warehouse.answers(first, transcription_id, {"patient_name": "answered"}, is_phi=True)
    warehouse.scores(first, overall_score=80.0, safety_score=None, calculated_at=TEN + timedelta(seconds=60))

    second = warehouse.upload(unit="ward 3", created_at=TEN, duration_s=1200.0)
    transcription_id = warehouse.transcript(second, processing_time_s=120.0)
    warehouse.answers(second, transcription_id, {"allergies": "not_asked", "medications": "declined"})
    warehouse.answers(
        second, transcription_id, {"pain_level": "answered"}, value_type="integer", answer_value=47,
        is_valid=False, needs_review=True,
    )  # fmt: skip
    warehouse.scores(second, overall_score=60.0, safety_score=0.5, calculated_at=TEN + timedelta(seconds=120))

    note = warehouse.upload(unit="ward 3", created_at=TEN, kind="text")
    warehouse.answers(note, warehouse.transcript(note), {"allergies": "asked_no_answer"})
    warehouse.scores(note, overall_score=None, calculated_at=TEN + timedelta(seconds=30))

    silence = warehouse.upload(
        unit="ward 3", created_at=TEN, duration_s=600.0, processing_completed_at=TEN + timedelta(seconds=10)
    )
    transcription_id = warehouse.transcript(silence, "no_speech", processing_time_s=0.0)
    warehouse.answers(silence, transcription_id, {"allergies": "not_asked"})

    warehouse.upload(unit="ward 3", created_at=TEN, status="rejected", stage="uploads", error_code="empty_file")
    warehouse.build()
    return warehouse


def test_typed_values_are_published_and_texts_are_not(example: Warehouse) -> None:
    columns = "question_id, state, value_number, n_items, is_valid"
    assert example.query(f"select {columns} from marts.answers where n_items is not null or is_valid is false") == [
        ("allergies", "denied", None, 0, True),
        ("medications", "answered", None, 2, True),
        ("pain_level", "answered", None, None, False),
    ]
    assert example.query("select value_number from marts.answers where value_number is not null") == [(4.0,)]


def test_vital_signs_are_one_number_a_row(example: Warehouse) -> None:
    found = example.query("select measurement, value_number, value_unit from marts.answer_measurements order by 1")
    assert found == [("hr", 88.0, None), ("temp", 37.5, "C")]


def test_questions_that_name_a_person_are_not_published(example: Warehouse) -> None:
    assert example.query("select * from marts.question_weeks where question_id = 'patient_name'") == []


def test_a_question_week_leaves_silence_out(example: Warehouse) -> None:
    columns = "conversations, asked, missed, denied, asked_no_answer, asked_rate, answered_rate"
    found = example.one(f"select {columns} from marts.question_weeks where question_id = 'allergies'")
    assert found == (3, 2, 1, 1, 1, pytest.approx(2 / 3), 0.5)


def test_a_unit_week_means_what_was_scored(example: Warehouse) -> None:
    columns = "week, unit, conversations, completed, no_speech, rejected, scored"
    assert example.one(f"select {columns} from marts.unit_weeks") == (MONDAY, "ward 3", 5, 4, 1, 1, 2)
    columns = "mean_overall_score, median_overall_score, mean_safety_score, mean_completeness_score, audio_hours"
    assert example.one(f"select {columns} from marts.unit_weeks") == (70.0, 70.0, 0.5, None, pytest.approx(2400 / 3600))


def test_a_pipeline_day_times_what_arrived_on_it(example: Warehouse) -> None:
    columns = "day, arrived, completed, rejected, failed, median_lag_s, p95_lag_s"
    # lags 10, 30, 60, 120: the median lies between 30 and 60, the 95th percentile 0.85 of the way from 60 to 120
    assert example.one(f"select {columns} from marts.pipeline_days") == (
        MONDAY, 5, 4, 1, 0, 45.0, pytest.approx(111.0)
    )  # fmt: skip
    columns = "audio_s, processing_s, transcription_s, real_time_factor"
    # the typed note took 1 s, which is no part of a factor of real time
    found = example.one(f"select {columns} from marts.pipeline_days")
    assert found == (2400.0, 50.0, 181.0, pytest.approx(180 / 2400))


def test_an_interval_is_published_from_ten_conversations_on(warehouse: Warehouse) -> None:
    for nurse_id, n in (("nine", 9), ("ten", 10)):
        for score in range(61, 61 + n):
            warehouse.scores(warehouse.upload(nurse_id=nurse_id), overall_score=float(score))
    warehouse.build()

    columns = "nurse_id, n_overall_score, mean_overall_score, low_overall_score, high_overall_score"
    nine, ten = warehouse.query(f"select {columns} from marts_people.nurse_weeks order by 1")
    assert nine == ("nine", 9, None, None, None)
    # standard deviation of 61..70 is 3.02765, t(0.975, 9) is 2.26216
    margin = 2.26216 * 3.02765 / 10**0.5
    assert ten == ("ten", 10, 65.5, pytest.approx(65.5 - margin, abs=1e-3), pytest.approx(65.5 + margin, abs=1e-3))
