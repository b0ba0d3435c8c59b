"""What must hold for the rows that leave the store for reporting, as a Great Expectations suite on one frame.

What lives here: the frame's columns, the suite, and `check_reporting_frame()`, which runs it.
When to add here: a law about answers and scores as they stand in the store. Laws of the marts are dbt tests.
What to keep out: SQL (the store makes the frame), Dagster (the asset check wraps this), any value of any row.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.store.tables import STATES

if TYPE_CHECKING:
    import pandas as pd

REPORTING_FRAME_COLUMNS: dict[str, str] = {
    "upload_id": "text: the upload",
    "question_id": "text: the question; with upload_id the key",
    "state": "text: one of the eight states",
    "provider": "text: who answered; a reviewer needs no quote",
    "confidence_score": "float 0..1, null where nothing was answered",
    "is_confident": "boolean",
    "n_evidence": "integer: stretches of the transcript that prove the answer",
    "evidence_ok": "boolean: full_text[start_char:end_char] == quote for every one of them; true when there are none",
    "start_s": "float: second of the recording at which the best of them starts; null for typed text or without any",
    "end_s": "float: second at which it ends; null like start_s",
    "duration_s": "float: seconds of audio, null for typed text",
    "completeness_score": "float 0..1, null when there is nothing to judge",
    "overall_score": "float 0..100, null when not scored",
}
"""One row per current answer; ids are text, the rest states, numbers and booleans, so no words are in the frame."""

END_TOLERANCE_S = 0.1
"""Word times are rounded to 0.02 s and a codec may pad its last frame; more than this is a wrong time."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What became of one expectation.

    Args:
        expectation: its kind, as Great Expectations calls it.
        column: the column or columns it is about, joined by ", "; "" for the whole frame.
        passed: whether it holds.
        n_unexpected: how many rows break it; null where rows are not what is counted.
    """

    expectation: str
    column: str
    passed: bool
    n_unexpected: int | None


@dataclass(frozen=True, slots=True)
class FrameReport:
    """All expectations on one frame; counts and names of columns only."""

    passed: bool
    n_rows: int
    results: tuple[Expectation, ...]


def check_reporting_frame(frame: pd.DataFrame) -> FrameReport:
    """Whether the frame is fit for reporting, expectation by expectation.

    Args:
        frame: one row per current answer, with exactly the columns of `REPORTING_FRAME_COLUMNS`.
    """
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "profilers": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("store").add_dataframe_asset("reporting")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _with_limit(frame)})
    results = tuple(_judge(batch, expectation) for expectation in _suite())
    return FrameReport(all(result.passed for result in results), len(frame), results)


def _great_expectations() -> Any:
    """The library, imported late because that takes seconds, and told to send nothing anywhere."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    return importlib.import_module("great_expectations")


def _with_limit(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame with the latest second that evidence may reach, when it has a duration to reckon it from."""
    if "duration_s" not in frame:
        return frame
    return frame.assign(latest_s=frame["duration_s"].astype("float64") + END_TOLERANCE_S)


def _suite() -> list[Any]:
    """The expectations, in the order in which a reader wants to hear of them: shape, key, states, evidence, figures."""
    expect: Any = importlib.import_module("great_expectations.expectations")
    column: Any = importlib.import_module("great_expectations.expectations.row_conditions").Column

    state = column("state")
    has_value = state.is_in(["answered", "denied"])
    quoted = has_value & (column("provider") != "reviewer")
    claims_nothing = state.is_in(["not_asked", "asked_no_answer", "declined", "unable", "not_applicable"])
    columns = [*REPORTING_FRAME_COLUMNS, "latest_s"]
    required = ("upload_id", "question_id", "state", "provider", "is_confident", "n_evidence", "evidence_ok")
    return [
        expect.ExpectTableColumnsToMatchSet(column_set=columns, exact_match=True),
        *(expect.ExpectColumnValuesToNotBeNull(column=name) for name in required),
        expect.ExpectCompoundColumnsToBeUnique(column_list=["upload_id", "question_id"]),
        expect.ExpectColumnValuesToBeInSet(column="state", value_set=list(STATES)),
        expect.ExpectColumnValuesToBeBetween(column="n_evidence", min_value=1, row_condition=quoted),
        expect.ExpectColumnValuesToBeBetween(
            column="n_evidence", min_value=2, row_condition=state.is_in(["conflicting"])
        ),
        expect.ExpectColumnValuesToBeInSet(column="evidence_ok", value_set=[True]),
        expect.ExpectColumnValuesToNotBeNull(column="confidence_score", row_condition=has_value),
        expect.ExpectColumnValuesToBeNull(column="confidence_score", row_condition=claims_nothing),
        expect.ExpectColumnValuesToBeBetween(column="confidence_score", min_value=0, max_value=1),
        expect.ExpectColumnValuesToBeBetween(column="start_s", min_value=0),
        expect.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="end_s", column_B="start_s", or_equal=True, ignore_row_if="either_value_is_missing"
        ),
        expect.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="latest_s", column_B="end_s", or_equal=True, ignore_row_if="either_value_is_missing"
        ),
        expect.ExpectColumnValuesToBeBetween(column="completeness_score", min_value=0, max_value=1),
        expect.ExpectColumnValuesToBeBetween(column="overall_score", min_value=0, max_value=100),
    ]


def _judge(batch: Any, expectation: Any) -> Expectation:
    """The verdict; a broken expectation is counted in a second pass that keeps no values either."""
    outcome = batch.validate(expectation, result_format="BOOLEAN_ONLY")
    n_unexpected = 0 if outcome.success else _count_unexpected(batch, expectation)
    kind = str(outcome.expectation_config.type)
    return Expectation(kind, _columns_of(expectation), bool(outcome.success), n_unexpected)


def _count_unexpected(batch: Any, expectation: Any) -> int | None:
    outcome = batch.validate(expectation, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
    count: int | None = outcome.result.get("unexpected_count")
    return count


def _columns_of(expectation: Any) -> str:
    names = [getattr(expectation, name, None) for name in ("column", "column_A", "column_B")]
    return ", ".join([*(name for name in names if name), *(getattr(expectation, "column_list", None) or [])])
