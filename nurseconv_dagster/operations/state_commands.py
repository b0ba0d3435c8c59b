"""`nurseconv migrate` and `nurseconv doctor`: is the home as it must be, and make it so.

What lives here: the two commands, their options and help.
When to add here: an option of one of them.
What to keep out: the work itself (home, doctor, deep_doctor).
"""

from __future__ import annotations

from typing import Annotated

import typer

from nurseconv_dagster.operations.readiness import ready
from nurseconv_dagster.settings import load_settings

commands = typer.Typer()


@commands.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether there is something to do; exit 1 if so.")
    ] = False,
) -> None:
    """Make the home ready: folders, databases, dbt's manifest. Safe to run again, also twice at once."""
    if check:
        from nurseconv_dagster.operations.home import check_store

        raise typer.Exit(check_store(load_settings()))
    from nurseconv_dagster.operations.home import make_dagster_tables

    settings = ready()
    make_dagster_tables()
    typer.echo(f"ready: {settings.home}")


@commands.command()
def doctor(
    definitions: Annotated[bool, typer.Option("--definitions", help="Validate the Dagster definitions too.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read all that is kept: hashes, quotes, audit chain.")] = False,
) -> None:
    """Test each part and say what is wrong and what to do. Exit code 0 when all is well, 1 when not."""
    from nurseconv_dagster.operations.deep_doctor import examine_deep
    from nurseconv_dagster.operations.doctor import examine

    code = examine(load_settings(), definitions=definitions)
    raise typer.Exit(max(code, examine_deep(load_settings()) if deep else 0))
