"""What lies in a bucket that is a folder: every file that may be an upload, oldest first, and which of them are whole.

What lives here: `list_bucket()`, `stable()`, `version_of()`, `location_of()`.
When to add here: a trait of file systems that makes a file look like an upload, or whole, when it is not.
What to keep out: opening files (`folder_bucket`); names (`left_alone`); the ledger.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from nurseconv_dagster.intake.buckets import BucketFile
from nurseconv_dagster.intake.left_alone import is_folder_left_alone, is_left_alone
from nurseconv_dagster.intake.sidecars import find_sidecar

# What a file looks like that vanished while it was listed, or a link that leads nowhere or to itself.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_log = logging.getLogger(__name__)


def list_bucket(root: Path) -> list[BucketFile]:
    """Every file that may be an upload, oldest first; a file that vanishes meanwhile is not there.

    Left alone: names that start with a dot, unfinished downloads, editors' and systems' leftovers, JSON, anything that
    is no regular file, links to folders, and links that lead out of the bucket.

    Args:
        root: the bucket's folder.

    Raises:
        OSError: the bucket itself cannot be read. A share that is gone must not look like an empty bucket.
    """
    root = root.resolve(strict=True)
    found = [file for path in _walk(root) if (file := _describe(root, path)) is not None]
    return sorted(found, key=lambda file: (file.changed_ns, file.location))


def stable(files: Iterable[BucketFile], now: float, stable_after_s: float) -> Iterator[BucketFile]:
    """The files that have stopped changing: old enough, and still as they were listed, sidecars with them.

    Args:
        files: as listed.
        now: seconds since the epoch.
        stable_after_s: how long nothing may have changed.
    """
    for file in files:
        paths = [file.path] if file.sidecar is None else [file.path, file.sidecar]
        try:
            is_old = all(now - _changed_at(Path(path).stat(), now) >= stable_after_s for path in paths)
            is_same = version_of(Path(file.path)) == file.version
        except OSError:
            continue  # gone or unreadable: not stable now; the next listing tells
        if is_old and is_same:
            yield file


def location_of(root: Path, path: Path) -> str:
    """The path relative to the bucket as text that any database takes; different paths give different texts.

    Args:
        root: the bucket's folder.
        path: inside it.
    """
    relative = path.relative_to(root).as_posix()
    return "".join(f"\ufffd{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char for char in relative)


def version_of(path: Path) -> str:
    """The version of a file as it is now, with the sidecar that it has now.

    Raises:
        OSError: one of them cannot be looked at.
    """
    return _version(path, find_sidecar(path))


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not is_folder_left_alone(entry.name):
                    yield from _walk_below(Path(entry.path))
            elif not is_left_alone(entry.name):
                yield Path(entry.path)


def _walk_below(folder: Path) -> Iterator[Path]:
    try:
        yield from _walk(folder)
    except OSError as error:
        _tell_unreadable(error)


def _describe(root: Path, path: Path) -> BucketFile | None:
    try:
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
            return None
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            return None
        sidecar = find_sidecar(path)
        version = _version(path, sidecar)
    except OSError as error:
        _tell_unreadable(error)
        return None
    return BucketFile(
        str(path), location_of(root, path), facts.st_size, facts.st_mtime_ns, version, str(sidecar) if sidecar else None
    )


def _tell_unreadable(error: OSError) -> None:
    """A warning without a name: one closed folder must neither stop the others nor stay unknown."""
    if error.errno not in _GONE:
        _log.warning("a file or folder of the bucket cannot be read: %s", error.strerror)


def _version(path: Path, sidecar: Path | None) -> str:
    stats = [path.stat()] if sidecar is None else [path.stat(), sidecar.stat()]
    return "+".join(f"{facts.st_size}-{facts.st_mtime_ns}" for facts in stats)


def _changed_at(facts: os.stat_result, now: float) -> float:
    """When the file last changed: its mtime, or where a wrong clock set that in the future, its ctime."""
    return facts.st_mtime if facts.st_mtime <= now else facts.st_ctime
