"""The `nurseconv` command line: what an operator types.

What lives here: the commands, their help and exit codes. Each calls one module of this room.
When to add here: a new command, three lines that call its module.
What to keep out: the work itself, and heavy imports (a command that only prints help must be quick).

Exit codes: 0 done; 1 done, but not all went well (says what); 2 wrong usage; 3 something must be put right first
(a setting, a missing model); 4 try again later (database away, another command at work).
"""

from __future__ import annotations

import os
import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from nurseconv_dagster.errors import NurseconvError, TransientError, UploadBusyError
from nurseconv_dagster.operations.backup_commands import commands as backup_commands
from nurseconv_dagster.operations.celery_commands import commands as celery_commands
from nurseconv_dagster.operations.containers import commands as container_commands
from nurseconv_dagster.operations.encryption_commands import encryption_app
from nurseconv_dagster.operations.key_commands import keys_app
from nurseconv_dagster.operations.quality_commands import commands as quality_commands
from nurseconv_dagster.operations.readiness import ready
from nurseconv_dagster.operations.state_commands import commands as state_commands
from nurseconv_dagster.settings import HOSTED, load_settings

app = typer.Typer(
    name="nurseconv",
    help=(
        "Recordings of nurse conversations become transcripts, proven answers, scores and reporting tables.\n\n"
        "Start with `nurseconv demo`; then `nurseconv ingest FOLDER` for your own files, `nurseconv up` for the "
        "Dagster UI and the bucket's sensor, `nurseconv export DIR` and `nurseconv url` to get results out.\n\n"
        "Everything is kept in one folder, NURSECONV_HOME (default .nurseconv). Settings: docs/configuration.md."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(quality_commands)
app.add_typer(backup_commands)
app.add_typer(celery_commands)
app.add_typer(container_commands)
app.add_typer(state_commands)
app.add_typer(keys_app, name="keys")
app.add_typer(encryption_app, name="encryption")
audit_app = typer.Typer(help="The log of who did what to which upload.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(audit_app, name="audit")


class Format(StrEnum):
    """Export formats."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    SRT = "srt"
    VTT = "vtt"
    FHIR = "fhir"


class Role(StrEnum):
    """Who a connection string is for."""

    PIPELINE = "pipeline"
    BI = "bi"
    PEOPLE = "people"


class Stage(StrEnum):
    """Where a retry begins."""

    UPLOADS = "uploads"
    TRANSCRIPTIONS = "transcriptions"
    ANSWERS = "answers"
    SCORES = "scores"


def main() -> None:
    """Runs the command line; errors raised on purpose become one sentence and an exit code."""
    if not sys.warnoptions:
        # Libraries' warnings are for those who change this code: python -W or PYTHONWARNINGS shows them.
        warnings.simplefilter("ignore")
        os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        app()
    except NurseconvError as error:
        typer.echo(f"nurseconv: {error}", err=True)
        sys.exit(4 if isinstance(error, TransientError | UploadBusyError) else 3)


@app.command()
def demo(
    home: Annotated[
        Path, typer.Option(help="Where everything is kept; the default is what `nurseconv up` serves.")
    ] = Path(".nurseconv"),
) -> None:
    """From the sample recordings to reporting tables, through the same jobs the daemon runs; then where to look."""
    from nurseconv_dagster.operations.demo import run_demo

    raise typer.Exit(run_demo(home))


@app.command()
def up(
    host: Annotated[
        str, typer.Option(help="Address the Dagster UI listens on; 0.0.0.0 shows it to the whole network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")] = 3000,
) -> None:
    """Serve the Dagster UI with daemon and sensors, and the REST API with its pages (at HOST and PORT).

    Files dropped into the bucket are taken in by themselves.

    Says when each part answers. Runs until Ctrl-C (or SIGTERM, SIGHUP), which ends every part; a second Ctrl-C does not
    wait for them. What was in work goes on at the next start. A part that ends by itself is started again; one that
    ends five times in a row ends everything.

    Exit code 0 after a wished stop; 1 when a part could not be kept alive; 3 when a port is taken or another
    `nurseconv up` serves this home.
    """
    from nurseconv_dagster.operations.serve import serve

    raise typer.Exit(serve(load_settings(), host, port))


@app.command()
def api() -> None:
    """Serve the REST API and the review pages alone, at HOST and PORT with WORKERS processes. No Dagster needed."""
    from nurseconv_dagster.operations.api_server import serve_api
    from nurseconv_dagster.operations.home import prepare_store

    settings = load_settings()
    prepare_store(settings)
    serve_api(settings)


@app.command()
def down() -> None:
    """Stop the embedded Postgres of this home; its data stays."""
    from nurseconv_dagster.operations.embedded_postgres import stop_server

    stopped = stop_server(load_settings().home)
    typer.echo("embedded Postgres stopped" if stopped else "no embedded Postgres was running")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders; sidecars are found beside the files.")],
    wait: Annotated[bool, typer.Option("--wait", help="With a daemon running: wait until all reached an end.")] = False,
) -> None:
    """Take files in. With no daemon running, do all the work here and now, through the same definitions.

    Prints each upload's end state. Exit code 0 when all reached one; 1 when one of the paths held nothing to take in.
    """
    from nurseconv_dagster.operations.ingest import ingest_paths

    raise typer.Exit(ingest_paths(ready(), paths, wait=wait))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Show file names too; they may name a person.")] = False,
    limit: Annotated[int, typer.Option(help="How many uploads to list, newest first.")] = 20,
) -> None:
    """What is where: counts by status, the newest uploads, and the reason for each that failed or was refused."""
    from nurseconv_dagster.operations.status import show_status

    show_status(ready(), as_json=as_json, names=names, limit=limit)


@app.command()
def providers(
    reset: Annotated[str | None, typer.Option(metavar="NAME", help="Ask this provider again, now.")] = None,
) -> None:
    """Who answers: what words leave this machine, what was spent today, and which hosted models are left alone."""
    from nurseconv_dagster.operations.hosted import show_providers
    from nurseconv_dagster.store.engine import app_url, open_engine

    settings = ready()
    if reset is not None and reset not in HOSTED:
        raise typer.BadParameter(f"{reset!r} is no hosted provider; allowed: {', '.join(HOSTED)}")
    engine = open_engine(app_url(settings))
    show_providers(settings, engine, reset)
    engine.dispose()


@app.command()
def reviews(
    unit: Annotated[str | None, typer.Option(help="Only this ward or team.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """What waits for a reviewer, whether two reviewers agree, and whether confidence means what it says."""
    from nurseconv_dagster.operations.reviews import show_reviews

    show_reviews(ready(), unit=unit, as_json=as_json)


@app.command()
def retry(
    upload_id: Annotated[UUID | None, typer.Argument(metavar="ID", help="An id from `nurseconv status`.")] = None,
    stage: Annotated[Stage, typer.Option("--from", help="The first stage to run again.")] = Stage.UPLOADS,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every upload that failed, instead of one.")] = False,
) -> None:
    """Run an upload again. Its old results stay in the store, superseded. With no daemon, the work is done here."""
    from nurseconv_dagster.operations.ingest import retry_uploads

    if (upload_id is None) is not all_failed:
        raise typer.BadParameter("give one ID, or --all-failed")
    raise typer.Exit(retry_uploads(ready(), upload_id, str(stage)))


@app.command()
def erase(
    upload_ids: Annotated[list[UUID], typer.Argument(metavar="ID...", help="Ids from `nurseconv status`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> None:
    """Erase uploads for ever: recording, transcript, answers, reviews, names. Sending one again does not bring it back.

    What stays is that there was an upload, when, and that it was erased. Copies in the bucket are yours to remove.
    """
    from nurseconv_dagster.operations.erasing import erase_uploads

    if not yes:
        typer.confirm(f"Erase {len(upload_ids)} upload(s) for ever? There is no way back.", abort=True)
    erase_uploads(ready(), upload_ids)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Written into; created when missing.")],
    file_format: Annotated[
        Format,
        typer.Option(
            "--format", help="jsonl, csv, parquet: tables. srt, vtt: subtitles. fhir: one R4B bundle a conversation."
        ),
    ],
    include_transcript: Annotated[
        bool, typer.Option("--include-transcript", help="With --format fhir: the transcript's text in the bundle.")
    ] = False,
) -> None:
    """Write current transcripts, answers and scores as files; or subtitles or FHIR, one file a conversation.

    The files hold patients' words: treat them like the recordings. Columns and mappings: docs/exports.md.
    """
    from nurseconv_dagster.operations.export import export_results

    if include_transcript and file_format is not Format.FHIR:
        raise typer.BadParameter("--include-transcript goes with --format fhir; the other formats always hold it")
    for line in export_results(ready(), folder, str(file_format), include_transcript=include_transcript):
        typer.echo(line)


@app.command()
def url(role: Annotated[Role, typer.Option(help="bi sees the marts and nothing else.")] = Role.PIPELINE) -> None:
    """Print the connection string, for psql and BI tools: psql "$(nurseconv url --role bi)"."""
    from nurseconv_dagster.operations.urls import connection_string

    typer.echo(connection_string(ready(), str(role)))


@audit_app.command()
def verify() -> None:
    """Recompute the chain of the audit log. Exit code 0 when every row fits, 1 when one was changed or is missing."""
    from nurseconv_dagster.operations.audit_report import verify_audit

    raise typer.Exit(verify_audit(load_settings()))


if __name__ == "__main__":
    main()
