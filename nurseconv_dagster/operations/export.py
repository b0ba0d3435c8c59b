"""Results written into a folder.

What lives here: `export_results()`.
When to add here: something that only an operator's folder needs.
What to keep out: formats and their files (exports), which the API hands out too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nurseconv_dagster.exports.files import TABLES, ExportFile, Unavailable, export_uploads
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, open_engine


def export_results(
    settings: Settings, folder: Path, file_format: str, *, include_transcript: bool = False
) -> Iterator[str]:
    """Lines for people about the files written; current results only.

    Args:
        folder: made when missing; files of an earlier export are replaced.
        file_format: one of `exports.files.FORMATS`.
        include_transcript: FHIR only: with the transcript's text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(app_url(settings))
    missing: Counter[str] = Counter()
    n_written = 0
    try:
        for file in export_uploads(
            engine, file_format, read_catalogue(settings), include_transcript=include_transcript
        ):
            if isinstance(file, Unavailable):
                missing[file.message] += 1
                continue
            n_bytes = _write(folder / file.name, file)
            n_written += 1
            if file_format in TABLES:
                yield f"{folder / file.name}  {n_bytes} bytes"
    finally:
        engine.dispose()
    if file_format not in TABLES:
        yield f"{folder}  {n_written} {file_format} files"
        yield from (f"{n} uploads without one: {message}" for message, n in sorted(missing.items()))


def _write(path: Path, file: ExportFile) -> int:
    with path.open("wb") as out:
        return sum(out.write(chunk) for chunk in file.chunks)
