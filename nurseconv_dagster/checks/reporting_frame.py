"""The check of the frame that leaves the store for reporting: a Great Expectations suite, told to Dagster in counts.

What lives here: `reporting_frame_is_sound`.
When to add here: nothing; expectations are in `expectations`.
What to keep out: rows and words: results are booleans and counts.
"""

from dagster import AssetCheckResult, asset_check

from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.store.reporting import reporting_rows


@asset_check(
    asset="conversation_scores",
    name="reporting_frame_is_sound",
    description="The answers that leave for reporting: proven, in range, inside the recording, one row a question.",
)
def reporting_frame_is_sound(store: StoreResource) -> AssetCheckResult:
    """Passed when every expectation holds; names those that do not, with counts."""
    import pandas as pd

    from nurseconv_dagster.checks.expectations import REPORTING_FRAME_COLUMNS, check_reporting_frame

    frame = pd.DataFrame(list(reporting_rows(store.engine)), columns=list(REPORTING_FRAME_COLUMNS))
    report = check_reporting_frame(frame)
    failed = [
        f"{result.expectation}({result.column}): {result.n_unexpected}"
        for result in report.results
        if not result.passed
    ]
    return AssetCheckResult(
        passed=report.passed, metadata={"n_rows": len(frame), "n_expectations": len(report.results), "failed": failed}
    )
