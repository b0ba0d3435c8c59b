"""Serving the REST API: uvicorn with its workers, and the first key.

What lives here: `api_command()`, `api_environment()`, `serve_api()`, `first_key()`.
When to add here: an option of the server.
What to keep out: the API itself (api); the parts that `nurseconv up` starts beside it (`serve`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer
from sqlalchemy import Engine

from nurseconv_dagster import api
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, open_engine
from nurseconv_dagster.store.keys import list_keys, make_key

# Its own lines are written as ours are, those of the process that keeps the workers included.
_LOG_CONFIG = Path(api.__file__).with_name("uvicorn_logs.json")
DRAIN_S = 20
"""How long requests that are under way may take once the server is told to end."""


def serve_api(settings: Settings) -> None:
    """Replaces this process by uvicorn and its workers; Ctrl-C or SIGTERM ends them once requests are answered."""
    engine = open_engine(app_url(settings))
    if sys.stdout.isatty():  # what a container prints is kept as a log, and a log must not hold a key
        tell_first_key(settings, engine)
    elif not list_keys(engine):
        typer.echo("no key yet   nurseconv keys make local --scope admin")
    engine.dispose()
    typer.echo(f"REST API     http://{settings.host}:{settings.port}/docs")
    sys.stdout.flush()
    os.environ.update(api_environment(settings))
    command = api_command(settings)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter


def api_command(settings: Settings) -> list[str]:
    """The command line of the server, for whoever supervises it."""
    return [
        sys.executable, "-m", "nurseconv_dagster.operations.api_process",
        "nurseconv_dagster.api.app:from_environment", "--factory",
        "--host", settings.host, "--port", str(settings.port), "--workers", str(settings.workers),
        "--log-level", settings.log_level.lower(), "--log-config", str(_LOG_CONFIG), "--no-access-log",
        "--no-server-header", "--timeout-graceful-shutdown", str(DRAIN_S),
    ]  # fmt: skip


def api_environment(settings: Settings) -> dict[str, str]:
    """The variables that the workers need beside the settings' own."""
    return {"NURSECONV_HOME": str(settings.home)}


def first_key(engine: Engine) -> str | None:
    """An admin's key for this machine, if no key was ever made; else null."""
    return None if list_keys(engine) else make_key(engine, "local", scopes=["admin"], actor="cli")


def tell_first_key(settings: Settings, engine: Engine) -> None:
    """Prints the first key, if none was ever made, with a line that uses it: the one time that it can be shown."""
    key = first_key(engine)
    if key is not None:
        typer.echo(f"your key     {key}")
        typer.echo(
            f'try          curl -H "Authorization: Bearer {key}" http://{settings.host}:{settings.port}/api/v1/uploads'
        )
        typer.echo("             It is shown this once; `nurseconv keys` makes more, with less reach.")
