"""`nurseconv backup` and `nurseconv restore`.

What lives here: the commands, their help, what they print.
When to add here: an option of one of them.
What to keep out: the work itself (backing_up, restoring, drill).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nurseconv_dagster.operations.readiness import ready
from nurseconv_dagster.settings import load_settings

commands = typer.Typer()


@commands.command()
def backup(
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of this home's backups alone; the default is backups/ in it.")
    ] = None,
    keep_days: Annotated[int, typer.Option(min=0, help="Older backups are removed; the new one stays.")] = 7,
    drill: Annotated[
        bool, typer.Option("--drill", help="Restore it into a throw-away home at once, and test everything there.")
    ] = False,
) -> None:
    """Back the home up while it works: rows of one moment, and every recording once, however many backups there are.

    With ENCRYPTION_KEY_FILE the backup is encrypted; the key is not in it. Exit code 1 when something that a row needs
    was missing in the vault: the backup holds all the rest.
    """
    from nurseconv_dagster.operations.backing_up import back_up, default_folder, same_disk
    from nurseconv_dagster.operations.drill import remove_leftovers

    settings = ready()
    remove_leftovers(settings.home)
    folder = (to or default_folder(settings)).expanduser()
    made = back_up(settings, folder, keep_days)
    typer.echo(f"backup     {made.file}")
    typer.echo(
        f"           {made.n_objects} objects, {made.n_new} of them new; {made.n_bytes / 1e6:.1f} MB in all; "
        f"{made.n_removed} older backups removed"
    )
    if not made.is_sealed:
        typer.echo("note       not encrypted: ENCRYPTION_KEY_FILE is empty. Guard the folder like the home.", err=True)
    if same_disk(settings, folder):
        typer.echo("note       the folder lies on the home's own disk, and would be lost with it.", err=True)
    if made.n_missing:
        typer.echo(f"WRONG      {made.n_missing} objects are missing or damaged: `nurseconv doctor --deep`", err=True)
    if drill:
        from nurseconv_dagster.operations.drill import drill as run_drill

        raise typer.Exit(run_drill(settings, made.file) or bool(made.n_missing))
    raise typer.Exit(bool(made.n_missing))


@commands.command()
def restore(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A backup.", show_default=False)] = None,
    latest: Annotated[bool, typer.Option("--latest", help="The newest backup of --from.")] = False,
    *,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="With --latest; the default is backups/ in the home.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The home is not empty: what is newer than the backup is lost.")
    ] = False,
    without_damaged: Annotated[
        bool,
        typer.Option("--without-damaged", help="Leave damaged recordings out, and say which uploads they were of."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> None:
    """Make the home from a backup. What was erased since stays erased. Stop `nurseconv up` first.

    Everything in the backup is verified before anything is touched. The Postgres may be another version than the one
    that the backup was made on, and the product a newer one.
    """
    from nurseconv_dagster.encryption.ring import ring_of
    from nurseconv_dagster.operations.backing_up import default_folder
    from nurseconv_dagster.operations.restoring import describe, newest_backup, open_backup
    from nurseconv_dagster.operations.restoring import restore as run_restore

    if (file is None) is not latest:
        raise typer.BadParameter("give one FILE, or --latest")
    settings = load_settings()
    path = file or newest_backup((source or default_folder(settings)).expanduser())
    with open_backup(path, ring_of(settings), without_damaged=without_damaged) as found:
        state = f"{len(found.damaged)} of them DAMAGED" if found.damaged else "whole"
        typer.echo(f"backup     {path}, of {found.manifest.made_at}, {len(found.manifest.objects)} objects, {state}")
        if replace and not yes:
            typer.confirm(f"Replace all that {settings.home} and its database hold by this backup?", abort=True)
        describe(run_restore(settings, path, found, replace=replace))
