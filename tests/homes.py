"""A whole home for each test: its own databases on the session's Postgres, vault, bucket and Dagster instance."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from filelock import FileLock
from sqlalchemy import URL, Engine, text

from nurseconv_dagster.operations.embedded_postgres import admin_engine
from nurseconv_dagster.operations.home import prepare_home
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store.engine import PIPELINE_ROLE
from tests.conftest import pipeline_url

DAGSTER_TEMPLATE = "dagster_template"


@pytest.fixture(scope="session")
def dagster_template(server: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database in which Dagster's own tables exist: making them anew for each test would take seconds."""
    admin = admin_engine(server)
    with FileLock(Path(os.environ["NURSECONV_TEST_SERVER"]) / "template.lock"), admin.connect() as connection:
        found = connection.execute(text("select 1 from pg_database where datname = :n"), {"n": DAGSTER_TEMPLATE})
        if found.first() is None:
            connection.execute(text(f"create database {DAGSTER_TEMPLATE} owner {PIPELINE_ROLE}"))
            _make_tables(server, tmp_path_factory.mktemp("dagster"))
    admin.dispose()
    return DAGSTER_TEMPLATE


def _make_tables(server: dict[str, object], folder: Path) -> None:
    from dagster import DagsterInstance

    url = pipeline_url(server, DAGSTER_TEMPLATE).set(drivername="postgresql+psycopg2")
    address = url.render_as_string(hide_password=False)
    (folder / "dagster.yaml").write_text(f"storage:\n  postgres:\n    postgres_url: {address}\n")
    with DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs(limit=1)
        instance.get_dynamic_partitions("uploads")


@pytest.fixture
def home(
    tmp_path: Path, database: URL, server: dict[str, object], dagster_template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """The settings of a home that is ready to use; the environment is the test's own."""
    name = f"dagster_{uuid4().hex}"
    admin = admin_engine(server)
    with FileLock(Path(os.environ["NURSECONV_TEST_SERVER"]) / "template.lock"), admin.connect() as connection:
        connection.execute(text(f"create database {name} template {dagster_template} owner {PIPELINE_ROLE}"))
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    os.environ.update(
        NURSECONV_HOME=str(tmp_path / "home"),
        DATABASE_URL=database.render_as_string(hide_password=False),
        DAGSTER_DATABASE_URL=pipeline_url(server, name).render_as_string(hide_password=False),
        STABLE_AFTER_S="0",
        LEASE_S="5",
        PROVIDER_ORDER="rules",  # what these tests are about does not depend on the model
    )
    settings = load_settings()
    prepare_home(settings)
    yield settings
    os.environ.clear()
    os.environ.update(before)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def store_engine(home: Settings, engine: Engine) -> Engine:
    """An engine on the home's database, beside the product's own."""
    return engine
