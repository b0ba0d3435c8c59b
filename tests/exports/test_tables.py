"""Laws of exported tables: the same rows in every format, with types, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.exports.files import (
    FORMATS,
    MEDIA_TYPES,
    TABLES,
    ExportFile,
    Unavailable,
    export_upload,
    export_uploads,
)
from nurseconv_dagster.exports.tables import encode_csv, guard
from nurseconv_dagster.operations.cli import Format
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import conversation_uploads
from tests.exports.kept import CATALOGUE, SILENCE, answer, arrive, made_up, walk
from tests.fakes.notes import note
from tests.fakes.talks import spoken, typed

RUNS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", "＠x", '=HYPERLINK("x";"y")', "-"]
NUMBERS = ["-5", "+3", "-1.5", "-2e-7", "12"]


def all_files(engine: Engine, file_format: str) -> dict[str, bytes]:
    files = export_uploads(engine, file_format, CATALOGUE)
    return {file.name: b"".join(file.chunks) for file in files if isinstance(file, ExportFile)}


def one_file(engine: Engine, upload_id: UUID, file_format: str) -> ExportFile:
    file = export_upload(engine, upload_id, file_format, CATALOGUE)
    assert isinstance(file, ExportFile)
    return file


def unguard(cell: str) -> str:
    """As docs/exports.md tells it."""
    return re.sub(r"^'(?='*(?:\s*[=+\-@＝＋－＠]|[\t\r\n]))", "", cell)


def rows_of(content: bytes, file_format: str) -> list[dict[str, object]]:
    readers: dict[str, Callable[[bytes], list[dict[str, object]]]] = {
        "jsonl": lambda raw: [json.loads(line) for line in raw.splitlines()],
        "csv": lambda raw: list(csv.DictReader(io.StringIO(raw.decode(), newline=""))),
        "parquet": lambda raw: pq.read_table(io.BytesIO(raw)).to_pylist(),
    }
    return readers[file_format](content)


@pytest.mark.parametrize("text", RUNS)
def test_no_cell_of_a_spreadsheet_begins_as_a_formula(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", [*NUMBERS, "", "no = sign first", "a-b", "e@x", "[1, -2]", '"=1"'])
def test_numbers_and_plain_words_are_left_alone(text: str) -> None:
    assert guard(text) == text


@given(st.one_of(st.text(), st.text("'=+-@ \t\r\n1.e"), st.sampled_from(RUNS + NUMBERS)))
def test_a_guarded_text_can_be_had_back(text: str) -> None:
    assert unguard(guard(text)) == text
    assert guard(guard(text)) != guard(text) or guard(text) == text


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1, max_size=4))
def test_every_text_survives_the_way_through_a_csv_file(texts: list[str]) -> None:
    written = b"".join(encode_csv({"words": "TEXT", "n": "FLOAT"}, [{"words": text, "n": -1.5} for text in texts]))
    rows = list(csv.reader(io.StringIO(written.decode(), newline="")))
    assert rows[0] == ["words", "n"]
    assert [[unguard(words), n] for words, n in rows[1:]] == [[text, "-1.5"] for text in texts]


def test_answers_reach_a_csv_file_guarded_and_with_their_numbers(engine: Engine) -> None:
    upload_id = arrive(engine, spoken("patient: and then"))
    answer(
        engine,
        upload_id,
        made_up("chief_complaint", value="=cmd|' /C calc'!A0", text="=cmd|' /C calc'!A0"),
        made_up("patient_age", value=-5, text="-5", is_valid=False),
    )
    rows = {row["question_id"]: row for row in rows_of(all_files(engine, "csv")["answers.csv"], "csv")}
    assert rows["chief_complaint"]["answer_text"] == "'=cmd|' /C calc'!A0"
    assert rows["chief_complaint"]["answer_value"] == "\"=cmd|' /C calc'!A0\""
    assert (rows["patient_age"]["answer_value"], rows["patient_age"]["answer_text"]) == ("-5", "-5")


def test_every_table_format_holds_the_same_rows_and_columns(engine: Engine) -> None:
    for number in range(3):
        walk(engine, typed(*note(number).splitlines()))
    found = {name: all_files(engine, name) for name in TABLES}
    for kind in listings.EXPORTS:
        tables = {name: rows_of(files[f"{kind}.{name}"], name) for name, files in found.items()}
        ids = {name: [str(row["id"]) for row in rows] for name, rows in tables.items()}
        assert ids["jsonl"] == ids["csv"] == ids["parquet"]
        for rows in tables.values():
            assert all(list(row) == list(listings.export_columns(kind)) for row in rows)
    answers = rows_of(found["jsonl"]["answers.jsonl"], "jsonl")
    asked = [question.id for question in CATALOGUE.profiles["general"].questions]
    assert [row["question_id"] for row in answers] == asked * 3


def test_every_parquet_column_has_its_type_even_when_there_are_no_rows(engine: Engine) -> None:
    empty = {name: pq.read_schema(io.BytesIO(raw)) for name, raw in all_files(engine, "parquet").items()}
    types = {field.name: field.type for field in empty["answers.parquet"]}
    assert types["confidence_score"] == pa.float64()
    assert types["is_confident"] == pa.bool_()
    assert types["run_no"] == pa.int32()
    assert types["created_at"] == pa.timestamp("us", tz="UTC")
    assert types["answer_value"] == types["upload_id"] == pa.string()
    walk(engine, typed(*note(1).splitlines()))
    full = {name: pq.read_schema(io.BytesIO(raw)) for name, raw in all_files(engine, "parquet").items()}
    assert full == empty


def test_an_empty_csv_file_still_has_its_header(engine: Engine) -> None:
    header = all_files(engine, "csv")["scores.csv"].decode().splitlines()
    assert header == [",".join(listings.export_columns("scores"))]


@pytest.mark.parametrize("file_format", sorted(TABLES))
def test_one_uploads_tables_come_as_one_archive_of_its_rows_alone(engine: Engine, file_format: str) -> None:
    mine, _ = (walk(engine, typed(*note(number).splitlines())) for number in (1, 2))
    file = one_file(engine, mine, file_format)
    content = b"".join(file.chunks)
    assert (file.name, file.media_type) == (f"{mine}.{file_format}.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [f"{kind}.{file_format}" for kind in listings.EXPORTS]
        rows = rows_of(archive.read(f"answers.{file_format}"), file_format)
    assert {str(row["upload_id"]) for row in rows} == {str(mine)}
    assert content == b"".join(one_file(engine, mine, file_format).chunks)


def test_the_command_line_and_the_api_hand_out_the_same_bytes(engine: Engine) -> None:
    upload_id = walk(engine, spoken(*note(1).splitlines()))
    for file_format in ("srt", "vtt", "fhir"):
        one = one_file(engine, upload_id, file_format)
        assert all_files(engine, file_format) == {one.name: b"".join(one.chunks)}
    for file_format in TABLES:
        with zipfile.ZipFile(io.BytesIO(b"".join(one_file(engine, upload_id, file_format).chunks))) as archive:
            inside = {name: archive.read(name) for name in archive.namelist()}
        assert inside == all_files(engine, file_format)


def test_the_command_line_offers_exactly_the_formats_there_are() -> None:
    assert [str(one) for one in Format] == list(FORMATS) == list(MEDIA_TYPES)


def test_what_has_no_subtitles_says_why(engine: Engine) -> None:
    written = walk(engine, typed("nurse: Any allergies?"))
    silent = arrive(engine, SILENCE)
    waiting = arrive(engine)
    codes = {}
    for name, upload_id in {"typed": written, "silent": silent, "waiting": waiting}.items():
        refused = export_upload(engine, upload_id, "vtt", CATALOGUE)
        assert isinstance(refused, Unavailable)
        codes[name] = refused.code
    assert codes == {"typed": "no_times", "silent": "no_speech", "waiting": "no_transcript"}


def test_an_upload_that_is_erased_while_others_are_exported_stops_nobody(engine: Engine) -> None:
    for number in range(2):
        walk(engine, spoken(*note(number).splitlines()))
    files = export_uploads(engine, "srt", CATALOGUE)
    first = next(files)
    with transaction(engine) as connection:
        connection.execute(update(conversation_uploads).values(status="erased"))
    assert isinstance(first, ExportFile)
    assert list(files) == []


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_erased_or_unknown_upload_is_in_no_export(engine: Engine, file_format: str) -> None:
    gone = walk(engine, spoken(*note(1).splitlines()))
    with transaction(engine) as connection:
        connection.execute(update(conversation_uploads).values(status="erased"))
    assert all(str(gone).encode() not in content for content in all_files(engine, file_format).values())
    for upload_id in (gone, uuid4()):
        with pytest.raises(UnknownUploadError):
            export_upload(engine, upload_id, file_format, CATALOGUE)
