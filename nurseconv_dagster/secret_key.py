"""The secret of the home: what every key of this installation is derived from.

What lives here: `derive_key()`; the secret is `SECRET_KEY`, or a file that the home makes once and keeps.
When to add here: nothing; somebody who needs a key of their own names another purpose.
What to keep out: what keys are used for.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from filelock import FileLock

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.setting_rules import MIN_SECRET_LENGTH
from nurseconv_dagster.settings import Settings

_FILE_NAME = "secret.key"


def derive_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes that are always the same for one secret and purpose, and tell nothing of the secret or another purpose.

    Args:
        settings: `SECRET_KEY`, or the home that keeps a secret of its own.
        purpose: what the key is for, such as "surrogates"; two users never share one.

    Raises:
        SettingsError: permanent; the home's secret cannot be read or made.
    """
    secret = settings.secret_key.get_secret_value() or _secret_of(settings.home)
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()


def _secret_of(home: Path) -> str:
    """The secret in the home's file; made by whoever needs it first."""
    file = home / _FILE_NAME
    try:
        if not file.exists():
            _make_secret(file)
        secret = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"{file} can neither be read nor made ({type(error).__name__}); give the home to this account, or set "
            "SECRET_KEY"
        ) from None
    if len(secret) < MIN_SECRET_LENGTH:
        raise SettingsError(f"{file} holds no secret; remove it and a new one is made, or set SECRET_KEY")
    return secret


def _make_secret(file: Path) -> None:
    """The file is there, whole and readable by its owner only, whoever else makes it at this moment."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(file.with_suffix(".lock")):
        if file.exists():
            return
        temporary = file.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)  # of a process that was killed here; it may have other rights
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_text(f"{secrets.token_urlsafe(32)}\n", encoding="utf-8")
        temporary.replace(file)
