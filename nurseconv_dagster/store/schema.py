"""The schema's version: forward with `migrate()`, and a clear word when code and database do not fit.

What lives here: Alembic's entry points for this package.
When to add here: nothing but what every migration needs; a change of tables is a file in `migrations/versions`.
What to keep out: creating databases or roles' passwords (operations).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from nurseconv_dagster.errors import SchemaError
from nurseconv_dagster.store.engine import transaction

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = "select pg_advisory_xact_lock(hashtext('nurseconv:migrate'))"


def migrate(engine: Engine, revision: str = "head") -> None:
    """The database's schema is at `revision` afterwards; one migration at a time, others wait.

    Args:
        revision: "head", or an older one to go back to; data in columns that exist in both is kept.
    """
    with transaction(engine) as connection:
        connection.execute(text(_LOCK))
        config = _config(connection)
        here = MigrationContext.configure(connection).get_current_revision()
        step = command.downgrade if _is_older(config, revision, here) else command.upgrade
        step(config, revision)


def check_schema(engine: Engine) -> None:
    """Nothing, when the schema is the one this version needs.

    Raises:
        SchemaError: it is older, newer or missing; says what to run.
    """
    with transaction(engine) as connection:
        here = MigrationContext.configure(connection).get_current_revision()
    need = _newest()
    if here != need:
        raise SchemaError(
            f"the database's schema is at {here or 'nothing'} and this version needs {need}; run `nurseconv migrate`."
        )


@cache
def _newest() -> str | None:
    """The newest revision of this version's files, read once: probes ask each second."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _is_older(config: Config, revision: str, here: str | None) -> bool:
    if revision == "head" or here is None:
        return False
    if revision == "base":
        return True
    behind = ScriptDirectory.from_config(config).iterate_revisions(here, "base")
    return revision in {script.revision for script in behind}
