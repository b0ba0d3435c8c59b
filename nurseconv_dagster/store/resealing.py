"""Words in tables, sealed with the newest key of the ring, a few rows at a time.

What lives here: `reseal_step()`, and how many cells are sealed with which key.
When to add here: another column that passes through the codec.
What to keep out: objects of the vault.

A cell is the form of the codec; nothing else of a row changes, so that the marts have nothing to do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Engine, String, Table, and_, cast, func, or_, select, update

from nurseconv_dagster.encryption.ring import Ring
from nurseconv_dagster.encryption.texts import PREFIX
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import provider_replies
from nurseconv_dagster.store.tables import conversation_transcriptions

STEP_ROWS = 50
_ID_CHARS = 8


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A table with columns that the codec writes."""

    table: Table
    texts: tuple[str, ...]
    segments: tuple[str, ...] = ()

    @property
    def columns(self) -> list[Column[Any]]:
        return [self.table.c[name] for name in (*self.texts, *self.segments)]


_TABLES = (
    _Sealed(conversation_transcriptions, ("full_text",), ("segments",)),
    _Sealed(provider_replies, ("reply",)),
)


def reseal_step(engine: Engine, ring: Ring, max_rows: int = STEP_ROWS) -> int:
    """How many rows were sealed with the newest key, in one short transaction; 0 when none is left.

    Rows that somebody works on are left for a later step.

    Raises:
        SealedError: permanent; a cell does not open. What was done before stays done.
    """
    if ring.newest is None:
        return 0
    for sealed in _TABLES:
        with transaction(engine) as connection:
            n_rows = _reseal(connection, sealed, ring, ring.newest.id, max_rows)
        if n_rows:
            return n_rows
    return 0


def count_texts(engine: Engine) -> Counter[str]:
    """How many rows of words are sealed with which key, by its id; under the empty id those that are not sealed."""
    counts: Counter[str] = Counter()
    with transaction(engine) as connection:
        for sealed in _TABLES:
            head = func.left(sealed.table.c[sealed.texts[0]], len(PREFIX) + _ID_CHARS)
            for row in connection.execute(select(head.label("head"), func.count().label("n")).group_by(head)):
                key_id = row.head.removeprefix(PREFIX) if row.head.startswith(PREFIX) else ""
                counts["" if ":" in key_id else key_id] += row.n
    return counts


def _reseal(connection: Connection, sealed: _Sealed, ring: Ring, key_id: str, max_rows: int) -> int:
    table = sealed.table
    stale = or_(*(~_begins(column, f"{PREFIX}{key_id}:", column.name in sealed.segments) for column in sealed.columns))
    keys = list(table.primary_key.columns)
    rows = connection.execute(
        select(*keys, *sealed.columns).where(stale).limit(max_rows).with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        cells = row._mapping
        values: dict[str, Any] = {
            name: codec.encode_text(codec.decode_text(cells[name]), ring) for name in sealed.texts
        } | {name: codec.encode_segment_rows(codec.decode_segment_cell(cells[name]), ring) for name in sealed.segments}
        mine = and_(*(key == cells[key.name] for key in keys))
        connection.execute(update(table).where(mine).values(values))
    return len(rows)


def _begins(column: Column[Any], prefix: str, is_json: bool) -> Any:
    """Whether a cell is sealed with this key."""
    return cast(column, String).startswith(f'"{prefix}' if is_json else prefix)
