"""The formats, and the files that each consists of.

What lives here: `FORMATS`, `ExportFile`, `Unavailable`, `export_uploads()`, `export_upload()`.
When to add here: a format's name and who makes its files.
What to keep out: how a format is written (`tables`, `fhir`, speech.subtitles), paths and HTTP.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.exports.fhir.bundle import build_bundle
from nurseconv_dagster.exports.tables import encode_csv, encode_jsonl, encode_parquet
from nurseconv_dagster.extraction.questions import Catalogue
from nurseconv_dagster.speech.subtitles import Untimed, write_srt, write_vtt
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.conversations import load_conversation

if TYPE_CHECKING:
    from sqlalchemy import Engine

TABLES = {"jsonl": encode_jsonl, "csv": encode_csv, "parquet": encode_parquet}
SUBTITLES = {"srt": write_srt, "vtt": write_vtt}
MEDIA_TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "fhir": "application/fhir+json",
}
FORMATS = tuple(MEDIA_TYPES)

# The earliest time a ZIP archive can hold: the same content is then the same bytes.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file on its way out.

    Args:
        name: "answers.csv", or the upload's id with an ending: two recordings may share a name, and names may name a
            person.
        media_type: for HTTP.
        chunks: the content, read once; rows are fetched while it is read.
    """

    name: str
    media_type: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there is no such file of an upload: a result, not an exception."""

    code: str
    message: str


NO_TRANSCRIPT = Unavailable(
    "no_transcript",
    "this upload has no transcript yet, so there is nothing to export; `status` tells whether it is still in work, "
    "and why not if it was refused or failed.",
)
NO_CUES = Unavailable("no_speech", "nobody speaks in this recording, so there are no subtitles of it.")


def export_uploads(
    engine: Engine, file_format: str, catalogue: Catalogue, *, include_transcript: bool = False
) -> Iterator[ExportFile | Unavailable]:
    """All uploads: a file for each table, or for each upload what its subtitles or its bundle are.

    Args:
        file_format: one of `FORMATS`.
        catalogue: the one in force; FHIR takes codes and units from it where it is the one that was asked.
        include_transcript: FHIR only: the transcript's text rides in the bundle.
    """
    if file_format in TABLES:
        yield from _tables(engine, file_format, None)
        return
    for upload_id in listings.list_transcribed(engine):
        try:
            file = _one_file(engine, upload_id, file_format, catalogue, include_transcript)
        except UnknownUploadError:  # erased since it was listed
            continue
        yield file


def export_upload(
    engine: Engine, upload_id: UUID, file_format: str, catalogue: Catalogue, *, include_transcript: bool = False
) -> ExportFile | Unavailable:
    """The same for one upload, as one file: three tables come as a ZIP archive.

    Raises:
        UnknownUploadError: permanent; no such upload, or it was erased.
    """
    if file_format not in TABLES:
        return _one_file(engine, upload_id, file_format, catalogue, include_transcript)
    if load_conversation(engine, upload_id).transcript is None:
        return NO_TRANSCRIPT
    content = _zip(_tables(engine, file_format, [upload_id]))
    return ExportFile(f"{upload_id}.{file_format}.zip", "application/zip", iter([content]))


def _tables(engine: Engine, file_format: str, ids: Sequence[UUID] | None) -> Iterator[ExportFile]:
    for kind in listings.EXPORTS:
        chunks = TABLES[file_format](listings.export_columns(kind), listings.export_rows(engine, kind, ids))
        yield ExportFile(f"{kind}.{file_format}", MEDIA_TYPES[file_format], chunks)


def _one_file(
    engine: Engine, upload_id: UUID, file_format: str, catalogue: Catalogue, include_transcript: bool
) -> ExportFile | Unavailable:
    conversation = load_conversation(engine, upload_id)
    if conversation.transcript is None:
        return NO_TRANSCRIPT
    if file_format == "fhir":
        bundle = build_bundle(conversation, catalogue, include_transcript=include_transcript)
        written: str | Untimed = json.dumps(bundle, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    else:
        written = SUBTITLES[file_format](conversation.transcript)
    if isinstance(written, Untimed):
        return Unavailable(written.code, written.message)
    if conversation.transcript.outcome == "no_speech" and file_format != "fhir":
        return NO_CUES
    ending = "fhir.json" if file_format == "fhir" else file_format
    return ExportFile(f"{upload_id}.{ending}", MEDIA_TYPES[file_format], iter([written.encode()]))


def _zip(files: Iterator[ExportFile]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.name, _ZIP_EPOCH), b"".join(file.chunks), zipfile.ZIP_DEFLATED)
    return out.getvalue()
