"""Each expectation on the reporting frame holds for sound rows and fails for a planted error, and shows no values."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from nurseconv_dagster.checks.expectations import REPORTING_FRAME_COLUMNS, FrameReport, check_reporting_frame

SOUND = {
    "upload_id": "a",
    "question_id": "symptoms",
    "state": "answered",
    "provider": "rules",
    "confidence_score": 0.9,
    "is_confident": True,
    "n_evidence": 1,
    "evidence_ok": True,
    "start_s": 1.0,
    "end_s": 2.5,
    "duration_s": 60.0,
    "completeness_score": 0.5,
    "overall_score": 71.0,
}
UNANSWERED = {
    **SOUND,
    "question_id": "allergies",
    "state": "not_asked",
    "provider": "none",
    "confidence_score": None,
    "is_confident": False,
    "n_evidence": 0,
    "start_s": None,
    "end_s": None,
}
TYPED = {**SOUND, "upload_id": "b", "start_s": None, "end_s": None, "duration_s": None}
NOT_SCORED = {**SOUND, "upload_id": "c", "completeness_score": None, "overall_score": None}
REVIEWED = {**UNANSWERED, "upload_id": "d", "state": "denied", "provider": "reviewer", "confidence_score": 1.0}
CONFLICTING = {**SOUND, "upload_id": "e", "state": "conflicting", "n_evidence": 2}
ALL_SOUND = [SOUND, UNANSWERED, TYPED, NOT_SCORED, REVIEWED, CONFLICTING]

UNIQUE = "expect_compound_columns_to_be_unique"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
NOT_NULL = "expect_column_values_to_not_be_null"
NULL = "expect_column_values_to_be_null"
COLUMNS = "expect_table_columns_to_match_set"


def check(rows: list[dict[str, Any]]) -> FrameReport:
    return check_reporting_frame(pd.DataFrame(rows, columns=list(REPORTING_FRAME_COLUMNS)))


def broken(report: FrameReport) -> list[tuple[str, str, int | None]]:
    assert report.passed is all(result.passed for result in report.results)
    return [(result.expectation, result.column, result.n_unexpected) for result in report.results if not result.passed]


def test_sound_rows_of_every_kind_pass() -> None:
    report = check(ALL_SOUND)
    assert broken(report) == []
    assert report.n_rows == len(ALL_SOUND)
    assert len(report.results) >= 15


def test_no_rows_at_all_pass() -> None:
    assert check([]).passed


@pytest.mark.parametrize(
    ("error", "expectation", "column"),
    [
        ({"question_id": None}, NOT_NULL, "question_id"),
        ({"upload_id": None}, NOT_NULL, "upload_id"),
        ({"provider": None}, NOT_NULL, "provider"),
        ({"is_confident": None}, NOT_NULL, "is_confident"),
        ({"upload_id": "b"}, UNIQUE, "upload_id, question_id"),
        ({"state": "maybe"}, IN_SET, "state"),
        ({"n_evidence": 0}, BETWEEN, "n_evidence"),
        ({"state": "denied", "n_evidence": 0}, BETWEEN, "n_evidence"),
        ({"state": "conflicting", "n_evidence": 1}, BETWEEN, "n_evidence"),
        ({"evidence_ok": False}, IN_SET, "evidence_ok"),
        ({"confidence_score": None}, NOT_NULL, "confidence_score"),
        ({"state": "not_asked"}, NULL, "confidence_score"),
        ({"confidence_score": 1.01}, BETWEEN, "confidence_score"),
        ({"confidence_score": -0.01}, BETWEEN, "confidence_score"),
        ({"start_s": -1.0}, BETWEEN, "start_s"),
        ({"start_s": 3.0}, PAIR, "end_s, start_s"),
        ({"end_s": 60.2}, PAIR, "latest_s, end_s"),
        ({"completeness_score": 1.5}, BETWEEN, "completeness_score"),
        ({"overall_score": 100.5}, BETWEEN, "overall_score"),
        ({"overall_score": -1.0}, BETWEEN, "overall_score"),
    ],
)
def test_a_planted_error_breaks_its_expectation(error: dict[str, Any], expectation: str, column: str) -> None:
    n_unexpected = 2 if expectation == UNIQUE else 1  # both of two equal keys are wrong
    assert (expectation, column, n_unexpected) in broken(check([{**SOUND, **error}, *ALL_SOUND[1:]]))


def test_a_missing_or_strange_column_is_refused() -> None:
    frame = pd.DataFrame(ALL_SOUND).rename(columns={"provider": "words"})
    assert (COLUMNS, "", None) in broken(check_reporting_frame(frame))


def test_the_report_and_the_output_show_no_value_of_any_row(capfd: pytest.CaptureFixture[str]) -> None:
    canary = "quetzalcoatlus"
    report = check([{**SOUND, "state": canary, "provider": canary, "question_id": canary}, *ALL_SOUND])
    assert not report.passed
    printed = capfd.readouterr()
    assert canary not in repr(report) + printed.out + printed.err
    assert "it/s" not in printed.err, "no progress bars"
