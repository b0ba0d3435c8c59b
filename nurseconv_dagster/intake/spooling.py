"""Bytes that are still coming in: counted, hashed and written, never past the limit, gone when nobody wants them.

What lives here: `Spool`.
When to add here: something else that must be known of a file by the time its last byte is here.
What to keep out: where the bytes come from (api); what they are (the door).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from nurseconv_dagster.intake.vault import as_unavailable


class Spool:
    """A file in the making. Leaving the `with` removes it, whatever happened; the vault keeps it under its own name.

    Args:
        folder: the vault's `incoming`; made when missing.
        max_bytes: the limit; not one byte more reaches the disk.
        is_nameless: the file has no name in the folder, only the path that `finish()` gives this process; for a vault
            that seals, whose disk is to show nothing.
    """

    def __init__(self, folder: Path, max_bytes: int, *, is_nameless: bool = False) -> None:
        self._folder = folder
        self._is_nameless = is_nameless
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._path is not None and not self._is_nameless:
            self._path.unlink(missing_ok=True)

    def write(self, piece: bytes | memoryview) -> bool:
        """Whether the piece fitted; one that does not is not written, not even in part.

        Raises:
            VaultUnavailableError: transient; the disk is full or gone.
        """
        if self.size_bytes + len(piece) > self._max_bytes:
            return False
        with as_unavailable():
            self._open().write(piece)
        self._digest.update(piece)
        self.size_bytes += len(piece)
        return True

    def finish(self) -> Path:
        """Where the whole file lies, also one of no bytes; only this process reads it.

        Raises:
            VaultUnavailableError: transient; the disk is full or gone.
        """
        with as_unavailable():
            self._open().flush()
        assert self._path is not None  # noqa: S101 - opened in the line above
        return self._path

    @property
    def sha256(self) -> str:
        """Of all that was written, in hex."""
        return self._digest.hexdigest()

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder)  # mode 0600
            self._path = Path(name)
            self._file = os.fdopen(handle, "wb")
            if self._is_nameless:
                self._path.unlink()
                self._path = Path(f"/proc/self/fd/{handle}")
        return self._file
