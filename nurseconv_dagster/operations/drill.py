"""The restore drill: a backup is only as good as what comes out of it.

What lives here: `drill()`, and `remove_leftovers()` of one that was killed.
When to add here: another figure that the drill should print.
What to keep out: restoring and examining themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import typer
from filelock import FileLock, Timeout

from nurseconv_dagster.encryption.ring import ring_of
from nurseconv_dagster.errors import UploadBusyError
from nurseconv_dagster.operations.deep_doctor import examine_deep
from nurseconv_dagster.operations.embedded_postgres import stop_server
from nurseconv_dagster.operations.restoring import describe, open_backup, restore
from nurseconv_dagster.operations.stop_signals import stop_signals
from nurseconv_dagster.settings import Settings

_PREFIX = "drill-"


def drill(settings: Settings, file: Path) -> int:
    """The exit code of `doctor --deep` on a home made from this backup, with an embedded Postgres of its own.

    The home lies in the home that was backed up, on a disk that has room, and is removed: it holds all conversations.
    So a signal to stop stops the drill's server too; what a killed drill has left, the next drill or backup removes.

    Raises:
        UploadBusyError: transient; another drill runs on this home.
    """
    environment, began = dict(os.environ), time.monotonic()
    with (
        _alone(settings.home),
        stop_signals(_interrupt),
        TemporaryDirectory(prefix=_PREFIX, dir=settings.home, ignore_cleanup_errors=True) as folder,
    ):
        try:
            other = throw_away(settings, Path(folder) / "home")
            with open_backup(file, ring_of(settings)) as backup:
                restored = restore(other, file, backup, replace=False)
            describe(restored)
            restored_s = time.monotonic() - began
            code = examine_deep(other)
        finally:
            stop_server(Path(folder) / "home")
            os.environ.clear()
            os.environ.update(environment)
    rate = restored.n_uploads / restored_s
    typer.echo(f"drill      restored in {restored_s:.1f} s ({rate:.0f} uploads/s), all of it tested, and removed again")
    return code


def remove_leftovers(home: Path) -> None:
    """What killed drills have left is gone, and their servers are stopped; nothing is touched while a drill runs."""
    with suppress(UploadBusyError), _alone(home):
        pass


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One drill at a time, that finds nothing of those before it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(home / "drill.lock", timeout=0))
        except Timeout:
            raise UploadBusyError("another drill runs on this home; wait for it.") from None
        for folder in home.glob(f"{_PREFIX}*/"):
            with suppress(OSError, subprocess.SubprocessError):  # its server may have died with its machine
                stop_server(folder / "home")
            shutil.rmtree(folder, ignore_errors=True)
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def throw_away(settings: Settings, home: Path) -> Settings:
    """The same settings for another home, with databases and a bucket of its own."""
    own = {"nurseconv_home": home, "database_url": "", "dagster_database_url": "", "upload_dir": ""}
    other = settings.model_copy(update=own)
    other.__dict__.pop("home", None)  # worked out before, and copied with the fields
    return other
