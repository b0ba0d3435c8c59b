"""What every test may use: one real Postgres for the whole session, a fresh migrated database for each test.

What lives here: fixtures that more than one room needs.
When to add here: a fixture that a second room asks for.
What to keep out: fakes (tests/fakes) and anything slow that only one room needs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from filelock import FileLock
from sqlalchemy import URL, Engine, make_url, text

from nurseconv_dagster.operations.embedded_postgres import admin_engine, ensure_server, stop_server
from nurseconv_dagster.store.engine import PIPELINE_ROLE, open_engine
from nurseconv_dagster.store.schema import migrate

pytest_plugins = ["tests.homes"]

TEMPLATE = "nurseconv_template"
# The superuser's address of a Postgres of another version, as tests/with_postgres15 sets it: user postgres, loopback.
OTHER_SERVER = "NURSECONV_TEST_DATABASE_URL"
for _name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "NURSECONV_HOME", "UPLOAD_DIR"):
    os.environ.pop(_name, None)


def _server_home(config: pytest.Config) -> Path:
    """One server for all workers of a session; its name is handed from the controller to the workers."""
    return Path(os.environ["NURSECONV_TEST_SERVER"])


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ["NURSECONV_TEST_SERVER"] = tempfile.mkdtemp(prefix="nurseconv-test-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        stop_server(_server_home(config))


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> dict[str, object]:
    """The facts of the session's Postgres: port and passwords."""
    home = _server_home(pytestconfig)
    facts = _other_server(home) if OTHER_SERVER in os.environ else ensure_server(home)
    with FileLock(home / "template.lock"):
        admin = admin_engine(facts)
        with admin.connect() as connection:
            found = connection.execute(text("select 1 from pg_database where datname = :n"), {"n": TEMPLATE}).first()
            if found is None:
                # Tests kill processes, not machines, and a third of their time went into waiting for disks.
                connection.execute(text("alter system set fsync = off"))
                connection.execute(text("select pg_reload_conf()"))
                connection.execute(text(f"create database {TEMPLATE} owner {PIPELINE_ROLE}"))
                template = open_engine(pipeline_url(facts, TEMPLATE))
                migrate(template)
                template.dispose()
        admin.dispose()
    return facts


def _other_server(home: Path) -> dict[str, object]:
    """The facts of a server that somebody else has started; it has the pipeline's role afterwards."""
    url = make_url(os.environ[OTHER_SERVER])
    facts = {"port": url.port, "passwords": {"postgres": url.password, PIPELINE_ROLE: url.password}}
    admin = admin_engine(facts)
    with FileLock(home / "template.lock"), admin.connect() as connection:
        found = connection.execute(text("select 1 from pg_roles where rolname = :n"), {"n": PIPELINE_ROLE}).first()
        if found is None:
            password = str(url.password)  # hex digits, made by the script
            connection.execute(text(f"create role {PIPELINE_ROLE} login createdb createrole password '{password}'"))
    admin.dispose()
    return facts


def pipeline_url(facts: dict[str, object], database: str) -> URL:
    return URL.create(
        "postgresql+psycopg", PIPELINE_ROLE, facts["passwords"][PIPELINE_ROLE], "127.0.0.1", facts["port"], database
    )


@pytest.fixture
def database(server: dict[str, object]) -> Iterator[URL]:
    """The address of a fresh database with the newest schema, gone after the test."""
    name = f"test_{uuid4().hex}"
    admin = admin_engine(server)
    with admin.connect() as connection, FileLock(Path(os.environ["NURSECONV_TEST_SERVER"]) / "template.lock"):
        connection.execute(text(f"create database {name} template {TEMPLATE} owner {PIPELINE_ROLE}"))
        connection.execute(text(f"revoke connect, temporary on database {name} from public"))
        connection.execute(text(f"grant connect on database {name} to nurseconv_bi, nurseconv_people, nurseconv_audit"))
    yield pipeline_url(server, name)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def engine(database: URL) -> Iterator[Engine]:
    """An engine on the test's own database."""
    opened = open_engine(database)
    yield opened
    opened.dispose()
