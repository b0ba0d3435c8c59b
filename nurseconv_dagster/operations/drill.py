"""The restore drill: a backup is only as good as what comes out of it.

What lives here: `drill()`.
When to add here: another figure that the drill should print.
What to keep out: restoring and examining themselves.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from nurseconv_dagster.encryption.ring import ring_of
from nurseconv_dagster.operations.deep_doctor import examine_deep
from nurseconv_dagster.operations.embedded_postgres import stop_server
from nurseconv_dagster.operations.restoring import describe, open_backup, restore
from nurseconv_dagster.settings import Settings


def drill(settings: Settings, file: Path) -> int:
    """The exit code of `doctor --deep` on a home made from this backup, with an embedded Postgres of its own.

    The home lies in the home that was backed up, on a disk that has room, and is removed.
    """
    environment, began = dict(os.environ), time.monotonic()
    with TemporaryDirectory(prefix="drill-", dir=settings.home, ignore_cleanup_errors=True) as folder:
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


def throw_away(settings: Settings, home: Path) -> Settings:
    """The same settings for another home, with databases and a bucket of its own."""
    own = {"nurseconv_home": home, "database_url": "", "dagster_database_url": "", "upload_dir": ""}
    other = settings.model_copy(update=own)
    other.__dict__.pop("home", None)  # worked out before, and copied with the fields
    return other
