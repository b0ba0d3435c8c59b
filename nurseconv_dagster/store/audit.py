"""The audit log: who did what to which upload, append-only and hash-chained.

What lives here: `record()` inside the caller's transaction; `access()`, a transaction that is itself an access;
`refusals()` and `refuse()`, for what did not happen;
`seal()`, which chains what is not chained yet; `verify()`, which recomputes the chain.
When to add here: a new kind of access or change calls `record()`; this file stays.
What to keep out: words, names, file names. A trigger sees to it that rows only ever gain their chain columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, select, text, update

from nurseconv_dagster.errors import NurseconvError, StoreUnavailableError
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import audit_log

GENESIS = "0" * 64
_INSERT = insert(audit_log)
_LOCK = "select pg_advisory_xact_lock(hashtext('nurseconv:audit'))"


def record(connection: Connection, actor: str, action: str, subject: str | None, details: dict[str, Any]) -> None:
    """One audit row, written in the caller's transaction; it is chained later by `seal()`."""
    # values as parameters: a statement that is always the same is put together once
    connection.execute(_INSERT, {"actor": actor, "action": action, "subject": subject, "details": details})


@contextmanager
def access(
    engine: Engine, actor: str, action: str, subject: UUID | str | None = None, details: dict[str, Any] | None = None
) -> Iterator[Connection]:
    """One transaction that reads or changes something for somebody, and the audit row about it.

    An access that ends in an error changes nothing and is written down as refused, with the error's code. When the
    database is away there is no row, and no access either.

    Args:
        engine: the app's database.
        actor: who, as `Caller.actor` has it.
        action: subject and verb, such as "upload.read".
        subject: an id; null for an access to many things (a list).
        details: ids, counts and settings; no words, no names.

    Raises:
        StoreUnavailableError: transient; Postgres did not answer.
    """
    told = details or {}
    with refusals(engine, actor, action, subject, told), transaction(engine) as connection:
        yield connection
        record(connection, actor, action, _known(subject), told)


@contextmanager
def refusals(
    engine: Engine, actor: str, action: str, subject: UUID | str | None = None, details: dict[str, Any] | None = None
) -> Iterator[None]:
    """Around what writes its own audit row when it succeeds: an error is written down as refused, and goes on."""
    try:
        yield
    except StoreUnavailableError:
        raise
    except NurseconvError as error:
        refuse(engine, actor, action, subject, {**(details or {}), "refused": error.code})
        raise


def refuse(engine: Engine, actor: str, action: str, subject: UUID | str | None, details: dict[str, Any]) -> None:
    """An access that did not happen, in a transaction of its own."""
    with transaction(engine) as connection:
        record(connection, actor, action, _known(subject), details)


def _known(subject: UUID | str | None) -> str | None:
    return str(subject) if subject is not None else None


def seal(engine: Engine) -> int:
    """How many rows were chained now. One sealer at a time, so that requests need no lock."""
    with transaction(engine) as connection:
        connection.execute(text(_LOCK))
        number, previous = _end(connection)
        rows = connection.execute(
            select(audit_log).where(audit_log.c.chain_no.is_(None)).order_by(audit_log.c.seq).limit(1000)
        ).all()
        chained = []
        for row in rows:
            number, digest = number + 1, _row_hash(row, previous)
            chained.append({"of": row.seq, "chain_no": number, "previous_hash": previous, "row_hash": digest})
            previous = digest
        if chained:
            connection.execute(update(audit_log).where(audit_log.c.seq == bindparam("of")), chained)
        return len(rows)


def verify(engine: Engine) -> tuple[int, int | None]:
    """How many chained rows are right, and the sequence number of the first that is not (null when all are)."""
    n_right, previous = 0, GENESIS
    with transaction(engine) as connection:
        rows = connection.execute(
            select(audit_log).where(audit_log.c.chain_no.is_not(None)).order_by(audit_log.c.chain_no)
        )
        for row in rows:
            if row.chain_no != n_right + 1 or row.previous_hash != previous or row.row_hash != _row_hash(row, previous):
                return n_right, row.seq
            n_right, previous = n_right + 1, row.row_hash
    return n_right, None


def n_unsealed(engine: Engine) -> int:
    """Rows that wait for the sealer."""
    with transaction(engine) as connection:
        query = select(func.count()).select_from(audit_log).where(audit_log.c.chain_no.is_(None))
        return connection.execute(query).scalar_one()


def newest_hash(engine: Engine) -> str:
    """The hash at the chain's end, which stands for all rows before it."""
    with transaction(engine) as connection:
        return _end(connection)[1]


def _end(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last row of the chain."""
    last = connection.execute(
        select(audit_log.c.chain_no, audit_log.c.row_hash)
        .where(audit_log.c.chain_no.is_not(None))
        .order_by(audit_log.c.chain_no.desc())
        .limit(1)
    ).first()
    return (last.chain_no, last.row_hash) if last else (0, GENESIS)


def _row_hash(row: Row[Any], previous: str) -> str:
    body = [previous, row.seq, row.at.isoformat(), row.actor, row.action, row.subject, row.details]
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
