"""All rows out of one database and into another, whatever the versions of the two servers.

What lives here: `Snapshot` (one moment of the database), `load()` (all of it or nothing), and what a restore asks.
When to add here: a table whose rows mean nothing elsewhere; what a restored ledger must be told.
What to keep out: where the rows are kept in between (operations); erasures, which are replayed by the caller.

Rows travel as Postgres's own COPY text, table by table. No client program is needed, and a newer server reads what an
older one wrote and the other way round, which a dump in pg_dump's own format does not promise. The schema comes from
the migrations: the database is brought to the revision that the rows were written in, filled, and brought forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, Engine, inspect, select, text, true, update

from nurseconv_dagster.errors import BackupError
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.recovery import hand_back_in
from nurseconv_dagster.store.schema import knows_revision, migrate_in, revision_of
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import metadata

# Signs of life, sessions and pace: true only of the processes that wrote them. The schema's own version is apart.
_LEFT_OUT = frozenset({"alembic_version", "heartbeats", "page_sessions", "rate_limits"})
_DBT_SCHEMAS = ("staging", "marts", "marts_people")
# Tables beside the schema's version that belong to the same role and to no extension.
_OF_ONE_OWNER = """
select t.relname from pg_class t
join pg_class v on v.oid = 'alembic_version'::regclass and (t.relowner, t.relnamespace) = (v.relowner, v.relnamespace)
where t.relkind in ('r', 'p') and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = t.oid and d.deptype = 'e'
)
"""
_ROUTINES = """
select p.oid::regprocedure::text from pg_proc p
join pg_class v on v.oid = 'alembic_version'::regclass and (p.proowner, p.pronamespace) = (v.relowner, v.relnamespace)
where not exists (
    select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
)
"""
_SAME_TEXT = "set local datestyle = 'ISO, MDY'; set local intervalstyle = 'postgres'; set local extra_float_digits = 1"


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as it was dumped.

    Args:
        name: of the table.
        columns: in the order of the dumped cells.
    """

    name: str
    columns: tuple[str, ...]


class Snapshot:
    """The database at one moment; what is written meanwhile is not seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.revision = revision_of(connection)

    def tables(self) -> list[TableFacts]:
        """The tables to keep, those that others point to first."""
        return list(_tables(self._connection))

    def rows(self, table: TableFacts) -> Iterator[bytes]:
        """The rows of a table, in pieces."""
        query = sql.SQL("copy (select {} from {}) to stdout").format(_columns(table), sql.Identifier(table.name))
        with _cursor(self._connection).copy(query) as copy:
            for piece in copy:
                yield bytes(piece)

    def objects(self) -> list[str]:
        """The keys of the vault's objects that these rows need."""
        needed = uploads.c.object_key.is_not(None), uploads.c.status != "erased"
        return list(self._connection.execute(select(uploads.c.object_key).where(*needed).distinct()).scalars())


@contextmanager
def snapshot(engine: Engine) -> Iterator[Snapshot]:
    """The database as it is now, for as long as the block takes.

    Raises:
        StoreUnavailableError: transient; Postgres did not answer.
    """
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        connection.execute(text("set transaction read only"))
        connection.exec_driver_sql(_SAME_TEXT)
        yield Snapshot(connection)


def still_needs(engine: Engine, object_key: str) -> bool:
    """Whether an upload that is not erased names this object now."""
    query = select(uploads.c.id).where(uploads.c.object_key == object_key, uploads.c.status != "erased").limit(1)
    with transaction(engine) as connection:
        return connection.execute(query).first() is not None


def all_objects(engine: Engine) -> list[str]:
    """The keys of all objects that a row names, those of erasures that are not finished included."""
    query = select(uploads.c.object_key).where(uploads.c.object_key.is_not(None)).distinct()
    with transaction(engine) as connection:
        return list(connection.execute(query).scalars())


def kept_objects(engine: Engine) -> list[tuple[UUID, str]]:
    """Each upload that is not erased, with the key of its object."""
    query = select(uploads.c.id, uploads.c.object_key).where(
        uploads.c.object_key.is_not(None), uploads.c.status != "erased"
    )
    with transaction(engine) as connection:
        return [(row.id, row.object_key) for row in connection.execute(query.order_by(uploads.c.id))]


def has_schema(engine: Engine) -> bool:
    """Whether the database has a schema of ours, of whatever revision."""
    with transaction(engine) as connection:
        return revision_of(connection) is not None


def is_empty(engine: Engine) -> bool:
    """Whether the database holds no row of ours."""
    with transaction(engine) as connection:
        return not any(
            connection.exec_driver_sql(_quoted("select exists (select 1 from {})", table.name)).scalar_one()
            for table in _tables(connection)
        )


def load(
    connection: Connection,
    revision: str,
    tables: Iterable[TableFacts],
    rows_of: Callable[[TableFacts], Iterable[bytes]],
) -> list[str]:
    """The tables of the backup that were left out because they are none of ours.

    The database holds these rows and nothing else of ours, at the newest revision; nothing of it before the commit.
    Work that was under way waits to be done again, counted against nobody; the marts are due to be built anew.

    Args:
        connection: a transaction of its own.
        revision: that the rows were written in.
        tables: in the order of `Snapshot.tables()`.
        rows_of: gives a table's rows, in pieces.

    Raises:
        BackupError: permanent; this version does not know the revision, or a table is another one than the revision's.
    """
    if not knows_revision(revision):
        raise BackupError(
            f"the backup's schema is {revision}, which this version does not know: a newer version made it. Restore it "
            "with that version, or a newer one."
        )
    connection.exec_driver_sql(_SAME_TEXT)
    _clear(connection)
    migrate_in(connection, revision)
    known = {table.name: frozenset(table.columns) for table in _tables(connection)}
    strange = []
    for table in tables:
        if table.name not in known:
            strange.append(table.name)
        elif not known[table.name].issuperset(table.columns):
            raise BackupError(f"the backup's table {table.name} is not the one of revision {revision}.")
        else:
            _fill(connection, table, rows_of(table))
    _advance_sequences(connection)
    migrate_in(connection, "head")
    hand_back_in(connection)
    connection.execute(update(uploads).where(true()).values(reported_version=None))
    connection.execute(update(uploads).where(uploads.c.status == "pending").values(run_key=None, run_id=None))
    return strange


def _tables(connection: Connection) -> Iterator[TableFacts]:
    """The tables of ours; what somebody else has put beside them is left alone."""
    found, ours = inspect(connection), _names(connection) - _LEFT_OUT
    for name, _ in found.get_sorted_table_and_fkc_names():
        if name in ours:
            yield TableFacts(name, tuple(column["name"] for column in found.get_columns(name)))


def _names(connection: Connection) -> frozenset[str]:
    """Ours by name; of a newer version's schema, whose names nobody here knows, all that its owner has there."""
    here = revision_of(connection)
    if here is None or knows_revision(here):
        return frozenset(metadata.tables)
    return frozenset(connection.execute(text(_OF_ONE_OWNER)).scalars())


def _clear(connection: Connection) -> None:
    """The database has no table of ours, and no reporting table; what a newer version has made goes too."""
    for schema in _DBT_SCHEMAS:
        connection.exec_driver_sql(_quoted("drop schema if exists {} cascade", schema))
    here = revision_of(connection)
    if here is not None and knows_revision(here):
        migrate_in(connection, "base")
    elif here is not None:
        # Nobody here knows the way back from there, so what a later upgrade would make again must not be in its way.
        routines: list[str] = list(connection.execute(text(_ROUTINES)).scalars())
        for name in _names(connection):
            connection.exec_driver_sql(_quoted("drop table if exists {} cascade", name))
        for signature in routines:
            connection.exec_driver_sql(f"drop routine if exists {signature} cascade")


def _fill(connection: Connection, table: TableFacts, pieces: Iterable[bytes]) -> None:
    into = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table.name), _columns(table))
    with _cursor(connection).copy(into) as copy:
        for piece in pieces:
            copy.write(piece)


def _advance_sequences(connection: Connection) -> None:
    """Numbers that rows were given elsewhere are not given again."""
    for table in _tables(connection):
        for column in table.columns:
            name = {"table": table.name, "column": column}
            sequence: str | None = connection.execute(
                text("select pg_get_serial_sequence(:table, :column)"), name
            ).scalar_one()
            if sequence is not None:
                highest = _quoted("select coalesce(max({}), 0) + 1 from {}", column, table.name)
                connection.exec_driver_sql(f"select setval('{sequence}', ({highest}), false)")


def _columns(table: TableFacts) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))


def _quoted(statement: str, *names: str) -> str:
    return sql.SQL(statement).format(*map(sql.Identifier, names)).as_string()


def _cursor(connection: Connection) -> Any:
    """The driver's own cursor, in the connection's transaction: COPY is not SQLAlchemy's."""
    driver: Any = connection.connection.driver_connection
    return driver.cursor()
