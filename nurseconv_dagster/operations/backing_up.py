"""A backup of a home: rows of one moment, the objects they need, and what else cannot be made again.

What lives here: `back_up()`, rotation, and the note for the metrics.
When to add here: another file of the home that must survive.
What to keep out: the form of the file (backup_files); the marts, which a restored home builds again; Dagster's history.

The moment comes first, then the objects: an object never changes, and one that is gone meanwhile was erased.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine

from nurseconv_dagster.encryption.ring import Ring, ring_of
from nurseconv_dagster.errors import BackupError, SealedError, UploadBusyError, VaultUnavailableError
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.operations import backup_files
from nurseconv_dagster.operations.backup_files import BackupWriter, Manifest
from nurseconv_dagster.operations.progress import counted
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.dumps import snapshot, still_needs
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.erasure import TOMBSTONES
from nurseconv_dagster.store.tombstones import LATEST_BACKUP, add_lines, read_lines

_MARK = "nurseconv-backups.txt"
# Each kept object is read again so often: a share of them with every backup, by the day.
READ_ALL_IN_DAYS = 28
# Files of the home that cannot be made again. Not `postgres.json`: another server has passwords of its own.
HOME_FILES = ("secret.key", "readers.json", "dagster/dagster.yaml")


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup came to.

    Args:
        file: the backup.
        n_bytes: of the file and its objects, those that were there before included.
        n_objects: objects that belong to it.
        n_new: of these, how many had to be written now, those sealed anew included.
        n_missing: objects that a row needs and that the vault does not hold, or holds damaged.
        n_removed: older backups that were removed.
        is_sealed: whether it is encrypted.
    """

    file: Path
    n_bytes: int
    n_objects: int
    n_new: int
    n_missing: int
    n_removed: int
    is_sealed: bool


def default_folder(settings: Settings) -> Path:
    """Where backups go when nobody says where."""
    return settings.home / "backups"


def back_up(settings: Settings, folder: Path, keep_days: int) -> BackedUp:
    """The backup that was made; a killed one leaves no file that counts.

    Args:
        settings: of the home.
        folder: of this home's backups alone; made when missing.
        keep_days: older backups are removed; this one stays.

    Raises:
        BackupError: permanent; the folder cannot be written, or holds something else.
        UploadBusyError: transient; another backup is made into this folder.
        StoreUnavailableError: transient; Postgres did not answer.
    """
    _refuse_other_folders(settings, folder)
    ring, engine = ring_of(settings), open_engine(app_url(settings))
    try:
        with _alone(folder):
            made = _make(settings, engine, folder, ring)
            made = replace(made, n_removed=_rotate(folder, made.file, keep_days, ring))
        _note(settings.home, folder, made)
        with transaction(engine) as connection:
            audit.record(connection, "cli", "backup.made", made.file.name, {"n_objects": made.n_objects})
    except OSError as error:
        raise BackupError(f"the backup could not be written into {folder} ({error.strerror}).") from None
    finally:
        engine.dispose()
    return made


def _make(settings: Settings, engine: Engine, folder: Path, ring: Ring) -> BackedUp:
    kept = FileVault(folder, ring)
    now = datetime.now(UTC)
    file = folder / backup_files.backup_name(now)
    with backup_files.writing(file, ring) as out:
        with snapshot(engine) as moment:
            tables, objects = moment.tables(), moment.objects()
            for table in counted(tables, "tables written"):
                out.add(backup_files.table_member(table), moment.rows(table))
        n_new, there = _keep_objects(vault_of(settings), kept, objects, ring.newest.id if ring.newest else None)
        needed = [key for key in objects if key not in there and still_needs(engine, key)]
        lines = [*read_lines(settings.home), *read_lines(folder)]
        add_lines(folder, lines)
        _add_home(out, settings.home, lines)
        out.finish(
            Manifest(
                backup_files.FORM, version("nurseconv"), now.isoformat(), str(moment.revision),
                [(table.name, list(table.columns)) for table in tables], sorted(there), len(needed),
            )
        )  # fmt: skip
    n_bytes = file.stat().st_size + sum(kept.path(key).stat().st_size for key in there)
    return BackedUp(file, n_bytes, len(there), n_new, len(needed), 0, ring.newest is not None)


def _keep_objects(vault: FileVault, kept: FileVault, objects: list[str], newest_id: str | None) -> tuple[int, set[str]]:
    """How many objects were copied, each verified by its hash, and which of them the backup's vault holds now.

    One that another key has sealed is written anew, so that no backup made from now on needs that key; so is one that
    has changed since it was kept.
    """
    n_new, there, today = 0, set(), datetime.now(UTC).toordinal()
    for key in counted(objects, "objects kept"):
        if not _is_kept(vault, kept, key, newest_id, today):
            # Where the vault has lost it, a copy that is right is sealed anew from itself.
            if not (_keep_object(vault, kept, key) or _keep_object(kept, kept, key)):
                continue
            n_new += 1
        there.add(key)
    return n_new, there


def _is_kept(vault: FileVault, kept: FileVault, key: str, newest_id: str | None, today: int) -> bool:
    """Whether the copy is there and sealed as it should be, as long as the vault's; on its day, by its hash too."""
    try:
        if kept.sealed_with(key) != newest_id or (vault.holds(key) and vault.size(key) != kept.size(key)):
            return False
        return int(key[-8:], 16) % READ_ALL_IN_DAYS != today % READ_ALL_IN_DAYS or kept.verify(key)
    except (VaultUnavailableError, SealedError):
        return False


def _keep_object(source: FileVault, kept: FileVault, key: str) -> bool:
    """False when there is no such object, or it is not what its key says; that the copy cannot be written is raised."""
    try:
        with source.open(key) as content:
            kept.put_content(content, key.rsplit("/", 1)[-1])
    except (VaultUnavailableError, SealedError) as error:
        is_lost = source is kept and isinstance(error, SealedError)
        if is_lost or error.code in ("source_changed", SealedError.code) or not source.holds(key):
            return False
        raise
    return True


def _add_home(out: BackupWriter, home: Path, lines: list[str]) -> None:
    for name in HOME_FILES:
        if (home / name).exists():
            out.add(f"home/{name}", [(home / name).read_bytes()])
    out.add(TOMBSTONES, ["".join(f"{line}\n" for line in lines).encode()])


def _rotate(folder: Path, newest: Path, keep_days: int, ring: Ring) -> int:
    """How many older backups are gone, and the objects that no backup needs any more with them."""
    oldest = datetime.now(UTC) - timedelta(days=keep_days)
    n_removed = 0
    for file in backup_files.list_backups(folder):
        made_at = backup_files.moment_of(file)
        if file != newest and made_at is not None and made_at < oldest:
            file.unlink()
            n_removed += 1
    in_use = backup_files.objects_in_use(folder, ring)
    if in_use is not None:
        kept = FileVault(folder)
        for key in list(kept.object_keys()):
            if key not in in_use:
                kept.delete(key)
    return n_removed


def _note(home: Path, folder: Path, made: BackedUp) -> None:
    """What the metrics read, and where erasures from now on are told too."""
    note = home / LATEST_BACKUP
    note.parent.mkdir(mode=0o700, exist_ok=True)
    facts = {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_bytes": made.n_bytes,
        "n_missing": made.n_missing,
        "folder": str(folder.resolve()),
    }
    temporary = note.with_suffix(".tmp")
    temporary.write_text(json.dumps(facts), encoding="utf-8")
    temporary.replace(note)


def _refuse_other_folders(settings: Settings, folder: Path) -> None:
    """Nothing, for a folder of backups or a new one: objects that no backup needs are removed from it."""
    is_home = folder.resolve() in (settings.home, settings.vault_dir.resolve())
    if is_home or ((folder / "objects").exists() and not (folder / _MARK).exists()):
        raise BackupError(f"{folder} holds objects that are not a backup's; name a folder for backups alone.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time in a folder; what a killed one has left is removed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _MARK).write_text(
        "Backups of one nurseconv home. `nurseconv restore --latest --from` takes this folder.\n"
    )
    lock = FileLock(folder / "backup.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UploadBusyError("another backup is being made into this folder; wait for it.") from None
    try:
        for leftover in folder.glob("nurseconv-*.part"):
            leftover.unlink()
        FileVault(folder).remove_leftovers(0)
        yield
    finally:
        lock.release()


def same_disk(settings: Settings, folder: Path) -> bool:
    """Whether the folder lies on the home's own disk, and would be lost with it."""
    return os.stat(folder).st_dev == os.stat(settings.home).st_dev  # noqa: PTH116 - the device, not the path
