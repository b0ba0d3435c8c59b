"""One file that many processes write to, line by line, renewed when it has grown.

What lives here: `SharedFile`, a handler of the standard library's logging.
When to add here: nothing; what a line says is `logs`.
What to keep out: formats and levels.

Why not the standard library's rotating handler: two processes that rotate one file lose each other's lines. Here a line
is one `write` to a file opened for appending, which a local file system does not interleave. Whoever finds the file
full renames it under a lock; the others see at their next line that the name leads to another file, and what they
wrote meanwhile is in the renamed one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sys
from pathlib import Path

MAX_BYTES = 20 * 1024**2
KEPT = 5
"""How many renewed files stay beside the one in use."""


class SharedFile(logging.Handler):
    """Appends each record to the file.

    Args:
        path: of the file; its folder is made for the owner alone.
        max_bytes: a file that has reached them is renamed to `<name>.1`, that one to `<name>.2`, and so on.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.path = path
        self._max_bytes = max_bytes
        self._file: int | None = None
        self._is_failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line. A full disk is told once, on the terminal; the work goes on."""
        try:
            self._append(self.format(record).encode(errors="backslashreplace") + b"\n")
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                sys.stderr.write(f"nurseconv: {self.path} cannot be written ({error.strerror}); lines are lost.\n")

    def close(self) -> None:
        """Lets go of the file."""
        self._forget()
        super().close()

    def _append(self, line: bytes) -> None:
        file = self._current()
        if os.fstat(file).st_size >= self._max_bytes:
            self._renew()
            file = self._current()
        os.write(file, line)

    def _current(self) -> int:
        """The file that has the name now, open."""
        if self._file is not None and not self._has_the_name(self._file):
            self._forget()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def _has_the_name(self, file: int) -> bool:
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        opened = os.fstat(file)
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _renew(self) -> None:
        """The full file has another name; nothing where another process was first."""
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.path.exists() and self.path.stat().st_size >= self._max_bytes:
                for number in range(KEPT, 1, -1):
                    older = self._numbered(number - 1)
                    if older.exists():
                        older.replace(self._numbered(number))
                self.path.replace(self._numbered(1))
        finally:
            os.close(lock)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _forget(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
