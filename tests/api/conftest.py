"""The API as its callers meet it: a real app on a real database, spoken to over ASGI.

What lives here: fixtures of the API's tests.
When to add here: a fixture that a second module here asks for.
What to keep out: laws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.keys import make_key

MakeKey = Callable[..., dict[str, str]]


@pytest.fixture
def api_settings(database: URL, tmp_path: Path) -> Settings:
    """The settings of an API that serves the test's own database and home."""
    settings = Settings(
        nurseconv_home=tmp_path / "home", database_url=database.render_as_string(hide_password=False), _env_file=None
    )
    settings.vault_dir.mkdir(parents=True)
    return settings


@pytest.fixture
def app(api_settings: Settings) -> FastAPI:
    return create_app(api_settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A caller without a key."""
    with TestClient(app) as opened:
        yield opened


@pytest.fixture
def key(engine: Engine) -> MakeKey:
    """Makes a key and gives the headers that carry it: `key("read", "upload", units=["A"])`."""

    def make(*scopes: str, units: tuple[str, ...] | list[str] = (), **options: object) -> dict[str, str]:
        token = make_key(engine, "a test", scopes=scopes, units=units, actor="test", **options)
        return {"Authorization": f"Bearer {token}"}

    return make
