"""Connection strings for people and BI tools.

What lives here: `connection_string()`; a reader's password is made on first asking and kept in the home.
When to add here: another reader's role.
What to keep out: what a role may see (store.roles, dbt's grants).
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from filelock import FileLock
from sqlalchemy import URL

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.roles import READERS, set_password


def connection_string(settings: Settings, role: str) -> str:
    """`postgresql://user:password@host:port/database` for the pipeline or a reader.

    Args:
        role: "pipeline", "bi" (the marts and nothing else) or "people" (the marts about people).
    """
    url = app_url(settings)
    if role != "pipeline":
        url = url.set(username=READERS[role], password=_password(settings, url, READERS[role]))
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _password(settings: Settings, url: URL, role: str) -> str:
    """The role's password, set in the server each time: a home restored from a backup agrees again."""
    file = settings.home / "readers.json"
    with FileLock(settings.home / "readers.lock"):
        passwords: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        password = passwords.setdefault(role, secrets.token_urlsafe(24))
        _write_private(file, json.dumps(passwords))
    engine = open_engine(url)
    with transaction(engine) as connection:
        set_password(connection, role, password)
    engine.dispose()
    return password


def _write_private(file: Path, text: str) -> None:
    temporary = file.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(file)
