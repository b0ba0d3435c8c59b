"""`nurseconv encryption`: the ring of keys that recordings, transcripts and backups are encrypted with.

What lives here: the commands new-key, status, rotate.
When to add here: what an operator does with the ring.
What to keep out: keys of the API (key_commands); how a thing is sealed (encryption); sealing it anew (resealing).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from nurseconv_dagster.operations.readiness import ready
from nurseconv_dagster.settings import load_settings

encryption_app = typer.Typer(
    help=(
        "Encryption at rest: the ring of keys in ENCRYPTION_KEY_FILE.\n\n"
        "The newest key encrypts, all of them decrypt. Keep a copy of the file where no backup lies: without it nobody "
        "can read what it has encrypted. (Keys of the REST API are something else: `nurseconv keys`.)"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@encryption_app.command("new-key")
def new_key(
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Made when missing; the default is ENCRYPTION_KEY_FILE."),
    ] = None,
    if_none: Annotated[bool, typer.Option("--if-none", help="Only where the ring has no key yet.")] = False,
) -> None:
    """Add a key to the ring; everything written from now on is encrypted with it. Then run `encryption rotate`."""
    from nurseconv_dagster.encryption.ring import add_key

    path = file or load_settings().encryption_key_file
    if if_none and (path is None or path.expanduser().exists()):
        typer.echo("nothing to do: ENCRYPTION_KEY_FILE is empty" if path is None else "the ring is there")
        return
    if path is None:
        raise typer.BadParameter("ENCRYPTION_KEY_FILE is empty; name the ring's file: --file FILE")
    key = add_key(path.expanduser(), datetime.now(UTC))
    typer.echo(f"key {key.id} is the newest one of {path}")
    typer.echo("Copy the file to where no backup lies, now: what it encrypts is lost without it.", err=True)


@encryption_app.command()
def status() -> None:
    """Which keys there are, and how much is encrypted with which, in the home and beside its newest backup.

    A key may go when nothing is left under it. Other folders of backups are not looked at.
    """
    from nurseconv_dagster.encryption.ring import ring_of
    from nurseconv_dagster.operations.resealing import count_by_key
    from nurseconv_dagster.store.tombstones import backup_folder

    settings = ready()
    ring = ring_of(settings)
    for key in ring.keys:
        newest = "  the newest: it encrypts" if key is ring.newest else ""
        typer.echo(f"key {key.id}  made {key.made_at:%Y-%m-%d %H:%M}{newest}")
    if not ring.keys:
        typer.echo("no ring: ENCRYPTION_KEY_FILE is empty, and nothing is encrypted from now on")
    for what, counts in count_by_key(settings).items():
        told = ", ".join(f"{n} {f'with {key}' if key else 'not encrypted'}" for key, n in sorted(counts.items()))
        typer.echo(f"{what:<12} {told or 'none'}")
    folder = backup_folder(settings.home)
    if folder is None or not folder.is_dir():
        typer.echo(
            f"{'backups':<12} not counted: {'there is none' if folder is None else f'{folder} is not mounted here'}"
        )


@encryption_app.command()
def rotate(
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many; the next call goes on.")] = None,
) -> None:
    """Encrypt with the newest key what is not, while everything goes on working. Interrupted, it goes on next time.

    Exit code 1 when something is left: somebody works on it, the limit was reached, a process does not know the newest
    key yet, or something could not be read (doctor --deep). Keep the older keys then.
    """
    from nurseconv_dagster.operations.resealing import reseal

    raise typer.Exit(reseal(ready(), limit))
