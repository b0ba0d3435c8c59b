"""dagster-dbt's command line resource without its two slow preparations.

What lives here: `LeanDbtCli`.
When to add here: nothing; delete this when dagster-dbt asks for neither by itself.
What to keep out: what is built and when (`marts.py`).
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from dagster_dbt import DbtCliResource
from packaging.version import Version


class LeanDbtCli(DbtCliResource):
    """Starts dbt at once.

    The original first runs `dbt --version` in a process of its own and opens a database adapter, which serves row
    counts and column metadata that nobody here asks for: 6 s of every build, measured.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None
