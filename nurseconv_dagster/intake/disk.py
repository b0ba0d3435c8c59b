"""What the vault asks of a disk: a second name for a file, a file without a name, a rename that survives a power cut.

What lives here: `adopt()`, `nameless()`, `sync_folder()`.
When to add here: another such thing, with the reason why it is needed.
What to keep out: objects and their keys (vault).
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from nurseconv_dagster.encryption.files import MAGIC

_NO_LINKS = (errno.EEXIST, errno.EPERM, errno.ENOTSUP, errno.EMLINK)  # file systems without hard links give EPERM


def nameless() -> BinaryIO:
    """A file in memory, or where the system has none of those, one without a name on a disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("object"), "w+b")
    return tempfile.TemporaryFile()


def adopt(source: Path, target: Path) -> bool:
    """Whether the received file is the object from now on; its first name is its receiver's to remove."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return False  # it must not look like a sealed one
        os.fsync(file.fileno())
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return error.errno == errno.EEXIST  # somebody else has just kept the same content
    sync_folder(target.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
