"""dbt, as a resource of its own kind: one build at a time, its files in the home, its environment from the settings.

What lives here: `MartsResource`.
When to add here: an option that every dbt call needs.
What to keep out: models (dbt_project) and which uploads are due (store.reporting).
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, ConfigurableResource, Failure, ResourceDependency

from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.store import reporting

if TYPE_CHECKING:
    from dagster_dbt import DbtCliResource

DBT_PROJECT = Path(__file__).parents[2] / "dbt_project"
MANIFEST = DBT_PROJECT / "target" / "manifest.json"


class MartsResource(ConfigurableResource[None]):
    """Builds and tests the reporting tables."""

    store: ResourceDependency[StoreResource]

    def build(self, context: AssetExecutionContext) -> Iterator[Any]:
        """Dagster's events of one `dbt build`; afterwards the ledger knows what the marts show.

        Raises:
            MartsBusyError: another build is running.
            Failure: a model or a test failed; the log names it, without rows.
        """
        engine = self.store.engine
        with reporting.marts_lock(engine):
            snapshot = reporting.snapshot_unreported(engine)
            build = self._dbt().cli(
                ["build", "--exclude-resource-type", "unit_test"],  # arithmetic is the test suite's to prove
                context=context,
                target_path=self.store.settings.home / "dbt" / context.run.run_id[:8],
                raise_on_error=False,
            )
            yield from build.stream()
            if not build.is_successful():
                raise Failure("dbt build failed; the step's log names the model or test.", allow_retries=False)
            reporting.mark_reported(engine, snapshot)
        context.log.info(f"{len(snapshot)} uploads are new or changed in the marts")

    def _dbt(self) -> "DbtCliResource":
        from nurseconv_dagster.resources.dbt_cli import LeanDbtCli

        return LeanDbtCli(
            project_dir=str(DBT_PROJECT),
            profiles_dir=str(DBT_PROJECT),
            dbt_executable=str(Path(sys.executable).with_name("dbt")),
        )
