"""The vault: every content once, under its own hash, written so that a crash leaves all of it or nothing.

What lives here: `FileVault`, `vault_of()`, `hash_file()`, and `as_unavailable()` around work on its disk.
When to add here: what an object's life needs (put, read, verify, delete).
What to keep out: names of files, and whose content it is (the ledger knows).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from nurseconv_dagster.encryption import files
from nurseconv_dagster.encryption.ring import Ring, ring_of
from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.disk import adopt, nameless, sync_folder
from nurseconv_dagster.settings import Settings

_CHUNK_BYTES = 1 << 20
_OBJECT_KEY = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 of the content in hex, and its size in bytes, read in pieces.

    Args:
        path: a readable file.
    """
    with path.open("rb") as file:
        return _hash(file)


def vault_of(settings: Settings) -> FileVault:
    """The home's vault, which seals what it takes in when the installation has a ring of keys.

    Raises:
        SettingsError: permanent; the ring cannot be read.
    """
    return FileVault(settings.vault_dir, ring_of(settings))


class FileVault:
    """A vault in a folder: `objects/ab/cd/<sha256 of the content>`, readable by the owner only.

    Args:
        root: the folder.
        ring: its newest key seals what is put in; objects that are not sealed are read too.
    """

    def __init__(self, root: Path, ring: Ring | None = None) -> None:
        self._root = root
        self._ring = ring or Ring()

    @property
    def incoming(self) -> Path:
        """The folder for what is still being written; a file received here is taken by `put()` without copying it."""
        return self._root / "incoming"

    @property
    def seals(self) -> bool:
        """Whether what is put in is sealed."""
        return self._ring.newest is not None

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
        object_key = _key_of(content_sha256)
        target = self._locate(object_key)
        with as_unavailable(), source.open("rb") as content:
            if target.is_file() and self.size(object_key) == os.fstat(content.fileno()).st_size:
                return object_key
            may_adopt = source.parent == self.incoming and not target.exists() and not self.seals
            if not (may_adopt and adopt(source, target)):
                self._copy(content, target, content_sha256)
        return object_key

    def put_content(self, content: BinaryIO, content_sha256: str) -> str:
        """As `put()`, for content that lies in no file of its own; what is there already is written anew."""
        object_key = _key_of(content_sha256)
        with as_unavailable():
            self._copy(content, self._locate(object_key), content_sha256)
        return object_key

    def open(self, object_key: str) -> BinaryIO:
        """The object's content, readable and seekable; only the parts that are read are opened.

        Raises:
            VaultUnavailableError: transient; the object is not there or its disk is gone.
            SealedError: permanent; it is sealed with a key that is missing, or was changed.
        """
        path = self.path(object_key)
        with as_unavailable():
            return files.open_sealed(path.open("rb"), self._ring)

    @contextmanager
    def reading(self, object_key: str) -> Iterator[Path]:
        """A path under which the content can be read inside the block, for libraries that want one.

        A sealed object's content is there in memory only: no file has a name or a place on a disk.

        Raises:
            VaultUnavailableError, SealedError: as `open()`.
        """
        path = self.path(object_key)
        with as_unavailable(), path.open("rb") as file:
            is_plain = file.read(len(files.MAGIC)) != files.MAGIC
        if is_plain:
            yield path
            return
        with self.open(object_key) as content, nameless() as copy:
            shutil.copyfileobj(content, copy, _CHUNK_BYTES)
            copy.flush()
            yield Path(f"/proc/self/fd/{copy.fileno()}")

    def size(self, object_key: str) -> int:
        """How many bytes the object's content has.

        Raises:
            VaultUnavailableError: as `path()`.
        """
        path = self.path(object_key)
        with as_unavailable(), path.open("rb") as file:
            return files.content_size(file)

    def sealed_with(self, object_key: str) -> str | None:
        """The id of the key that the object is sealed with; null when it is not sealed.

        Raises:
            VaultUnavailableError: as `path()`.
        """
        path = self.path(object_key)
        with as_unavailable(), path.open("rb") as file:
            return files.sealed_with(file)

    def holds(self, object_key: str) -> bool:
        """Whether the object is there."""
        return self._locate(object_key).is_file()

    def object_keys(self) -> Iterator[str]:
        """The keys of all objects, in order, read as they are asked for."""
        objects = self._root / "objects"
        for first in sorted(objects.iterdir()) if objects.is_dir() else ():
            for second in sorted(first.iterdir()):
                yield from (f"objects/{first.name}/{second.name}/{path.name}" for path in sorted(second.iterdir()))

    def path(self, object_key: str) -> Path:
        """Where an object lies, as it lies there: its content may be sealed.

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
            SealedError: permanent; it is sealed with a key that is missing, or was changed.
        """
        with as_unavailable(), self.open(object_key) as content:
            return _hash(content)[0] == object_key.rsplit("/", 1)[-1]

    def delete(self, object_key: str) -> None:
        """Remove an object for good; one that is gone already is fine.

        Raises:
            VaultUnavailableError: transient; the vault cannot be written.
        """
        target = self._locate(object_key)
        with as_unavailable():
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                sync_folder(target.parent)

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

    def _copy(self, content: BinaryIO, target: Path, content_sha256: str) -> None:
        for folder in (self.incoming, target.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.incoming)  # mode 0600
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as copy:
                if self._write(content, copy) != content_sha256:
                    raise VaultUnavailableError(
                        "the file changed while it was being copied; send it again once it is whole.",
                        code="source_changed",
                    )
                copy.flush()
                os.fsync(copy.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def _write(self, content: BinaryIO, copy: BinaryIO) -> str:
        """The hash of what was written, sealed or plain."""
        digest, key = hashlib.sha256(), self._ring.newest
        is_first = True
        with nullcontext(copy) if key is None else files.SealingWriter(copy, key) as out:
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
                if is_first and key is None and chunk.startswith(files.MAGIC):
                    out.write(files.ESCAPE)
                is_first = False
                out.write(chunk)
        return digest.hexdigest()


def _key_of(content_sha256: str) -> str:
    return f"objects/{content_sha256[:2]}/{content_sha256[2:4]}/{content_sha256}"


def _hash(content: BinaryIO) -> tuple[str, int]:
    digest, n_bytes = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
        n_bytes += len(chunk)
    return digest.hexdigest(), n_bytes


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Turn errors of the disk into the one that callers know; the system's words name no file."""
    try:
        yield
    except OSError as error:
        raise VaultUnavailableError(
            f"the vault or the file could not be read or written ({error.strerror}); free its disk and try again."
        ) from None
