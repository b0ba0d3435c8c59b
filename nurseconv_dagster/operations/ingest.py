"""Taking files in from the command line, and waiting or working until each has reached its end.

What lives here: `ingest_paths()`, `retry_uploads()`, `work_or_wait()`.
When to add here: what an operator sees while files are taken in.
What to keep out: the door (intake) and the work itself (driver).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from nurseconv_dagster.intake.arrivals import Accepted
from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.operations.hosted import describe_privacy
from nurseconv_dagster.operations.watch import watching
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.engine import app_url, open_engine

ENDS = ("completed", "failed", "rejected", "cancelled", "erased")
_POLL_S = 1.0


def ingest_paths(settings: Settings, paths: Sequence[Path], *, wait: bool) -> int:
    """The exit code: 0 when every file reached an end (or was handed to the daemon), 1 when a path held nothing."""
    store = StoreResource()
    intake = IntakeResource(store=store)
    accepted: list[tuple[Path, Accepted]] = []
    n_empty = 0
    if settings.hosted_providers:
        typer.echo(describe_privacy(settings))
    for path in paths:
        found = list(intake.arrivals_at(path))
        if not found:
            n_empty += 1
            typer.echo(
                f"{path}: nothing to take in here (no such file, or only sidecars and unfinished files)", err=True
            )
        accepted += [(arrival.path, intake.accept(arrival)) for arrival in found]
    work_or_wait(settings, store.engine, [item.upload_id for _, item in accepted], wait=wait)
    _print_ends(store.engine, accepted)
    return 1 if n_empty else 0


def retry_uploads(settings: Settings, upload_id: UUID | None, stage: str) -> int:
    """The exit code. With no id, every upload that failed."""
    engine = open_engine(app_url(settings))
    ids = [upload_id] if upload_id else [row.id for row in listings.list_uploads(engine) if row.status == "failed"]
    for chosen in ids:
        listings.ask_restart(engine, chosen, stage, "cli")
    work_or_wait(settings, engine, ids, wait=True)
    for row in listings.list_uploads(engine, ids=ids):
        typer.echo(f"{row.id}  {row.status}" + (f"  {row.error_code}: {row.error_message}" if row.error_code else ""))
    return 0


def work_or_wait(settings: Settings, engine: Engine, ids: Sequence[UUID], *, wait: bool) -> None:
    """Does all the work when no daemon runs; with one, waits for these uploads when asked to."""
    if not listings.daemon_is_alive(engine, settings.reconcile_every_s):
        with watching(engine):
            driven = drive(settings)
        if not driven.is_reported:
            typer.echo("the reporting tables could not be built; `nurseconv doctor`, then `nurseconv up`", err=True)
    elif wait:
        _wait(engine, ids)


def _wait(engine: Engine, ids: Sequence[UUID]) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("waiting for the daemon", total=len(set(ids)))
        while True:
            rows = listings.list_uploads(engine, ids=ids)
            n_ended = sum(row.status in ENDS and row.restart_from is None for row in rows)
            progress.update(task, completed=n_ended)
            if n_ended == len(rows):
                return
            time.sleep(_POLL_S)


def _print_ends(engine: Engine, accepted: Sequence[tuple[Path, Accepted]]) -> None:
    rows = {row.id: row for row in listings.list_uploads(engine, ids=[item.upload_id for _, item in accepted])}
    for path, item in accepted:
        row = rows[item.upload_id]
        note = "" if item.disposition in ("accepted", "refused") else f" ({item.disposition})"
        typer.echo(f"{row.status:<10} {row.id}  {path}{note}")
        reason = item.refusal.message if item.refusal else row.error_message
        if reason:
            typer.echo(f"           {row.error_code or (item.refusal and item.refusal.code)}: {reason}")
