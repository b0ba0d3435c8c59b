"""`nurseconv keys`: who may use the API.

What lives here: the commands make, list, rotate, revoke.
When to add here: what an operator does with a key.
What to keep out: how keys are kept (`store.keys`).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from nurseconv_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from nurseconv_dagster.store.keys import Key

keys_app = typer.Typer(
    help=(
        "Keys of the REST API and the review pages: make, list, rotate, revoke.\n\n"
        "A key has scopes (what it may do: upload, read, review; admin is all of them and more) and units (what it "
        "sees). One without a unit to see needs the scope admin."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="12 digits, from `nurseconv keys list`.")]


class Scope(StrEnum):
    """What a key may do."""

    UPLOAD = "upload"
    READ = "read"
    REVIEW = "review"
    ADMIN = "admin"


@keys_app.command()
def make(
    label: Annotated[str, typer.Argument(help="Who will use it: a system, a person's function. No names.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; give it several times for several.")],
    unit: Annotated[
        list[str] | None, typer.Option(help="A unit it sees; several times for several, '*' for all.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="DAYS|DATE", help="90d, or 2027-01-31 (its midnight in TIMEZONE). Never if left out."),
    ] = None,
) -> None:
    """Make a key and print it, this once: KEY=$(nurseconv keys make lab --scope upload --unit A)."""
    from nurseconv_dagster.store.keys import make_key

    settings, engine = _open()
    expires_at = _moment(expires, settings) if expires else None
    typer.echo(make_key(engine, label, scopes=scope, units=unit or (), expires_at=expires_at, actor="cli"))
    typer.echo("This is the whole key. It is not stored and cannot be shown again.", err=True)


@keys_app.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for scripts.")] = False) -> None:
    """List all keys: their reach, whether they count, and when they were last used (to the minute)."""
    from nurseconv_dagster.store.keys import list_keys

    _, engine = _open()
    keys = list_keys(engine)
    if as_json:
        typer.echo(json.dumps([_facts(key) for key in keys], default=str))
        return
    for key in keys:
        used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
        units = "everything" if "admin" in key.scopes else ",".join(sorted(key.units))
        typer.echo(f"{key.id}  {_state(key):<8}  {','.join(sorted(key.scopes)):<20}  {units:<16}  {used}  {key.label}")
    if not keys:
        typer.echo("no keys yet; `nurseconv keys make LABEL --scope read --unit A` makes one")


@keys_app.command()
def rotate(key_id: KeyId) -> None:
    """Give a key a new secret and print it, this once; the old one is refused from now on."""
    from nurseconv_dagster.store.keys import rotate_key

    _, engine = _open()
    typer.echo(rotate_key(engine, key_id, "cli"))
    typer.echo("This is the whole key. The one before it is refused from now on.", err=True)


@keys_app.command()
def revoke(key_id: KeyId) -> None:
    """Refuse a key from now on, for good; sessions that were opened with it end."""
    from nurseconv_dagster.store.keys import revoke_key

    _, engine = _open()
    revoke_key(engine, key_id, "cli")
    typer.echo(f"{key_id} is revoked")


def _open() -> tuple[Settings, Engine]:
    from nurseconv_dagster.operations.home import prepare_store
    from nurseconv_dagster.store.engine import app_url, open_engine

    settings = load_settings()
    prepare_store(settings)
    return settings, open_engine(app_url(settings))


def _moment(text: str, settings: Settings) -> datetime:
    days = re.fullmatch(r"(\d{1,4})d", text)
    if days:
        return datetime.now(UTC) + timedelta(days=int(days[1]))
    try:
        moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=settings.zone)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a number of days such as 90d nor a date such as 2027-01-31"
        ) from None
    if moment <= datetime.now(UTC):
        raise typer.BadParameter(f"{text} is over")
    return moment


def _facts(key: Key) -> dict[str, object]:
    facts = {**asdict(key), "scopes": sorted(key.scopes), "units": sorted(key.units), "state": _state(key)}
    del facts["secret_sha256"]
    return facts


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= datetime.now(UTC) else "good"
