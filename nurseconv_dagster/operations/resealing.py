"""Everything sealed with the newest key: words and objects, in bounded steps, while the home works.

What lives here: `reseal()` and `count_by_key()`.
When to add here: another kind of thing that is sealed.
What to keep out: the form of sealed things (encryption).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import typer
from sqlalchemy import Engine

from nurseconv_dagster.encryption.ring import ring_of
from nurseconv_dagster.errors import SealedError, SettingsError, VaultUnavailableError
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.operations import backup_files
from nurseconv_dagster.operations.progress import counted
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit, resealing
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.erasure import exclusively
from nurseconv_dagster.store.tombstones import backup_folder


def reseal(settings: Settings, limit: int | None = None) -> int:
    """The exit code: 0 when all is sealed with the newest key, 1 when something is left.

    Args:
        settings: of the home.
        limit: stop after so many rows and objects.

    Raises:
        SettingsError: permanent; there is no ring.
        SealedError: permanent; a key is missing, or a row of words was changed.
    """
    ring = ring_of(settings)
    if ring.newest is None:
        raise SettingsError(
            "ENCRYPTION_KEY_FILE is empty; make a ring first: `nurseconv encryption new-key --file FILE`"
        )
    engine, vault = open_engine(app_url(settings)), vault_of(settings)
    n_done = n_bad = 0
    steps = _steps(settings, engine, vault, ring.newest.id, min(limit or resealing.STEP_ROWS, resealing.STEP_ROWS))
    for outcome in counted(steps, "rows and objects looked at"):
        n_done += outcome is True
        n_bad += outcome is False
        if limit is not None and n_done >= limit:
            break
    with transaction(engine) as connection:
        audit.record(connection, "cli", "encryption.rotated", ring.newest.id, {"n_done": n_done, "n_unreadable": n_bad})
    engine.dispose()
    typer.echo(f"{n_done} rows and objects are encrypted with {ring.newest.id} now; {n_bad} could not be read")
    n_left = _count_left(settings, ring.newest.id)
    if n_left:
        typer.echo(f"{n_left} are not yet: keep the older keys, wait for what is at work, and rotate again", err=True)
    return 1 if n_left else 0


def _count_left(settings: Settings, newest_id: str) -> int:
    """Rows and objects of the home that another key has sealed, or none.

    Rows that somebody works on were passed by, and a process that does not know the newest key yet seals with an older.
    """
    return sum(counts.total() - counts[newest_id] for counts in _count_home(settings).values())


def count_by_key(settings: Settings) -> dict[str, Counter[str]]:
    """How many rows of words and how many objects are sealed with which key; under the empty id those that are not.

    The folder of the newest backup is counted too, where it is mounted.
    """
    counts = _count_home(settings)
    folder = backup_folder(settings.home)
    if folder is not None and folder.is_dir():
        counts["backups"] = backup_files.count_by_key(folder)
    return counts


def _count_home(settings: Settings) -> dict[str, Counter[str]]:
    engine, vault = open_engine(app_url(settings)), vault_of(settings)
    texts = resealing.count_texts(engine)
    engine.dispose()
    keys = counted(list(vault.object_keys()), "objects looked at")
    return {"texts": texts, "recordings": Counter(vault.sealed_with(key) or "" for key in keys)}


def _steps(settings: Settings, engine: Engine, vault: FileVault, key_id: str, max_rows: int) -> Iterator[bool | None]:
    """For each row and object: true when it was sealed anew, null when it was right already, false when unreadable."""
    while n_rows := resealing.reseal_step(engine, ring_of(settings), max_rows):
        yield from [True] * n_rows
    for key in vault.object_keys():
        yield _reseal_object(engine, vault, key, key_id)


def _reseal_object(engine: Engine, vault: FileVault, key: str, key_id: str) -> bool | None:
    """An object is written anew under its own name at once; an erasure of it waits, so that it does not come back."""
    with exclusively(engine, key):
        if not vault.holds(key) or vault.sealed_with(key) == key_id:
            return None
        try:
            with vault.open(key) as content:
                vault.put_content(content, key.rsplit("/", 1)[-1])
        except (VaultUnavailableError, SealedError) as error:
            if error.code in ("source_changed", SealedError.code):
                return False
            raise
        return True
