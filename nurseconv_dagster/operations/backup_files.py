"""What a backup is made of: one file with rows and facts, beside a vault of objects that all backups of a folder share.

What lives here: `Manifest`, `BackupWriter`, `BackupReader`, and what lies in a backup folder.
When to add here: another thing that a backup must carry.
What to keep out: what is taken (backing_up) and what becomes of it (restoring).

The file is a ZIP archive (`unzip` reads it), sealed as a whole when the installation has a ring of keys. Its last
member is the manifest: which schema the rows are of, which objects belong to them, and the hash of every member.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from nurseconv_dagster.encryption.files import SealingWriter, open_sealed, sealed_with
from nurseconv_dagster.encryption.ring import Ring
from nurseconv_dagster.errors import BackupError, SealedError
from nurseconv_dagster.intake.disk import sync_folder
from nurseconv_dagster.intake.vault import FileVault
from nurseconv_dagster.operations.progress import counted
from nurseconv_dagster.store.dumps import TableFacts

FORM = 1
_NAME = re.compile(r"nurseconv-(\d{8}T\d{6}\.\d{6}Z)\.backup")
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_MANIFEST = "manifest.json"
# What a changed byte can look like, by where it lies; zipfile lets all of them through.
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, RuntimeError)
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Args:
        form: of the file; this version reads `FORM`.
        product: the version that made it.
        made_at: when its moment was, ISO 8601.
        revision: of the schema.
        tables: name and columns of each, in the order to load them.
        objects: keys of the vault's objects that belong to it.
        n_missing: objects that were not in the vault any more.
        members: the SHA-256 of each member of the archive.
    """

    form: int
    product: str
    made_at: str
    revision: str
    tables: list[tuple[str, list[str]]]
    objects: list[str] = field(default_factory=list)
    n_missing: int = 0
    members: dict[str, str] = field(default_factory=dict)

    @property
    def table_facts(self) -> list[TableFacts]:
        """The tables as the store knows them."""
        return [TableFacts(name, tuple(columns)) for name, columns in self.tables]


def backup_name(moment: datetime) -> str:
    """The file's name; names sort by time."""
    return f"nurseconv-{moment.astimezone(UTC).strftime(_STAMP)}.backup"


def moment_of(file: Path) -> datetime | None:
    """When a backup of this name was made; null for a file that is none."""
    found = _NAME.fullmatch(file.name)
    return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC) if found else None


def list_backups(folder: Path) -> list[Path]:
    """The whole backups of a folder, oldest first."""
    return sorted(file for file in folder.iterdir() if moment_of(file)) if folder.is_dir() else []


class BackupWriter:
    """An archive in the making."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, str] = {}

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """The archive has this member."""
        digest = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                member.write(piece)
        self._members[name] = digest.hexdigest()

    def finish(self, manifest: Manifest) -> None:
        """The manifest stands at the end: an archive without one is not whole."""
        facts = {**asdict(manifest), "members": self._members}
        self._archive.writestr(_MANIFEST, json.dumps(facts))


@contextmanager
def writing(path: Path, ring: Ring) -> Iterator[BackupWriter]:
    """The file is there, whole and on the disk, when the block has ended well; nothing of it when it has not."""
    temporary = path.with_name(f"{path.name}.part")
    try:
        with temporary.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            with ExitStack() as stack:
                out: BinaryIO = file
                if ring.newest is not None:
                    out = cast("BinaryIO", stack.enter_context(SealingWriter(file, ring.newest)))
                archive = stack.enter_context(zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1))
                yield BackupWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


class BackupReader:
    """A backup that can be read: of a form that this version knows, with a manifest.

    `damaged` holds those of its objects that are known to be missing or changed, and that a restore leaves out.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.damaged: frozenset[str] = frozenset()
        try:
            self.manifest = Manifest(**json.loads(archive.read(_MANIFEST)))
        except (KeyError, TypeError, ValueError):
            raise _damaged() from None
        if self.manifest.form != FORM:
            raise BackupError(
                f"the backup has form {self.manifest.form}, this version reads {FORM}: use a newer version."
            )

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a member.

        Raises:
            BackupError, SealedError: permanent; it is damaged.
        """
        try:
            with self._archive.open(name) as member:
                while piece := member.read(_CHUNK_BYTES):
                    yield piece
        except (KeyError, EOFError, ValueError, *_DAMAGED):
            raise _damaged() from None

    def read(self, name: str) -> bytes | None:
        """A small member as a whole; null when there is none of this name."""
        return b"".join(self.pieces(name)) if name in self.manifest.members else None

    def verify(self) -> None:
        """Nothing, when every member is what the manifest says.

        Raises:
            BackupError, SealedError: permanent; one is not.
        """
        for name, sha256 in self.manifest.members.items():
            digest = hashlib.sha256()
            for piece in self.pieces(name):
                digest.update(piece)
            if digest.hexdigest() != sha256:
                raise _damaged()


@contextmanager
def reading(path: Path, ring: Ring) -> Iterator[BackupReader]:
    """The backup in a file.

    Raises:
        BackupError: permanent; there is none, it is damaged or cut off, or of another form.
        SealedError: permanent; it is sealed with a key that the ring does not hold, or was changed.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"the backup {path} cannot be read ({error.strerror}).") from None
    with open_sealed(file, ring) as content:
        try:
            archive = zipfile.ZipFile(content)
        except (ValueError, *_DAMAGED):
            raise _damaged() from None
        with archive:
            yield BackupReader(archive)


def objects_in_use(folder: Path, ring: Ring) -> frozenset[str] | None:
    """The objects that the folder's backups need; null when one of them cannot be read, so nobody knows."""
    used: set[str] = set()
    for file in list_backups(folder):
        try:
            with reading(file, ring) as backup:
                used.update(backup.manifest.objects)
        except (BackupError, SealedError):
            return None
    return frozenset(used)


def count_by_key(folder: Path) -> Counter[str]:
    """How many backups and objects of the folder are sealed with which key; under the empty id those that are not."""
    kept = FileVault(folder)
    counts = Counter(kept.sealed_with(key) or "" for key in counted(list(kept.object_keys()), "kept objects looked at"))
    for file in list_backups(folder):
        with file.open("rb") as content:
            counts[sealed_with(content) or ""] += 1
    return counts


def table_member(table: TableFacts) -> str:
    """The name of the member that holds a table's rows."""
    return f"tables/{table.name}.copy"


def _damaged() -> BackupError:
    return BackupError("this is no whole backup: it was damaged or cut off. Take an older one of the same folder.")
