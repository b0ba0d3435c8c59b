"""The connection to Postgres: spellings of its address, the engine, and what "unreachable" looks like.

What lives here: `app_url()`, `dagster_url()`, `open_engine()`, `interval()`, and the ways to a connection:
`transaction()`, `autocommit()`, `quick_cursor()`.
When to add here: a connection option that every query needs.
What to keep out: queries; starting a server (operations).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import URL, Connection, Engine, create_engine, func, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from nurseconv_dagster.errors import SettingsError, StoreUnavailableError
from nurseconv_dagster.settings import Settings

EMBEDDED_FILE = "postgres.json"
APP_DATABASE = "nurse_conversations"
DAGSTER_DATABASE = "nurseconv_dagster"
PIPELINE_ROLE = "nurseconv_pipeline"

_SCHEME = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)


def app_url(settings: Settings) -> URL:
    """The app database's address with the psycopg 3 driver, from `DATABASE_URL` or the home's embedded server.

    Raises:
        SettingsError: the address is not a Postgres one, or it is empty and the home has no embedded server yet.
    """
    if settings.database_url:
        return _with_password(parse_url(settings.database_url, "DATABASE_URL", "postgresql+psycopg"), settings)
    return embedded_url(settings.home, APP_DATABASE).set(drivername="postgresql+psycopg")


def dagster_url(settings: Settings) -> URL:
    """Dagster's own database; always psycopg2, which dagster-postgres needs and SQLAlchemy 2.1 no longer implies."""
    if settings.dagster_database_url:
        url = parse_url(settings.dagster_database_url, "DAGSTER_DATABASE_URL", "postgresql+psycopg2")
        return _with_password(url, settings)
    if settings.database_url:
        return app_url(settings).set(drivername="postgresql+psycopg2", database=DAGSTER_DATABASE)
    return embedded_url(settings.home, DAGSTER_DATABASE).set(drivername="postgresql+psycopg2")


def parse_url(text: str, name: str, driver: str) -> URL:
    """An address in any spelling of postgres://, with the driver asked for.

    Raises:
        SettingsError: not a Postgres address; names the setting, never shows the password.
    """
    if not _SCHEME.match(text):
        raise SettingsError(
            f"{name} must be a Postgres address such as postgresql://user:password@host:5432/database; "
            f"found one that begins with {text.partition('://')[0][:20]!r}. Leave it empty for the embedded server."
        )
    try:
        return make_url(_SCHEME.sub("postgresql://", text)).set(drivername=driver)
    except (ArgumentError, ValueError):
        raise SettingsError(
            f"{name} cannot be read as an address; percent-encode special characters in user and password."
        ) from None


def _with_password(url: URL, settings: Settings) -> URL:
    """An address that names no password takes `POSTGRES_PASSWORD`, which may be a mounted secret."""
    password = settings.postgres_password.get_secret_value()
    return url.set(password=password) if password and url.password is None else url


def embedded_url(home: Path, database: str) -> URL:
    """The address of one database on the home's embedded server, as the pipeline's role.

    Raises:
        SettingsError: this home has no embedded server yet.
    """
    file = home / EMBEDDED_FILE
    if not file.exists():
        raise SettingsError(
            f"DATABASE_URL is empty and the home {home} has no embedded server yet; "
            "run `nurseconv migrate` (or `make demo`), or set DATABASE_URL."
        )
    facts = json.loads(file.read_text())
    return URL.create(
        "postgresql",
        username=PIPELINE_ROLE,
        password=facts["passwords"][PIPELINE_ROLE],
        host="127.0.0.1",
        port=facts["port"],
        database=database,
    )


def open_engine(url: URL, *, pool_size: int = 2, max_overflow: int = 4, pings: bool = True) -> Engine:
    """An engine with a small pool: run workers are many and short-lived, and the server's connections are few.

    Args:
        url: from `app_url()`.
        pool_size: connections that stay open.
        max_overflow: how many more may be open for a moment.
        pings: each use of an idle connection asks first whether it still lives; without, whoever uses it finds out.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=10,
        pool_pre_ping=pings,
        hide_parameters=True,  # an exception must not show what a statement carried
        connect_args={"connect_timeout": 10, "application_name": "nurseconv", "options": "-c timezone=UTC"},
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction.

    Raises:
        StoreUnavailableError: Postgres did not answer; the message names host and port, nothing else. Or all of this
            process's connections were in use for ten seconds.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except PoolTimeoutError:
        raise _all_in_use() from None
    except (OperationalError, InterfaceError) as error:
        raise _unavailable(engine, error.orig) from None


@contextmanager
def autocommit(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement is a transaction, for locks that outlive them.

    Raises:
        StoreUnavailableError: as `transaction()`.
    """
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    except PoolTimeoutError:
        raise _all_in_use() from None
    except (OperationalError, InterfaceError) as error:
        raise _unavailable(engine, error.orig) from None


@contextmanager
def quick_cursor(engine: Engine) -> Iterator[psycopg.Cursor[Any]]:
    """The driver's own cursor, each statement a transaction: half the processor time of `transaction()`, measured.

    For the one statement that every request of the API pays for. Parameters are written `%(name)s`; rows are named
    tuples.

    Raises:
        StoreUnavailableError: as `transaction()`.
    """
    try:
        borrowed = engine.raw_connection()
    except PoolTimeoutError:
        raise _all_in_use() from None
    except (psycopg.OperationalError, OperationalError) as error:
        raise _unavailable(engine, getattr(error, "orig", error)) from None
    connection = cast("psycopg.Connection[Any]", borrowed.driver_connection)
    try:
        connection.autocommit = True
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            yield cursor
        connection.autocommit = False
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        borrowed.invalidate(error)
        raise _unavailable(engine, error) from None
    except psycopg.Error as error:
        borrowed.invalidate(error)  # whoever got it next would find no transaction in it
        raise
    finally:
        borrowed.close()


def interval(seconds: Any) -> Any:
    """So many seconds (a number or an SQL expression), for arithmetic with times in SQL."""
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _unavailable(engine: Engine, error: BaseException | None) -> StoreUnavailableError:
    where = f"{engine.url.host}:{engine.url.port or 5432}"
    return StoreUnavailableError(
        f"the database at {where} did not answer or broke off ({type(error).__name__}). "
        "Check that Postgres runs and that DATABASE_URL is right; `nurseconv doctor` tests each part."
    )


def _all_in_use() -> StoreUnavailableError:
    return StoreUnavailableError(
        "all connections of this process to the database are in use; try again in a few seconds."
    )
