"""The commands of the Celery engine: `nurseconv worker` and `nurseconv flower`.

What lives here: the two commands, their help and exit codes. Each calls one module of this room.
When to add here: a command that only this engine needs.
What to keep out: the work itself, and heavy imports, as in `cli`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from nurseconv_dagster.operations.readiness import ready

commands = typer.Typer()


@commands.command()
def worker(
    queues: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="processing, transcription, qa_extraction, scoring, maintenance, high_priority; or all of them: all.",
        ),
    ],
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Stages at once, a process each. Default: CELERY_WORKER_CONCURRENCY; 1 with Whisper."
        ),
    ] = None,
) -> None:
    """Do stages that runs put into these queues of Redis, until told to stop. Needs REDIS_URL.

    Usual: nurseconv worker --queues transcription, and beside it
    nurseconv worker --queues processing,qa_extraction,scoring,maintenance

    A worker that listens to transcription or high_priority loads Whisper with its first recording and keeps it: one
    stage at a time is the default there. Every queue needs a worker, or its stages wait. high_priority needs none:
    where a worker listens to it, urgent uploads go there and wait behind no other.

    Ctrl-C or SIGTERM: takes no more, finishes what it has in hand, ends. Twice, or SIGKILL: ends at once; what it had
    in hand runs again elsewhere. All machines need the same database, home (or its vault) and settings.

    Exit code 0 after a wished stop; 2 for a queue that does not exist; 3 without REDIS_URL.
    """
    from nurseconv_dagster.automation.queues import QUEUES
    from nurseconv_dagster.operations.celery_worker import work

    chosen = QUEUES if queues == "all" else tuple(name.strip() for name in queues.split(",") if name.strip())
    unknown = [name for name in chosen if name not in QUEUES]
    if unknown or not chosen:
        raise typer.BadParameter(f"{', '.join(unknown) or 'nothing'} is no queue; allowed: {', '.join(QUEUES)}, or all")
    raise typer.Exit(work(ready(), chosen, concurrency))


@commands.command()
def flower(
    host: Annotated[str, typer.Option(help="Address the page listens on; 0.0.0.0 is the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 5555,
    user: Annotated[str, typer.Option(help="The name to log in with.")] = "nurseconv",
) -> None:
    """Serve Flower, the page that shows Celery's queues and workers, behind FLOWER_PASSWORD. Needs REDIS_URL.

    It shows ids of runs and uploads, no words and no names. Its password travels as it is: put TLS before it.

    Exit code 3 without REDIS_URL or FLOWER_PASSWORD: there is no default password.
    """
    from nurseconv_dagster.operations.celery_worker import serve_flower

    serve_flower(ready(), host, port, user)
