"""A home made from a backup: rows, objects, secrets; what was erased since stays erased.

What lives here: `open_backup()`, which looks at everything and touches nothing, and `restore()`.
When to add here: something that a restored home must be told.
What to keep out: the form of the file (backup_files); making a backup (backing_up).

In this order, so that a restore that is killed leaves the database as it was, or is done: the list of erased uploads,
the objects (which harm nobody), then rows, erasures and revision in one transaction, then what can be made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import typer
from filelock import FileLock, Timeout
from sqlalchemy import Engine

from nurseconv_dagster.encryption.ring import Ring, ring_of
from nurseconv_dagster.errors import BackupError, SealedError, UploadBusyError, VaultUnavailableError
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.operations import backup_files
from nurseconv_dagster.operations.backing_up import HOME_FILES
from nurseconv_dagster.operations.backup_files import BackupReader
from nurseconv_dagster.operations.embedded_postgres import ensure_server
from nurseconv_dagster.operations.home import prepare_home
from nurseconv_dagster.operations.partitions import add_partitions
from nurseconv_dagster.operations.progress import counted
from nurseconv_dagster.operations.urls import connection_string
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit, dumps, listings, survey
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.erasure import TOMBSTONES, finish_erasures, replay_erasures
from nurseconv_dagster.store.schema import revision_of
from nurseconv_dagster.store.tombstones import add_lines, erased_ids, read_lines


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to.

    Args:
        n_uploads: in the ledger now.
        n_objects: objects in the vault.
        n_erased: uploads of the backup that were erased again, because a list of erased uploads names them.
        n_removed: objects of the home as it was before, that no row names any more.
        n_partitions: partitions that Dagster knows.
        strange_tables: tables of the backup that were left out, because they are none of ours.
        without_recording: uploads whose recording or text is in no vault: their rows are there all the same.
    """

    n_uploads: int
    n_objects: int
    n_erased: int
    n_removed: int
    n_partitions: int
    strange_tables: tuple[str, ...]
    without_recording: tuple[UUID, ...]


def newest_backup(folder: Path) -> Path:
    """The newest whole backup of a folder.

    Raises:
        BackupError: permanent; there is none.
    """
    found = backup_files.list_backups(folder)
    if not found:
        raise BackupError(f"{folder} holds no backup; name the folder that `nurseconv backup` wrote into.")
    return found[-1]


@contextmanager
def open_backup(path: Path, ring: Ring, *, without_damaged: bool = False) -> Iterator[BackupReader]:
    """A backup of which every member and every object is right; nothing was touched.

    Args:
        path: of the backup's file.
        ring: opens it.
        without_damaged: objects that are missing or damaged are left out, instead of all of it being refused.

    Raises:
        BackupError, SealedError: permanent; it is damaged, incomplete, or sealed with a key that is missing.
    """
    kept = FileVault(path.parent, ring)
    with backup_files.reading(path, ring) as backup:
        backup.verify()
        looked_at = counted(backup.manifest.objects, "objects verified")
        backup.damaged = frozenset(key for key in looked_at if not _is_right(kept, key))
        if backup.damaged and not without_damaged:
            raise BackupError(
                f"{len(backup.damaged)} objects of this backup are missing or damaged in {path.parent}; nothing was "
                "restored. --without-damaged restores all the rest."
            )
        yield backup


def restore(settings: Settings, path: Path, backup: BackupReader, *, replace: bool) -> Restored:
    """The home as it was at the backup's moment, less what was erased since.

    Args:
        settings: of the home to make.
        path: of the backup's file.
        backup: from `open_backup()`.
        replace: what the home and the database hold now goes.

    Raises:
        BackupError: permanent; the home is not empty, or a newer version made the backup.
        UploadBusyError: transient; something is at work on the home.
    """
    prepare_server(settings)
    engine = open_engine(app_url(settings))
    try:
        with _nobody_works(settings, engine):
            if not replace and not is_empty(settings, engine):
                raise BackupError("this home or its database is not empty; --replace puts the backup in its place.")
            lines = _join_lists(settings.home, path.parent, backup)
            vault, kept = vault_of(settings), FileVault(path.parent, ring_of(settings))
            for key in counted(backup.manifest.objects, "objects restored"):
                if key not in backup.damaged and not _is_right(vault, key):
                    with kept.open(key) as content:
                        vault.put_content(content, key.rsplit("/", 1)[-1])
            n_erased, strange = _load(engine, settings.home, backup, lines)
            finish_erasures(engine, vault)
            _restore_files(settings, backup, replace=replace)
            n_removed = remove_orphans(engine, vault) if replace else 0
            n_partitions = _settle(settings, engine)
            n_uploads = sum(listings.count_by_status(engine).values())
            n_objects = sum(1 for _ in vault.object_keys())
            lost = tuple(
                upload_id for upload_id, key in dumps.kept_objects(engine) if not _is_there(vault, key, backup)
            )
            return Restored(n_uploads, n_objects, n_erased, n_removed, n_partitions, tuple(strange), lost)
    finally:
        engine.dispose()


def prepare_server(settings: Settings) -> None:
    """Folders and a database server, and nothing in them yet."""
    for folder in (settings.home, settings.vault_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.database_url:
        ensure_server(settings.home)


def is_empty(settings: Settings, engine: Engine) -> bool:
    """Whether neither the vault nor the database holds anything of ours."""
    return next(vault_of(settings).object_keys(), None) is None and dumps.is_empty(engine)


def remove_orphans(engine: Engine, vault: FileVault) -> int:
    """How many objects were removed that no upload names: nobody could erase them any more."""
    named = set(dumps.all_objects(engine))
    orphans = [key for key in vault.object_keys() if key not in named]
    for key in orphans:
        vault.delete(key)
    return len(orphans)


def _load(engine: Engine, home: Path, backup: BackupReader, lines: list[str]) -> tuple[int, list[str]]:
    """How many uploads were erased again, and which tables are none of ours; the rows are there, all or none."""
    facts = backup.manifest
    with transaction(engine) as connection:
        strange = dumps.load(
            connection, facts.revision, facts.table_facts, lambda table: backup.pieces(backup_files.table_member(table))
        )
        n_erased = replay_erasures(connection, erased_ids(lines), home)
        told = {"made_at": facts.made_at, "revision": facts.revision, "n_erased_again": n_erased}
        audit.record(connection, "cli", "backup.restored", None, {**told, "now_at": revision_of(connection)})
    return n_erased, strange


def _join_lists(home: Path, folder: Path, backup: BackupReader) -> list[str]:
    """Every list of erased uploads that is left, joined in the home: its own, the folder's, the backup's."""
    own = (backup.read(TOMBSTONES) or b"").decode("utf-8", "replace").splitlines()
    add_lines(home, [*read_lines(folder), *own])
    return read_lines(home)


def _restore_files(settings: Settings, backup: BackupReader, *, replace: bool) -> None:
    for name in HOME_FILES:
        content, file = backup.read(f"home/{name}"), settings.home / name
        if content is None or (file.exists() and not replace):
            continue
        file.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_bytes(content)
        temporary.replace(file)


def _settle(settings: Settings, engine: Engine) -> int:
    """How many partitions Dagster knows; readers' passwords are what their connection strings say."""
    if (settings.home / "readers.json").exists():
        for role in ("bi", "people"):
            connection_string(settings, role)
    keys = survey.partition_keys(engine)
    prepare_home(settings)
    add_partitions(keys)
    return len(keys)


def _is_there(vault: FileVault, key: str, backup: BackupReader) -> bool:
    return _is_right(vault, key) if key in backup.damaged else vault.holds(key)


def _is_right(vault: FileVault, key: str) -> bool:
    """Whether the object is there and is what its key says.

    Raises:
        SealedError: permanent; its key is missing.
    """
    try:
        return vault.holds(key) and vault.verify(key)
    except VaultUnavailableError:
        return False
    except SealedError as error:
        if error.code != SealedError.code:
            raise
        return False


@contextmanager
def _nobody_works(settings: Settings, engine: Engine) -> Iterator[None]:
    """Inside, no `up` and no command works on the home; one on another machine is told by its heartbeat.

    Raises:
        UploadBusyError: transient; one does.
    """
    with ExitStack() as stack:
        try:
            for lock in ("up.lock", "driver.lock"):
                stack.enter_context(FileLock(settings.home / lock, timeout=0))
        except Timeout:
            raise UploadBusyError("something is at work on this home; stop `nurseconv up` and its commands.") from None
        if dumps.has_schema(engine) and listings.daemon_is_alive(engine, settings.reconcile_every_s):
            raise UploadBusyError("a daemon works on this database; stop it, wait a minute, and restore again.")
        yield


def describe(restored: Restored) -> None:
    """Says what came of it."""
    typer.echo(f"restored   {restored.n_uploads} uploads, {restored.n_objects} objects in the vault")
    typer.echo(f"erased     {restored.n_erased} uploads again, which somebody had erased after the backup")
    if restored.n_removed:
        typer.echo(f"removed    {restored.n_removed} objects of the home as it was before")
    if restored.without_recording:
        typer.echo(
            f"WARNING    {len(restored.without_recording)} uploads have no recording or text any more:", err=True
        )
        for upload_id in restored.without_recording:
            typer.echo(f"           {upload_id}", err=True)
    if restored.strange_tables:
        names = ", ".join(restored.strange_tables)
        typer.echo(f"WARNING    left out, because no version of ours made them: {names}", err=True)
    typer.echo(f"Dagster    knows {restored.n_partitions} partitions; the reporting tables are built by the next run")
