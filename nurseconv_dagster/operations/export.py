"""Results as files: tables as JSON lines, CSV or Parquet, and subtitles.

What lives here: `export_results()`.
When to add here: another file format.
What to keep out: how subtitles are laid out (speech) and which rows are current (store).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.subtitles import Untimed, write_srt, write_vtt
from nurseconv_dagster.store import listings, results
from nurseconv_dagster.store.engine import app_url, open_engine

_SUBTITLES = {"srt": write_srt, "vtt": write_vtt}


def export_results(settings: Settings, folder: Path, file_format: str) -> Iterator[str]:
    """One line for people per file written; current results only.

    Args:
        folder: made when missing; files of an earlier export are replaced.
        file_format: jsonl, csv, parquet (`transcripts`, `answers`, `scores`), srt or vtt (one file a recording).
    """
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(app_url(settings))
    try:
        if file_format in _SUBTITLES:
            yield from _export_subtitles(engine, folder, file_format)
            return
        for kind in listings.EXPORTS:
            file = folder / f"{kind}.{file_format}"
            n_rows = _WRITERS[file_format](file, listings.export_rows(engine, kind))
            yield f"{file}  {n_rows} rows"
    finally:
        engine.dispose()


def _export_subtitles(engine: Any, folder: Path, file_format: str) -> Iterator[str]:
    n_written = n_untimed = 0
    for row in listings.export_rows(engine, "transcripts"):
        written = _SUBTITLES[file_format](results.load_transcript(engine, row["upload_id"]))
        if isinstance(written, Untimed) or not written.strip():
            n_untimed += 1
            continue
        # The upload's id, not its file name: two recordings may share a name, and names may name a person.
        (folder / f"{row['upload_id']}.{file_format}").write_text(written, encoding="utf-8")
        n_written += 1
    yield f"{folder}  {n_written} {file_format} files; {n_untimed} uploads have no timed words (typed, or no speech)"


def _write_jsonl(file: Path, rows: Iterator[dict[str, Any]]) -> int:
    n_rows = 0
    with file.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
            n_rows += 1
    return n_rows


def _write_csv(file: Path, rows: Iterator[dict[str, Any]]) -> int:
    n_rows = 0
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = None
        for row in rows:
            writer = writer or _csv_writer(out, list(row))
            writer.writerow({name: _cell(name, value) for name, value in row.items()})
            n_rows += 1
    return n_rows


def _csv_writer(out: Any, columns: list[str]) -> csv.DictWriter[str]:
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    return writer


def _write_parquet(file: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Parquet needs one type a column: nested values become JSON text, ids become text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = [{name: _cell(name, value) for name, value in row.items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(plain), file)
    return len(plain)


def _cell(name: str, value: Any) -> Any:
    """A value for one flat cell; `answer_value` is JSON in every row, since its type differs by question."""
    if isinstance(value, list | dict) or (name == "answer_value" and value is not None):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value) if isinstance(value, UUID) else value


_WRITERS = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}
