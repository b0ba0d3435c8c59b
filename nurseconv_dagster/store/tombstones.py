"""The list of erased uploads, outside the database, and its copies outside the home.

What lives here: reading `erased.log`, joining two of them, and the copy beside the backups.
When to add here: another place that must remember erasures.
What to keep out: erasing (erasure).

A line is a time and an upload's id. Lists only grow: whoever restores a backup replays every list that can be found.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from uuid import UUID

from nurseconv_dagster.store.erasure import TOMBSTONES

# What the newest backup says of itself, in the home.
LATEST_BACKUP = Path("backups") / "latest.json"
# Touched each time the newest backup's folder knows every erasure.
TOLD = Path("backups") / "told"


def erased_ids(lines: list[str]) -> set[UUID]:
    """The uploads that the lines name; a line that a crash cut off names none."""
    found = set()
    for line in lines:
        try:
            found.add(UUID(line.split()[-1]))
        except (ValueError, IndexError):
            continue
    return found


def read_lines(folder: Path) -> list[str]:
    """The lines of the list in a folder; none where there is no list."""
    file = folder / TOMBSTONES
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []


def add_lines(folder: Path, lines: list[str]) -> int:
    """How many lines the folder's list has more now: those whose upload it did not name. On the disk afterwards."""
    here = read_lines(folder)
    known, new = erased_ids(here), []
    for line in lines:
        if fresh := erased_ids([line]) - known:
            known |= fresh
            new.append(line)
    if new:
        # After a line that a crash may have cut off, a new one begins.
        whole = not here or (folder / TOMBSTONES).read_bytes().endswith(b"\n")
        handle = os.open(folder / TOMBSTONES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, ("" if whole else "\n").encode() + "".join(f"{line}\n" for line in new).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    return len(new)


def backup_folder(home: Path) -> Path | None:
    """The folder of the newest backup, as that noted it; null when there never was one. It need not be mounted here."""
    note = home / LATEST_BACKUP
    return Path(json.loads(note.read_text(encoding="utf-8"))["folder"]) if note.exists() else None


def tell_backups(home: Path) -> int | None:
    """How many erasures the folder of the newest backup was told: it must know them when the whole home is lost.

    Null when the folder is not mounted here: it is told later, and until then a lost home brings erased uploads back.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = backup_folder(home)
    if folder is None:
        return 0
    if not folder.is_dir():
        return None
    n_told = add_lines(folder, read_lines(home))
    (home / TOLD).touch(mode=0o600)
    return n_told
