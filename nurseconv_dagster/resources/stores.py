"""The store, as a resource: settings, database engine, the ledger as a run sees it.

What lives here: `StoreResource`.
When to add here: something that every other resource needs.
What to keep out: queries (store).

Dagster makes a new instance of a resource for each run and tick. What must outlive them in one process (engines,
models) is therefore cached by the settings it is built from, not on the instance.
"""

from functools import cache

from dagster import ConfigurableResource
from pydantic import PrivateAttr
from sqlalchemy import URL, Engine

from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store.claims import Claims
from nurseconv_dagster.store.engine import app_url, open_engine


@cache
def _shared_engine(url: URL) -> Engine:
    return open_engine(url)


class StoreResource(ConfigurableResource[None]):
    """The app's database, and the settings everything else is built from."""

    _settings: Settings | None = PrivateAttr(default=None)

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
