"""Serving one machine: which parts `nurseconv up` keeps running, how each shows that it is ready, and what is put right
before they start and after they have stopped.

What lives here: `serve()` and the list of parts.
When to add here: another part that `nurseconv up` starts: one entry of `_parts()`.
What to keep out: how parts are kept and ended (supervisor, guard); containers and many machines (docker/).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from filelock import FileLock, Timeout
from sqlalchemy import Engine

from nurseconv_dagster.errors import AlreadyTakenError, StoreUnavailableError
from nurseconv_dagster.operations.addresses import Address, accepts
from nurseconv_dagster.operations.api_server import DRAIN_S, api_command, api_environment, tell_first_key
from nurseconv_dagster.operations.driver import bury_dead_runs, hand_back_work
from nurseconv_dagster.operations.home import prepare_home
from nurseconv_dagster.operations.hosted import describe_privacy
from nurseconv_dagster.operations.stop_signals import stop_signals
from nurseconv_dagster.operations.supervisor import Part, supervise
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.engine import app_url, open_engine

DEFINITIONS = "nurseconv_dagster.definitions"
_OTHER_UI_PORT = "nurseconv up --port {}"
_OTHER_API_PORT = "PORT={} nurseconv up"
# Longer than the guard of an `up` that was killed needs to end its parts.
_REMAINS_END_WITHIN_S = 30.0


def serve(settings: Settings, host: str, port: int) -> int:
    """The exit code: 0 after a wish to stop, 1 when a part could not be kept alive.

    Raises:
        AlreadyTakenError: another `up` serves this home, or something else listens on the address.
        SettingsError, StoreUnavailableError, BuildError: the home cannot be made ready.
    """
    try:
        with stop_signals(signal.default_int_handler), _alone(settings.home) as lock:
            return _serve(settings, Address(host, port), Address(settings.host, settings.port), lock)
    except KeyboardInterrupt:  # asked to stop before the first part was started, or after the last one had ended
        return 0


def _serve(settings: Settings, ui: Address, api: Address, lock: Path) -> int:
    ui.check_free(_OTHER_UI_PORT)
    api.check_free(_OTHER_API_PORT)
    say("preparing the home")
    prepare_home(settings)
    say(f"privacy      {describe_privacy(settings)}")
    say("results      nurseconv status | nurseconv export DIR --format csv | nurseconv url")
    say("stop         Ctrl-C (the embedded Postgres stays; `nurseconv down` stops it)")
    engine = open_engine(app_url(settings))
    if sys.stdout.isatty():  # else it may become a log, and a log must not hold a key
        tell_first_key(settings, engine)
    with TemporaryDirectory(prefix="nurseconv-", ignore_cleanup_errors=True) as folder:
        reason = supervise(_parts(settings, engine, ui, api, Path(folder)), lock, Path(folder), say)
    if reason:
        typer.echo(f"nurseconv: {reason} Everything was stopped; `nurseconv doctor` tests each part.", err=True)
        return 1
    say(_put_right(settings, engine))
    return 0


def _parts(settings: Settings, engine: Engine, ui: Address, api: Address, folder: Path) -> list[Part]:
    """In the order in which they start."""
    code, workspace, level = folder / "code.sock", folder / "workspace.yaml", settings.log_level.lower()
    form = "json" if settings.log_format == "json" else "colored"
    workspace.write_text(f"load_from:\n  - grpc_server:\n      socket: {code}\n      location_name: {DEFINITIONS}\n")
    return [
        Part(
            name="code server",
            command=_dagster(
                "dagster", "api", "grpc", "-m", DEFINITIONS, "-s", code, "--log-level", level, "--log-format", form
            ),
            prepare=partial(bury_dead_runs, settings),
            is_ready=partial(accepts, code),
            is_quiet=True,  # dbt tells every test of every build; the run's page keeps that
        ),
        Part(
            name="Dagster UI",
            command=_dagster(
                "dagster-webserver",
                "-w",
                workspace,
                "-h",
                ui.host,
                "-p",
                ui.port,
                "--dagster-log-level",
                level,
                "--log-format",
                form,
            ),
            needs=("code server",),
            prepare=partial(ui.check_free, _OTHER_UI_PORT),
            is_ready=partial(ui.answers, "/server_info"),
            ready=f"Dagster UI ready at {ui.url}",
        ),
        Part(
            name="API",
            command=tuple(api_command(settings)),
            environment=partial(api_environment, settings),
            prepare=partial(api.check_free, _OTHER_API_PORT),
            is_ready=partial(api.answers, "/ready"),
            ready=f"API and review pages ready at {api.url}",
            patience_s=DRAIN_S + 5.0,
        ),
        Part(
            name="daemon",
            command=_dagster("dagster-daemon", "run", "-w", workspace, "--log-level", level, "--log-format", form),
            needs=("code server",),
            prepare=partial(listings.silence, engine, listings.DAEMON),
            is_ready=partial(_has_beaten, engine),
            ready=f"daemon ready: files dropped into {settings.bucket_url or settings.bucket_dir} are taken in",
        ),
    ]


def _dagster(program: str, *arguments: str | int | Path) -> tuple[str, ...]:
    """The command of one of Dagster's programs, of the environment that this process runs in."""
    return (str(Path(sys.executable).with_name(program)), *map(str, arguments))


def _has_beaten(engine: Engine) -> bool:
    """Whether the daemon has evaluated a sensor of ours since it was started."""
    try:
        return listings.DAEMON in listings.last_beats(engine)
    except StoreUnavailableError:
        return False


def _put_right(settings: Settings, engine: Engine) -> str:
    """What became of the work that a wished stop has cut off."""
    try:
        listings.silence(engine, listings.DAEMON)
        n_uploads = hand_back_work(settings)
    except StoreUnavailableError:
        return "stopped; the database is away: uploads in work go on once their leases have run out"
    return "stopped" + (f"; {n_uploads} uploads in work go on at the next start" if n_uploads else "")


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """Inside, this process alone serves the home; gives the lock that is held until the last part is gone.

    Raises:
        AlreadyTakenError: another `up` serves this home.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    remains = home / "parts.lock"
    try:
        only = FileLock(home / "up.lock").acquire(timeout=0)
    except Timeout:
        raise AlreadyTakenError(
            f"another `nurseconv up` serves {home} already. Stop that one first (Ctrl-C where it runs); for a second "
            "home beside it: NURSECONV_HOME=FOLDER PORT=8010 nurseconv up --port 3010"
        ) from None
    with only:
        _wait_for_remains(remains)
        yield remains


def _wait_for_remains(lock: Path) -> None:
    """The parts of an earlier `up` that was killed are gone; its guard ends them and holds the lock until then."""
    try:
        FileLock(lock).acquire(timeout=0).lock.release()
    except Timeout:
        say("waiting for the parts of an earlier `nurseconv up` to end")
        try:
            FileLock(lock).acquire(timeout=_REMAINS_END_WITHIN_S).lock.release()
        except Timeout:
            raise AlreadyTakenError(
                f"parts of an earlier `nurseconv up` still run after {_REMAINS_END_WITHIN_S:.0f} s: their guard holds "
                f"{lock}. End them, then start again."
            ) from None


def say(line: str) -> None:
    """Shows a line at once; that nobody reads any more (a closed terminal) is no reason to end, or not to end well."""
    try:
        typer.echo(line)
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
