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
_VERSION_TABLE, _WORKS_WITH = "alembic_version", "works with "
_LOCK = "select pg_advisory_xact_lock(hashtext('nurseconv:migrate'))"


def migrate(engine: Engine, revision: str = "head") -> None:
    """The database's schema is at `revision` afterwards; one migration at a time, others wait.

    Args:
        revision: "head", or an older one to go back to; data in columns that exist in both is kept.
    """
    with transaction(engine) as connection:
        migrate_in(connection, revision)


def migrate_in(connection: Connection, revision: str = "head") -> None:
    """The same inside a transaction; others wait until it ends."""
    connection.execute(text(_LOCK))
    config, here = _config(connection), revision_of(connection)
    if here is not None and not knows_revision(here):
        _check_newer(connection, here)
        return
    step = command.downgrade if _is_older(config, revision, here) else command.upgrade
    step(config, revision)
    _promise(connection)


def revision_of(connection: Connection) -> str | None:
    """The revision of the database's schema; null when it has none of ours."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def knows_revision(revision: str) -> bool:
    """Whether this version's files hold the revision."""
    return any(script.revision == revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions())


def check_schema(engine: Engine) -> None:
    """Nothing, when the schema is the one this version needs, or a newer one that promises to work with it.

    Raises:
        SchemaError: it is older, too new or missing; says what to run.
    """
    with transaction(engine) as connection:
        here = revision_of(connection)
        need = _newest()
        if here is not None and not knows_revision(here):
            _check_newer(connection, here)
        elif here != need:
            raise SchemaError(
                f"the database's schema is at {here or 'nothing'} and this version needs {need}; "
                "run `nurseconv migrate`."
            )


def _check_newer(connection: Connection, here: str) -> None:
    """Nothing, when the newer schema says that it works with a version that is not newer than this one."""
    query = text(f"select coalesce(obj_description('{_VERSION_TABLE}'::regclass, 'pg_class'), '')")
    said: str = connection.execute(query).scalar_one()
    if not said.startswith(_WORKS_WITH) or not knows_revision(said.removeprefix(_WORKS_WITH)):
        raise SchemaError(
            f"the database's schema is at {here}, which is newer than this version ({_newest()}) and does not work "
            "with it; run the newer version, or restore a backup of this one."
        )


def _promise(connection: Connection) -> None:
    """The schema says which versions may go on working with it while others are brought forward already.

    A migration that only adds names the oldest such revision as `works_with`; one without works with itself alone.
    """
    here = revision_of(connection)
    if here is None:
        return
    script = ScriptDirectory(str(_MIGRATIONS)).get_revision(here)
    oldest = getattr(script.module, "works_with", here)
    connection.execute(text(f"comment on table {_VERSION_TABLE} is '{_WORKS_WITH}{oldest}'"))


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
