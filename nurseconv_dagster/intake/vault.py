"""The vault: every content once, under its own hash, written so that a crash leaves all of it or nothing.

What lives here: `FileVault`, `hash_file()`, and `as_unavailable()` around work on its disk.
When to add here: what an object's life needs (put, read, verify, delete).
What to keep out: names of files, and whose content it is (the ledger knows).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nurseconv_dagster.errors import VaultUnavailableError

_CHUNK_BYTES = 1 << 20
_NO_LINKS = (errno.EEXIST, errno.EPERM, errno.ENOTSUP, errno.EMLINK)  # file systems without hard links give EPERM
_OBJECT_KEY = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 of the content in hex, and its size in bytes, read in pieces.

    Args:
        path: a readable file.
    """
    digest, n_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            n_bytes += len(chunk)
    return digest.hexdigest(), n_bytes


class FileVault:
    """A vault in a folder: `objects/ab/cd/<sha256>`, readable by the owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def incoming(self) -> Path:
        """The folder for what is still being written; a file received here is taken by `put()` without copying it."""
        return self._root / "incoming"

    def put(self, source: Path, content_sha256: str) -> str:
        """The object key of the stored copy; the same content twice keeps one object.

        Args:
            source: the file to keep; never changed. One in `incoming` becomes the object itself, under a second name,
                and must not be written to afterwards.
            content_sha256: what its content must hash to.

        Raises:
            VaultUnavailableError: transient. The vault cannot be written, or, with the code `source_changed`, the
                file is no longer what was hashed.
        """
        object_key = f"objects/{content_sha256[:2]}/{content_sha256[2:4]}/{content_sha256}"
        target = self._locate(object_key)
        with as_unavailable():
            if target.is_file() and target.stat().st_size == source.stat().st_size:
                return object_key
            for folder in (self.incoming, target.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if target.exists() or source.parent != self.incoming or not _adopt(source, target):
                self._copy(source, target, content_sha256)
        return object_key

    def path(self, object_key: str) -> Path:
        """A readable local path of an object.

        Raises:
            VaultUnavailableError: transient; the object is not there or its disk is gone.
        """
        target = self._locate(object_key)
        if not target.is_file():
            raise VaultUnavailableError(
                f"the vault holds no object {object_key}; check its disk, or restore it from a backup."
            )
        return target

    def verify(self, object_key: str) -> bool:
        """True when the object's content still is what its key says.

        Raises:
            VaultUnavailableError: transient; the object is not there or cannot be read.
        """
        with as_unavailable():
            return hash_file(self.path(object_key))[0] == object_key.rsplit("/", 1)[-1]

    def delete(self, object_key: str) -> None:
        """Remove an object for good; one that is gone already is fine.

        Raises:
            VaultUnavailableError: transient; the vault cannot be written.
        """
        target = self._locate(object_key)
        with as_unavailable():
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                _sync_folder(target.parent)

    def remove_leftovers(self, older_than_s: float) -> int:
        """How many half-written copies of killed processes were removed.

        Args:
            older_than_s: younger ones may still be growing.
        """
        removed = 0
        with as_unavailable():
            for leftover in self.incoming.iterdir() if self.incoming.is_dir() else ():
                if time.time() - leftover.stat().st_mtime > older_than_s:
                    leftover.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _locate(self, object_key: str) -> Path:
        if not _OBJECT_KEY.fullmatch(object_key):
            raise VaultUnavailableError("this is no object key; it must be objects/ab/cd/ and a SHA-256 in hex.")
        return self._root / object_key

    def _copy(self, source: Path, target: Path, content_sha256: str) -> None:
        handle, name = tempfile.mkstemp(dir=self.incoming)  # mode 0600
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as copy, source.open("rb") as original:
                digest = hashlib.sha256()
                while chunk := original.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            if digest.hexdigest() != content_sha256:
                raise VaultUnavailableError(
                    "the file changed while it was being copied; send it again once it is whole.", code="source_changed"
                )
            temporary.replace(target)
            _sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _adopt(source: Path, target: Path) -> bool:
    """Whether the received file is the object from now on; its first name is its receiver's to remove."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return error.errno == errno.EEXIST  # somebody else has just kept the same content
    _sync_folder(target.parent)
    return True


def _sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Turn errors of the disk into the one that callers know; the system's words name no file."""
    try:
        yield
    except OSError as error:
        raise VaultUnavailableError(
            f"the vault or the file could not be read or written ({error.strerror}); free its disk and try again."
        ) from None
