"""The reporting tables: dbt's models as assets, downstream of the store's tables.

What lives here: `marts`, every model of `dbt_project` in one step, so that one build serves many uploads.
When to add here: nothing; a new model is a file in `dbt_project`.
What to keep out: SQL, and parsing dbt's project (`nurseconv migrate` does that before anything is imported).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import AssetExecutionContext
from dagster_dbt import dbt_assets, utils

from nurseconv_dagster.automation.queues import MAINTENANCE, in_queue
from nurseconv_dagster.errors import BuildError
from nurseconv_dagster.resources.marts import MANIFEST, MartsResource

if not MANIFEST.exists():
    raise BuildError("dbt's manifest is missing; run `nurseconv migrate` (or `make setup`), which parses dbt_project.")

_DBT = "DBT_PYTHON_VERSION"


@contextmanager
def every_node() -> Iterator[None]:
    """Inside, dagster-dbt reads "all nodes" from the manifest itself, as it does where dbt-core is not installed.

    Else it asks dbt's selection engine, which brings networkx: nearly half of what importing the definitions costs
    beyond Dagster's own imports, measured, for the same set of nodes (a test compares).
    """
    names = vars(utils)
    found, names[_DBT] = names[_DBT], None
    try:
        yield
    finally:
        names[_DBT] = found


with every_node():

    @dbt_assets(manifest=MANIFEST, op_tags=in_queue(MAINTENANCE))
    def marts(context: AssetExecutionContext, marts_builder: MartsResource) -> Iterator[Any]:
        """Every model and dbt test; dbt rebuilds only what changed."""
        yield from marts_builder.build(context)
