"""A Celery worker on this machine, with its sign of life; and Flower, the page that watches all of them.

What lives here: `work()` and `serve_flower()`.
When to add here: an option that only a worker needs.
What to keep out: what Celery is told on both sides (automation.celery_app), what a stage does (resources.stages).
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.errors import SettingsError, StoreUnavailableError
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, open_engine
from nurseconv_dagster.store.workers import BEAT_EVERY_S, beat_worker, forget_worker

if TYPE_CHECKING:
    from celery import Celery

# Celery's worker sends an event through Redis every 2 s.
_REACHED_WITHIN_S = 10.0


def work(settings: Settings, queues: tuple[str, ...], concurrency: int | None) -> int:
    """The exit code, once a wish has ended the worker.

    Args:
        queues: those it listens to.
        concurrency: stages at once; null for the setting, and one where Whisper may be loaded.

    Raises:
        SettingsError: no REDIS_URL.
        PermanentError: the extra `servers` is not installed.
    """
    import nurseconv_dagster.definitions  # noqa: F401 - once, here: the processes that do the stages are forked from it
    from nurseconv_dagster.automation.celery_app import open_app, register_stage_task
    from nurseconv_dagster.automation.queues import WITH_WHISPER

    _need_redis(settings)
    n_at_once = concurrency or (1 if WITH_WHISPER & set(queues) else settings.celery_worker_concurrency)
    app = open_app(settings)
    register_stage_task(app)
    # A stage's result is worth a long wait for Redis: without it the run would not learn of the stage's end.
    app.conf.result_backend_transport_options["retry_policy"] = {"max_retries": 600, "interval_max": 1}
    _show_life(app, settings, frozenset(queues))
    app.worker_main([
        "worker", "--queues", ",".join(queues), "--concurrency", str(n_at_once),
        "--hostname", worker_name(queues), "--loglevel", settings.log_level,
    ])  # fmt: skip
    return 0


def worker_name(queues: tuple[str, ...]) -> str:
    """By Celery's pattern, new at each start: a container's next process has the pid and the host of its last one."""
    return f"{queues[0]}-{secrets.token_hex(4)}@%h"


def serve_flower(settings: Settings, host: str, port: int, user: str) -> None:
    """Flower, until a wish ends it; on our app: what reads the queues must hide a message as long as workers do.

    Raises:
        SettingsError: no REDIS_URL, or no FLOWER_PASSWORD.
        PermanentError: the extra `servers` is not installed.
    """
    _need_redis(settings)
    password = settings.flower_password.get_secret_value()
    if not password:
        raise SettingsError(
            "FLOWER_PASSWORD is empty, and there is no default: set one of 16 characters or more, "
            "in the environment, in .env or as a mounted secret."
        )
    from nurseconv_dagster.automation.celery_app import open_app

    # By the environment: what stands on a command line can be read by everybody on the machine.
    os.environ["FLOWER_BASIC_AUTH"] = f"{user}:{password}"
    open_app(settings).start(["flower", f"--address={host}", f"--port={port}", "--logging=warning"])


def _need_redis(settings: Settings) -> None:
    if not settings.has_celery:
        raise SettingsError(
            "REDIS_URL is empty: each run does its stages itself, and there is nothing for this command to do. "
            "Set it to the Redis of the Celery engine, such as redis://:password@redis:6379/0."
        )


def _show_life(app: Celery, settings: Settings, queues: frozenset[str]) -> None:
    """While the worker lives it beats in the ledger's database, and says whether it reaches Redis."""
    from celery import signals

    engine = open_engine(app_url(settings), pool_size=1)
    over, sent_at, names = threading.Event(), [float("-inf")], [""]

    def beat() -> None:
        while True:
            reaches_redis = time.monotonic() - sent_at[0] < _REACHED_WITHIN_S
            with suppress(StoreUnavailableError):
                beat_worker(engine, names[0], queues, reaches_redis=reaches_redis)
            if over.wait(BEAT_EVERY_S):
                break
        with suppress(StoreUnavailableError):
            forget_worker(engine, names[0])

    def begin(sender: Any, **_: Any) -> None:
        names[0] = str(sender.hostname)
        threading.Thread(target=beat, name="beat", daemon=True).start()

    def note_sent(**_: Any) -> None:
        sent_at[0] = time.monotonic()

    signals.worker_ready.connect(begin, weak=False)
    signals.heartbeat_sent.connect(note_sent, weak=False)
    signals.worker_shutdown.connect(lambda **_: over.set(), weak=False)
