"""The store, as a resource: settings, database engine, the ledger as a run sees it.

What lives here: `StoreResource`, and `keep_connections()` for Dagster's own database.
When to add here: something that every other resource needs.
What to keep out: queries (store).

Dagster makes a new instance of a resource for each run and tick. What must outlive them in one process (engines,
models) is therefore cached by the settings it is built from, not on the instance.
"""

from functools import cache
from weakref import WeakSet

from dagster import ConfigurableResource, DagsterInstance, InitResourceContext
from pydantic import PrivateAttr
from sqlalchemy import URL, Engine

from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store.claims import Claims
from nurseconv_dagster.store.engine import app_url, open_engine
from nurseconv_dagster.telemetry.logs import start_logs


@cache
def _shared_engine(url: URL) -> Engine:
    return open_engine(url)


_keeping: WeakSet[DagsterInstance] = WeakSet()


def keep_connections(instance: DagsterInstance) -> None:
    """Dagster's storage holds a connection open in this process, as its webserver does.

    Otherwise it opens one for every event: a quarter of the time of a run of typed notes, measured.
    """
    if instance not in _keeping:
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=300, max_overflow=20)
        _keeping.add(instance)


class StoreResource(ConfigurableResource[None]):
    """The app's database, and the settings everything else is built from."""

    _settings: Settings | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Log lines of this process are written from here on: each run and each tick of a sensor passes here first."""
        start_logs(self.settings, "run" if context.run else "code-server")

    @property
    def settings(self) -> Settings:
        """The settings, read once for this instance."""
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    @property
    def engine(self) -> Engine:
        """The engine, one for the whole process."""
        return _shared_engine(app_url(self.settings))

    def claims(self) -> Claims:
        """The ledger as a run sees it."""
        return Claims(self.engine, lease_s=self.settings.lease_s, max_attempts=self.settings.max_attempts)
