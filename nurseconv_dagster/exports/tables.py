"""Rows as bytes: JSON lines, CSV that no spreadsheet runs, Parquet with a type for each column.

What lives here: `encode_jsonl()`, `encode_csv()`, `encode_parquet()`, and `guard()`, which makes a cell harmless.
When to add here: another form of tables.
What to keep out: which rows and columns there are (store).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

Row = Mapping[str, Any]

# What makes a spreadsheet take a cell for a formula, also behind spaces and in the full-width forms of some keyboards.
# Source: OWASP, "CSV Injection". Apostrophes before it count too, so that a guard can be taken off again.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def encode_jsonl(columns: Mapping[str, str], rows: Iterable[Row]) -> Iterator[bytes]:
    """One JSON object a line; lists and objects stay what they are, times are ISO 8601.

    Args:
        columns: names and types; a row has them all.
        rows: read as the lines are.
    """
    for row in rows:
        yield (_json({name: row[name] for name in columns}) + "\n").encode()


def encode_csv(columns: Mapping[str, str], rows: Iterable[Row]) -> Iterator[bytes]:
    """A header, then a line for each row, as RFC 4180 has it; UTF-8.

    Nothing is an empty cell, lists and objects are JSON, and a text that a spreadsheet would run begins with an
    apostrophe, see `guard()`.

    Args:
        columns: names and types; a row has them all.
        rows: read as the lines are.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(kind, row[name]) for name, kind in columns.items()])
        yield _drain(out)
    yield _drain(out)


def guard(text: str) -> str:
    """The text as a spreadsheet shows and never runs it: with an apostrophe before it where it could be a formula.

    A number stays a number. To get a text back, take one apostrophe off every cell in which apostrophes stand before
    one of those signs.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def encode_parquet(columns: Mapping[str, str], rows: Iterable[Row]) -> Iterator[bytes]:
    """One Parquet file, a row group for each thousand rows; every column has its type, also when there are no rows.

    Ids are strings and lists and objects are JSON text, since Parquet needs one type for all rows of a column.

    Args:
        columns: names and types; a row has them all.
        rows: read a row group at a time.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _arrow_type(kind)) for name, kind in columns.items()])
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema) as writer:
        for group in _groups(rows, 1000):
            cells = {name: [_cell(kind, row[name]) for row in group] for name, kind in columns.items()}
            writer.write_table(pa.table(cells, schema=schema))
    yield out.getvalue()


def _arrow_type(kind: str) -> Any:
    import pyarrow as pa

    return {
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "FLOAT": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATETIME": pa.timestamp("us", tz="UTC"),
        "TEXT": pa.string(),
        "UUID": pa.string(),
        "JSONB": pa.string(),
    }[kind]


def _cell(kind: str, value: Any) -> Any:
    """A value for one flat cell."""
    if value is None:
        return None
    if kind == "JSONB":
        return _json(value)
    return str(value) if kind == "UUID" else value


def _csv_cell(kind: str, value: Any) -> Any:
    cell = _cell(kind, value)
    if isinstance(cell, datetime):
        return cell.isoformat()
    return guard(cell) if isinstance(cell, str) else cell


def _groups(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    waiting = iter(rows)
    while group := list(islice(waiting, size)):
        yield group


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _drain(out: io.StringIO) -> bytes:
    written = out.getvalue()
    out.seek(0)
    out.truncate()
    return written.encode()
