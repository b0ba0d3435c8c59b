"""Sessions of the pages, as rows: they hold on every worker, and end at once when they or their key are ended.

What lives here: `Session`, `open_session()`, `find_session()`, `end_session()`, `forget()`.
When to add here: something that a page must remember of whoever is logged in.
What to keep out: cookies (api); keys themselves (`keys`).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, insert, or_, select

from nurseconv_dagster.store import audit
from nurseconv_dagster.store.access_tables import api_keys, page_sessions
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.keys import Key, counts_now

LIFETIME_S = 8 * 3600  # a shift


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in.

    Args:
        actor: as the audit log has it.
        key_id: of the key that was shown at the login; null for a login at the hospital's identity provider.
        scopes: what they may do.
        units: what they may see, by name; meaningless for admins, who see everything.
    """

    actor: str
    key_id: str | None
    scopes: frozenset[str]
    units: frozenset[str]


def open_session(engine: Engine, session: Session, key: Key | None = None) -> str:
    """The token of a new session, good for `LIFETIME_S`; its hash is stored, as a key's is.

    Args:
        engine: the app's database.
        session: who logs in.
        key: the key they showed; the session ends with it.
    """
    token = secrets.token_hex(32)
    expires_at = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, float(LIFETIME_S))
    with transaction(engine) as connection:
        connection.execute(
            insert(page_sessions).values(
                token_sha256=_sha256(token),
                actor=session.actor,
                key_id=session.key_id,
                secret_sha256=key.secret_sha256 if key else None,
                scopes=sorted(session.scopes),
                units=sorted(session.units),
                expires_at=expires_at,
            )
        )
        audit.record(connection, session.actor, "session.opened", None, {"scopes": sorted(session.scopes)})
    return token


def find_session(engine: Engine, token: str) -> Session | None:
    """Who is logged in with this token; null when nobody is any more."""
    query = (
        select(page_sessions)
        .outerjoin(api_keys, api_keys.c.id == page_sessions.c.key_id)
        .where(
            page_sessions.c.token_sha256 == _sha256(token),
            page_sessions.c.expires_at > func.clock_timestamp(),
            or_(
                page_sessions.c.key_id.is_(None),
                (api_keys.c.secret_sha256 == page_sessions.c.secret_sha256) & counts_now(),
            ),
        )
    )
    with transaction(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else Session(row.actor, row.key_id, frozenset(row.scopes), frozenset(row.units))


def end_session(engine: Engine, token: str) -> None:
    """The token is good for nothing any more."""
    with transaction(engine) as connection:
        ended = connection.execute(
            delete(page_sessions).where(page_sessions.c.token_sha256 == _sha256(token)).returning(page_sessions.c.actor)
        ).first()
        if ended is not None:
            audit.record(connection, ended.actor, "session.ended", None, {})


def forget(engine: Engine) -> None:
    """Rows of sessions that have run out are gone."""
    with transaction(engine) as connection:
        connection.execute(delete(page_sessions).where(page_sessions.c.expires_at < func.clock_timestamp()))


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
