"""Serving one machine: the Dagster UI, daemon, sensors and code server, supervised by `dagster dev`.

What lives here: `serve()`.
When to add here: another part that `nurseconv up` starts.
What to keep out: containers and many machines (docker/).
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import typer

from nurseconv_dagster.operations.driver import bury_dead_runs
from nurseconv_dagster.operations.home import PROJECT, environment
from nurseconv_dagster.operations.hosted import describe_privacy
from nurseconv_dagster.settings import Settings


def serve(settings: Settings, host: str, port: int) -> None:
    """Replaces this process by Dagster's own supervisor of webserver, daemon and code server.

    Ctrl-C or SIGTERM ends all of them.
    """
    from dagster import DagsterInstance

    os.environ.update(environment(settings))
    with DagsterInstance.get() as instance:
        bury_dead_runs(settings, instance)
    typer.echo(f"Dagster UI   http://{host}:{port}")
    typer.echo(f"drop files   {settings.bucket_dir}")
    typer.echo(f"privacy      {describe_privacy(settings)}")
    typer.echo("results      nurseconv status | nurseconv export DIR --format csv | nurseconv url")
    typer.echo("stop         Ctrl-C (the embedded Postgres stays; `nurseconv down` stops it)", err=False)
    sys.stdout.flush()
    # A shell without job control (a script's `nurseconv up &`) starts its children with Ctrl-C ignored. Dagster takes
    # SIGINT's disposition over for SIGTERM and ends its parts by SIGINT: none of them would ever stop.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.execv(  # noqa: S606 - our own interpreter's dagster
        dagster,
        [
            dagster,
            "dev",
            "-w",
            str(PROJECT / "workspace.yaml"),
            "-h",
            host,
            "-p",
            str(port),
            "--log-level",
            settings.log_level.lower(),
        ],
    )
