"""The home: the folder of everything that persists on one machine, and the environment its processes need.

What lives here: `prepare_home()` (folders, server, schema, Dagster's instance, dbt's manifest), `prepare_store()`, its
part that needs no Dagster, and `environment()`.
When to add here: another thing that must exist before anything can run.
What to keep out: running anything in it (driver, serve).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import typer
from filelock import FileLock
from sqlalchemy import text

from nurseconv_dagster.errors import BuildError, SchemaError
from nurseconv_dagster.intake.clouds import open_store
from nurseconv_dagster.operations.embedded_postgres import ensure_server
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, dagster_url, open_engine, transaction
from nurseconv_dagster.store.schema import check_schema, migrate

PROJECT = Path(__file__).parents[2]
DBT_PROJECT = PROJECT / "dbt_project"
# Set in containers: the folder whose dagster.yaml counts there, in place of the home's.
INSTANCE = "NURSECONV_INSTANCE"
_TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
}


def prepare_home(settings: Settings) -> None:
    """The home is ready: folders, a database server at the right schema, Dagster's instance, dbt's manifest.

    Raises:
        SettingsError, StoreUnavailableError, BuildError: says which part and what to do.
    """
    prepare_store(settings)
    home = settings.home
    (home / "dagster").mkdir(exist_ok=True, mode=0o700)
    if settings.bucket_url:
        open_store(settings.bucket_url, allow_http=settings.bucket_allow_http)  # a wrong endpoint is told here
    else:
        settings.bucket_dir.mkdir(parents=True, exist_ok=True, mode=0o777 if settings.upload_dir else 0o700)
    _ensure_dagster_database(settings)
    os.environ.update(environment(settings))
    instance_file = home / "dagster" / "dagster.yaml"
    if not (instance_file.exists() or os.environ.get(INSTANCE)):
        shutil.copy(PROJECT / "dagster.yaml", instance_file)
    ensure_manifest()


def make_dagster_tables() -> None:
    """Dagster's own tables are there, at this version's schema: before several of its processes start at once."""
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        instance.upgrade()


def prepare_store(settings: Settings) -> None:
    """The part that needs no Dagster: home, vault, a database server at the right schema. Enough for the API.

    Raises:
        SettingsError, StoreUnavailableError: says which part and what to do.
    """
    for folder in (settings.home, settings.vault_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.database_url:
        ensure_server(settings.home)
    engine = open_engine(app_url(settings))
    migrate(engine)
    engine.dispose()


def check_store(settings: Settings) -> int:
    """0 when the database's schema is one that this version works with, else 1; says which. Changes nothing."""
    engine = open_engine(app_url(settings))
    try:
        check_schema(engine)
    except SchemaError as error:
        typer.echo(str(error), err=True)
        return 1
    finally:
        engine.dispose()
    typer.echo("the database's schema is one that this version works with")
    return 0


def environment(settings: Settings) -> dict[str, str]:
    """The variables that every process of this home needs: Dagster, dbt, run workers."""
    url = app_url(settings)
    return {
        **_TELEMETRY_OFF,
        "NURSECONV_HOME": str(settings.home),
        "DAGSTER_HOME": os.environ.get(INSTANCE) or str(settings.home / "dagster"),
        "DAGSTER_DATABASE_URL": dagster_url(settings).render_as_string(hide_password=False),
        # Materialisations are written in groups: half the time per upload, measured.
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", "50"),
        "NURSECONV_DBT_HOST": url.host or "127.0.0.1",
        "NURSECONV_DBT_PORT": str(url.port or 5432),
        "NURSECONV_DBT_USER": url.username or "",
        "NURSECONV_DBT_PASSWORD": url.password or "",
        "NURSECONV_DBT_DBNAME": url.database or "",
        "NURSECONV_DBT_SSLMODE": str(url.query.get("sslmode", "prefer")),
        "NURSECONV_TIMEZONE": settings.timezone,
    }


def ensure_manifest() -> None:
    """dbt's manifest fits the project's files: parsed here, once, never while definitions are imported.

    Raises:
        BuildError: dbt cannot read its project; shows dbt's own last lines, which hold no data.
    """
    target, digest = DBT_PROJECT / "target", _project_digest()
    if _is_parsed(target, digest):  # first without the lock: an image brings the manifest, and cannot be written
        return
    target.mkdir(exist_ok=True)
    with FileLock(target / "parse.lock"):
        if _is_parsed(target, digest):
            return
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-m", "dbt.cli.main", "parse", "--quiet", "--project-dir", DBT_PROJECT,
             "--profiles-dir", DBT_PROJECT],
            capture_output=True, text=True, check=False, env={**os.environ, **_TELEMETRY_OFF},
        )  # fmt: skip
        if done.returncode:
            raise BuildError(f"dbt cannot parse dbt_project: {(done.stdout + done.stderr)[-2000:]}")
        (target / "manifest.sha256").write_text(digest)


def _is_parsed(target: Path, digest: str) -> bool:
    stamp, manifest = target / "manifest.sha256", target / "manifest.json"
    return manifest.exists() and stamp.exists() and stamp.read_text() == digest


def _project_digest() -> str:
    digest = hashlib.sha256()
    for file in sorted(DBT_PROJECT.rglob("*")):
        inside = file.relative_to(DBT_PROJECT)
        if file.is_file() and inside.parts[0] not in ("target", "logs"):
            digest.update(str(inside).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _ensure_dagster_database(settings: Settings) -> None:
    """Dagster's database exists, where it lies on the app's server; the embedded server has made its own."""
    app, url = app_url(settings), dagster_url(settings).set(drivername="postgresql+psycopg")
    if not settings.database_url or (url.host, url.port) != (app.host, app.port):
        return
    engine = open_engine(app).execution_options(isolation_level="AUTOCOMMIT")
    with transaction(engine) as connection:
        found = connection.execute(text("select 1 from pg_database where datname = :name"), {"name": url.database})
        if found.first() is None:
            connection.execute(text(f'create database "{url.database}"'))
    engine.dispose()
