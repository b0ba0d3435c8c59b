"""The ring: keys by their ids; the newest one seals, all of them open.

What lives here: `Key`, `Ring`, reading and writing the ring's file, `ring_of()`.
When to add here: another place in which a ring is kept.
What to keep out: what is sealed with a key (files, texts).

The file is JSON, `{"keys": [{"id": "...", "made_at": "...", "key": "<base64 of 32 bytes>"}]}`, the newest key last.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from filelock import FileLock

from nurseconv_dagster.errors import SealedError, SettingsError
from nurseconv_dagster.settings import Settings, load_settings

KEY_BYTES = 32
_ID_CHARS = 8


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a ring.

    Args:
        id: 8 hex digits; stands in the clear in what the key has sealed.
        secret: 32 bytes.
        made_at: when, aware.
    """

    id: str
    secret: bytes
    made_at: datetime

    @property
    def cipher(self) -> AESGCM:
        """AES-256-GCM under this key."""
        return AESGCM(self.secret)

    def __repr__(self) -> str:
        return f"Key({self.id})"  # whoever prints a key must not show its secret


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys of an installation, the newest last; one without keys seals nothing and opens what is not sealed."""

    keys: tuple[Key, ...] = ()

    @property
    def newest(self) -> Key | None:
        """The key that seals; null when nothing is to be sealed."""
        return self.keys[-1] if self.keys else None

    def find(self, key_id: str) -> Key:
        """The key with this id.

        Raises:
            SealedError: permanent; the ring does not hold it (`encryption_key_missing`).
        """
        for key in self.keys:
            if key.id == key_id:
                return key
        raise SealedError(
            f"this was sealed with the encryption key {key_id}, which the ring does not hold; put that key back into "
            "ENCRYPTION_KEY_FILE. Without it nobody can read what it has sealed.",
            code="encryption_key_missing",
        )


def ring_of(settings: Settings) -> Ring:
    """The ring that `ENCRYPTION_KEY_FILE` names, as the file is now; an empty one when the setting is empty.

    Raises:
        SettingsError: permanent; the file is not there or is no ring.
    """
    file = settings.encryption_key_file
    return Ring() if file is None else _read_once(file, _version(file))


def current_ring() -> Ring:
    """The ring of this process's own settings, for those who are handed none."""
    file = _file_of_process()
    return Ring() if file is None else _read_once(file, _version(file))


def add_key(file: Path, now: datetime) -> Key:
    """A new key at the ring's end; the file is made, readable by its owner only, when it is not there.

    Raises:
        SettingsError: permanent; the file cannot be written, or is no ring.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(file.with_name(f"{file.name}.lock")):
            keys = read_ring(file).keys if file.exists() else ()
            key = Key(secrets.token_hex(_ID_CHARS // 2), secrets.token_bytes(KEY_BYTES), now)
            _write(file, (*keys, key))
    except OSError as error:
        raise SettingsError(f"ENCRYPTION_KEY_FILE cannot be written ({error.strerror}); found {file}") from None
    return key


def read_ring(file: Path) -> Ring:
    """The ring in a file.

    Raises:
        SettingsError: permanent; says what is wrong, never what the file holds.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["keys"]
        keys = tuple(
            Key(row["id"], base64.b64decode(row["key"], validate=True), datetime.fromisoformat(row["made_at"]))
            for row in rows
        )
    except OSError as error:
        raise SettingsError(
            f"ENCRYPTION_KEY_FILE={file} cannot be read ({error.strerror}); mount it, or make one with "
            "`nurseconv encryption new-key`"
        ) from None
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise SettingsError(f"ENCRYPTION_KEY_FILE={file} is no ring of keys; put back the file that was") from None
    ids = {key.id for key in keys}
    if not keys or len(ids) < len(keys) or any(len(k.secret) != KEY_BYTES or len(k.id) != _ID_CHARS for k in keys):
        raise SettingsError(f"ENCRYPTION_KEY_FILE={file} is no ring of keys; put back the file that was")
    return Ring(keys)


def _write(file: Path, keys: tuple[Key, ...]) -> None:
    rows = [
        {"id": key.id, "made_at": key.made_at.astimezone(UTC).isoformat(), "key": base64.b64encode(key.secret).decode()}
        for key in keys
    ]
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump({"keys": rows}, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)


def _version(file: Path) -> int:
    """A number that changes with the file, so that a key added later is seen by processes that run."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@cache
def _read_once(file: Path, version: int) -> Ring:
    return read_ring(file)


@cache
def _file_of_process() -> Path | None:
    return load_settings().encryption_key_file
