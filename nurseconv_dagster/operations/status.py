"""What is where, for people and scripts.

What lives here: `show_status()`.
When to add here: a fact that an operator looks for first.
What to keep out: tests of parts (doctor).
"""

from __future__ import annotations

import json
from typing import Any

import typer

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import listings, reporting
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.receipts import list_waiting

_SHOWN = ("id", "status", "stage", "kind", "duration_s", "unit", "attempt", "error_code", "error_message", "created_at")

_RECEIPT = ("id", "upload_id", "source", "received_at", "received_by", "unit")
_MOST_RECEIPTS = 200


def show_status(settings: Settings, *, as_json: bool, names: bool, limit: int) -> None:
    """Prints counts by status, whether a daemon runs, and the newest uploads with their reasons."""
    facts = read_status(settings, names=names, limit=limit)
    if as_json:
        typer.echo(json.dumps(facts, default=str))
        return
    counts = ", ".join(f"{count} {status}" for status, count in sorted(facts["counts"].items()))
    typer.echo(f"uploads      {counts or 'none yet'}")
    typer.echo(f"marts        {'up to date' if facts['marts_are_current'] else 'changes are waiting for a build'}")
    typer.echo(f"daemon       {'running' if facts['daemon_is_alive'] else 'not running (start it: nurseconv up)'}")
    if facts["receipts_awaiting_review"]:
        typer.echo(f"receipts     {len(facts['receipts_awaiting_review'])} wait for an admin: GET /api/v1/receipts")
    for row in facts["uploads"]:
        length = f"{row['duration_s']:.0f} s" if row["duration_s"] is not None else row["kind"]
        line = [str(row["id"]), f"{row['status']:<10}", f"{row['stage']:<14}", f"{length:>7}", row["unit"] or "-"]
        typer.echo("  ".join([*line, *([row["original_filename"]] if names else [])]))
        if row["error_code"]:
            typer.echo(f"    {row['error_code']}: {row['error_message']}")


def read_status(settings: Settings, *, names: bool, limit: int) -> dict[str, Any]:
    """The same as data: counts, signs of life, rows."""
    engine = open_engine(app_url(settings))
    columns = (*_SHOWN, "original_filename") if names else _SHOWN
    rows = listings.list_uploads(engine, limit=limit)
    with transaction(engine) as connection:
        receipts = list_waiting(connection, limit=_MOST_RECEIPTS)
    facts = {
        "counts": listings.count_by_status(engine),
        "marts_are_current": reporting.oldest_unreported_s(engine) is None,
        "daemon_is_alive": listings.daemon_is_alive(engine, settings.reconcile_every_s),
        # what the sidecars say stays out: it may name a person
        "receipts_awaiting_review": [{name: getattr(row, name) for name in _RECEIPT} for row in receipts],
        "uploads": [{name: getattr(row, name) for name in columns} for row in rows],
    }
    engine.dispose()
    return facts
