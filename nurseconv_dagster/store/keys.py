"""Keys of the API: made, listed, found again, renewed, revoked. The secret is shown once and never stored.

What lives here: `Key`, `make_key()`, `list_keys()`, `admit_key()`, `rotate_key()`, `revoke_key()`, `counts_now()`.
When to add here: what a key may be asked to do.
What to keep out: what a scope allows (api); sessions of the pages (`sessions`).

A key is `nc_<id>_<secret>`. What is stored is the SHA-256 of the whole key. A slow hash would protect secrets that
people choose; 256 random bits cannot be guessed from their hash, and a slow one would only make each request slow.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, insert, select, text, update

from nurseconv_dagster.errors import RequestRefusedError, StoreUnavailableError
from nurseconv_dagster.store import audit, rate_limits
from nurseconv_dagster.store.access_tables import api_keys
from nurseconv_dagster.store.engine import quick_cursor, transaction

SCOPES = ("upload", "read", "review", "admin")
# Hashes are compared in SQL: how long that takes tells nobody anything about a secret that has their form.
_ADMIT = f"""
    with found as materialized (
        select *, last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute' as is_stale
        from api_keys
        where id = %(id)s and secret_sha256 = %(secret_sha256)s and revoked_at is null
            and (expires_at is null or expires_at > clock_timestamp())
    ), turn as ({rate_limits.turn_of("'key:' || id", "from found where %(per_minute)s > 0")})
    select found.*, exists (select from turn) as has_turn from found
"""
_USED = """
    update api_keys set last_used_at = clock_timestamp()
    where id = %(id)s and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')
"""
_TOKEN = re.compile(r"nc_([0-9a-f]{12})_[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret.

    Args:
        id: 12 hexadecimal digits; the key's name in the audit log.
        label: an operator's word for who uses it.
        scopes: some of `SCOPES`.
        units: the units it reaches; meaningless with the scope admin, which reaches all.
        secret_sha256: of the whole key; changes when it is rotated.
        created_at: aware, as are all the times below.
        expires_at: from then on it is refused; null is never.
        rotated_at: when its secret was last renewed.
        revoked_at: from then on it is refused for good.
        last_used_at: true to the minute.
    """

    id: str
    label: str
    scopes: frozenset[str]
    units: frozenset[str]
    secret_sha256: str
    created_at: datetime
    expires_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def actor(self) -> str:
        """The key as the audit log has it."""
        return f"key:{self.id}"


def make_key(
    engine: Engine,
    label: str,
    *,
    scopes: Collection[str],
    units: Collection[str] = (),
    expires_at: datetime | None = None,
    actor: str,
) -> str:
    """The new key, whole; nobody can be shown it again.

    Raises:
        RequestRefusedError: a scope is unknown, or a key that is no admin's has no unit.
    """
    _check(scopes, units)
    key_id = secrets.token_hex(6)
    token = _new_token(key_id)
    reach = {"scopes": sorted(scopes), "units": sorted(units)}
    with transaction(engine) as connection:
        connection.execute(
            insert(api_keys).values(
                id=key_id, label=label, secret_sha256=_sha256(token), expires_at=expires_at, **reach
            )
        )
        audit.record(connection, actor, "key.made", key_id, {"scopes": reach["scopes"]})
    return token


def list_keys(engine: Engine) -> list[Key]:
    """All keys, oldest first; those that no longer count too."""
    with transaction(engine) as connection:
        return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at))]


def admit_key(engine: Engine, token: str, per_minute: int = 0) -> tuple[Key | None, float]:
    """The key that this is, if it counts now, and how many seconds it has to wait because it comes too often (0: none).

    One statement, for every request pays for it: the key is found and takes its turn. A connection that broke while it
    lay idle in the pool is replaced here, so that no ping has to go before each use.

    Args:
        engine: the app's database.
        token: what came with the request.
        per_minute: how many turns a key has; 0 is no limit.

    Raises:
        StoreUnavailableError: transient; Postgres did not answer.
    """
    form = _TOKEN.fullmatch(token)
    if form is None:
        return None, 0.0
    what = {"id": form[1], "secret_sha256": _sha256(token), "per_minute": per_minute}
    try:
        found = _admit(engine, what)
    except StoreUnavailableError:
        found = _admit(engine, what)
    if found is None:
        return None, 0.0
    key, has_turn = found
    return key, 0.0 if has_turn else rate_limits.wait_of(engine, key.actor, per_minute)


def _admit(engine: Engine, what: dict[str, Any]) -> tuple[Key, bool] | None:
    with quick_cursor(engine) as cursor:
        row = cursor.execute(_ADMIT, what).fetchone()
        if row is None:
            return None
        if row.is_stale:
            cursor.execute(_USED, what)
    return _key(row), bool(row.has_turn or not what["per_minute"])


def rotate_key(engine: Engine, key_id: str, actor: str) -> str:
    """The key with a new secret, whole; the old one is refused from now on.

    Raises:
        RequestRefusedError: no such key, or it is revoked or expired.
    """
    token = _new_token(key_id)
    values = {"secret_sha256": _sha256(token), "rotated_at": func.clock_timestamp()}
    _change(engine, key_id, "key.rotated", values, actor)
    return token


def revoke_key(engine: Engine, key_id: str, actor: str) -> None:
    """The key is refused from now on, for good.

    Raises:
        RequestRefusedError: no such key, or it is revoked or expired already.
    """
    _change(engine, key_id, "key.revoked", {"revoked_at": func.clock_timestamp()}, actor)


def counts_now() -> ColumnElement[bool]:
    """The rows of keys that are neither revoked nor expired."""
    expires_at = func.coalesce(api_keys.c.expires_at, text("'infinity'::timestamptz"))
    return and_(api_keys.c.revoked_at.is_(None), expires_at > func.clock_timestamp())


def _check(scopes: Collection[str], units: Collection[str]) -> None:
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise RequestRefusedError(f"a key needs one or more of the scopes {', '.join(SCOPES)}.")
    if "admin" not in scopes and not units:
        raise RequestRefusedError(
            "a key without the scope admin sees its units only: name one or more, or '*' for every unit."
        )


def _change(engine: Engine, key_id: str, action: str, values: dict[str, Any], actor: str) -> None:
    with transaction(engine) as connection:
        changed = connection.execute(
            update(api_keys).where(api_keys.c.id == key_id, counts_now()).values(values).returning(api_keys.c.id)
        ).first()
        if changed is None:
            raise RequestRefusedError(f"no key {key_id} counts; `nurseconv keys list` shows those that do.")
        audit.record(connection, actor, action, key_id, {})


def _new_token(key_id: str) -> str:
    return f"nc_{key_id}_{secrets.token_hex(32)}"


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: Any) -> Key:
    values = {name: getattr(row, name) for name in Key.__slots__}
    return Key(**{**values, "scopes": frozenset(row.scopes), "units": frozenset(row.units)})
