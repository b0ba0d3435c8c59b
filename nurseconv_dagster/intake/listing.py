"""What lies in the bucket: every file that may be an upload, oldest first, and which of them have stopped changing.

What lives here: `list_bucket()` and `stable()`.
When to add here: a kind of file that programs leave behind and nobody meant as an upload.
What to keep out: opening files; the ledger (the sensor compares versions).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nurseconv_dagster.intake.sidecars import find_sidecar

_LEFT_ALONE = re.compile(
    r"\..*|.*~|~\$.*|.*\.(part|partial|tmp|temp|crdownload|download|filepart|swp|json)|thumbs\.db|desktop\.ini",
    re.IGNORECASE | re.DOTALL,
)
_FOLDERS_LEFT_ALONE = re.compile(
    r"\..*|\$recycle\.bin|system volume information|lost\+found|@eadir|#recycle", re.IGNORECASE | re.DOTALL
)

# What a file looks like that vanished while it was listed, or a link that leads nowhere or to itself.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BucketFile:
    """One file of the bucket.

    Args:
        path: where it lies.
        location: the path relative to the bucket, with `/`; bytes that are no UTF-8 are spelled U+FFFD and two hex
            digits, so that it can be stored.
        size_bytes: of the file.
        mtime_ns: of the file.
        version: size and mtime of the file, and of its sidecar: a mended sidecar is a new arrival.
        sidecar: the JSON beside it, null when there is none.
    """

    path: Path
    location: str
    size_bytes: int
    mtime_ns: int
    version: str
    sidecar: Path | None


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
    return sorted(found, key=lambda file: (file.mtime_ns, file.location))


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
            is_old = all(now - _changed_at(path.stat(), now) >= stable_after_s for path in paths)
            is_same = _version(file.path, find_sidecar(file.path)) == file.version
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


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not _FOLDERS_LEFT_ALONE.fullmatch(entry.name):
                    yield from _walk_below(Path(entry.path))
            elif not _LEFT_ALONE.fullmatch(entry.name):
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
    return BucketFile(path, location_of(root, path), facts.st_size, facts.st_mtime_ns, version, sidecar)


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
