"""dbt, as a resource of its own kind: one build at a time, its files in the home, its environment from the settings.

What lives here: `MartsResource`.
When to add here: an option that every dbt call needs.
What to keep out: models (dbt_project) and which uploads are due (store.reporting).
"""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, ConfigurableResource, Failure, ResourceDependency

from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.store import reporting
from nurseconv_dagster.telemetry.correlation import bound
from nurseconv_dagster.telemetry.traces import flush, note_span

if TYPE_CHECKING:
    from dagster_dbt import DbtCliResource

DBT_PROJECT = Path(__file__).parents[2] / "dbt_project"
MANIFEST = DBT_PROJECT / "target" / "manifest.json"
# Ids on one line, and uploads that are told of one by one: after a migration a build may bring all there are.
_IDS_A_LINE, _TOLD_AT_MOST = 50, 1000
_log = logging.getLogger(__name__)


class MartsResource(ConfigurableResource[None]):
    """Builds and tests the reporting tables."""

    store: ResourceDependency[StoreResource]

    def build(self, context: AssetExecutionContext) -> Iterator[Any]:
        """Dagster's events of one `dbt build`; afterwards the ledger knows what the marts show.

        Raises:
            MartsBusyError: another build is running.
            Failure: a model or a test failed; the log names it, without rows.
        """
        engine, began_at = self.store.engine, monotonic()
        with bound(run_id=context.run.run_id), reporting.marts_lock(engine):
            snapshot = reporting.snapshot_unreported(engine)
            _log.info("marts build began", extra={"n_uploads": len(snapshot)})
            build = self._dbt().cli(
                ["build", "--exclude-resource-type", "unit_test"],  # arithmetic is the test suite's to prove
                context=context,
                target_path=self.store.settings.home / "dbt" / context.run.run_id[:8],
                raise_on_error=False,
            )
            yield from build.stream()
            is_good = build.is_successful()
            if is_good:
                reporting.mark_reported(engine, snapshot)
            _note_build(reporting.list_arrivals(engine, snapshot[:_TOLD_AT_MOST]), len(snapshot), began_at, is_good)
        if not is_good:
            raise Failure("dbt build failed; the step's log names the model or test.", allow_retries=False)
        context.log.info(f"{len(snapshot)} uploads are new or changed in the marts")

    def _dbt(self) -> "DbtCliResource":
        from nurseconv_dagster.resources.dbt_cli import LeanDbtCli

        return LeanDbtCli(
            project_dir=str(DBT_PROJECT),
            profiles_dir=str(DBT_PROJECT),
            dbt_executable=str(Path(sys.executable).with_name("dbt")),
        )


def _note_build(told: list[reporting.Came], n_uploads: int, began_at: float, is_good: bool) -> None:
    """Logged by the ids of what it brought, and a span in the trace of each."""
    outcome, seconds = "done" if is_good else "failed", round(monotonic() - began_at, 3)
    for i in range(0, len(told), _IDS_A_LINE):
        some = told[i : i + _IDS_A_LINE]
        ids = {"upload_ids": [str(one.id) for one in some], "correlation_ids": [one.correlation_id for one in some]}
        _log.info("marts brought", extra={**ids, "outcome": outcome})
    for one in told:
        if one.traceparent:
            about = {"upload_id": str(one.id), "correlation_id": one.correlation_id, "outcome": outcome}
            note_span("marts build", seconds, parent=one.traceparent, **about)
    flush()
    counts = {"n_uploads": n_uploads, "n_left_out": n_uploads - len(told)}
    _log.info("marts build ended", extra={**counts, "outcome": outcome, "seconds": seconds})
