"""Laws of the probes: a part that beats is well, one that was silent too long is not, and a probe costs little."""

from __future__ import annotations

import socket
import subprocess
import sys

import psycopg
import pytest
from sqlalchemy import URL, Engine, text

from nurseconv_dagster.operations import probes
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.listings import DAEMON, beat, daemon_is_alive
from nurseconv_dagster.store.workers import beat_worker


@pytest.fixture(autouse=True)
def _container(database: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.set(drivername="postgresql").render_as_string(hide_password=False))
    monkeypatch.delenv("POSTGRES_PASSWORD", raising=False)


def age(engine: Engine, seconds: float) -> None:
    with transaction(engine) as connection:
        connection.execute(text(f"update heartbeats set beat_at = now() - interval '{seconds} seconds'"))


def test_the_daemon_is_well_while_it_beats(engine: Engine) -> None:
    with pytest.raises(SystemExit, match="no sign of life"):
        probes.daemon()
    beat(engine, DAEMON, {})
    probes.daemon()
    age(engine, probes.DAEMON_BEATS_WITHIN_S + 5)
    with pytest.raises(SystemExit):
        probes.daemon()


def test_the_daemon_may_be_silent_for_as_long_as_it_was_told_to_be(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_EVERY_S", "3600")
    beat(engine, DAEMON, {})
    age(engine, 7200)
    assert daemon_is_alive(engine, 3600)
    probes.daemon()
    age(engine, 7220)
    with pytest.raises(SystemExit):
        probes.daemon()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_the_address_is_understood(
    scheme: str, database: URL, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = database.set(drivername=scheme).render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", address)
    beat(engine, DAEMON, {})
    probes.daemon()


def test_a_probe_takes_the_password_that_the_product_takes(
    database: URL, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(engine, DAEMON, {})
    monkeypatch.setenv("POSTGRES_PASSWORD", "another one")
    probes.daemon()  # the address names its own
    monkeypatch.setenv("POSTGRES_PASSWORD", str(database.password))
    monkeypatch.setenv("DATABASE_URL", _without_password(database))
    probes.daemon()
    monkeypatch.setenv("POSTGRES_PASSWORD", "another one")
    with pytest.raises(psycopg.OperationalError):
        probes.daemon()


def _without_password(database: URL) -> str:
    return f"postgresql://{database.username}@{database.host}:{database.port}/{database.database}"


def test_a_worker_answers_for_itself_and_for_no_other(engine: Engine) -> None:
    beat_worker(engine, "transcription-1@elsewhere", frozenset({"transcription"}), reaches_redis=True)
    with pytest.raises(SystemExit):
        probes.worker()
    beat_worker(engine, f"transcription-1@{socket.gethostname()}", frozenset({"transcription"}), reaches_redis=True)
    probes.worker()


def test_a_probe_imports_nothing_that_takes_a_second() -> None:
    code = "import sys, nurseconv_dagster.operations.probes; print({'dagster', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
