"""The walk of a conversation through the real definitions: bucket, sensor, runs, store, marts, export."""

from __future__ import annotations

import json
import os
import time
from collections import Counter

import pytest
from sqlalchemy import Engine, text

from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.operations.export import export_results
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.listings import ask_restart
from tests.exports import bundles
from tests.fakes.check_results import failed_checks
from tests.fakes.notes import drop, note

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster")]


def count(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def counts(engine: Engine) -> dict[str, int]:
    tables = ("conversation_uploads", "conversation_transcriptions", "question_answers", "conversation_scores",
              "processing_jobs", "extraction_attempts", "marts.conversations", "marts.answers")  # fmt: skip
    return {table: count(engine, f"select count(*) from {table}") for table in tables}


def materialized(name: str) -> set[str]:
    from dagster import AssetKey, DagsterInstance

    with DagsterInstance.get() as instance:
        return instance.get_materialized_partitions(AssetKey(name))


def test_typed_notes_reach_the_marts_and_arriving_again_changes_nothing_but_receipts(home, store_engine):
    for number in range(5):
        drop(home, f"ward/note{number}.txt", note(number), {"unit": "4-west", "encounter_id": f"e{number}"})
    assert drive(home).is_reported
    assert listings.count_by_status(store_engine) == {"completed": 5}
    assert count(store_engine, "select count(*) from marts.conversations where status = 'completed'") == 5
    assert count(store_engine, "select count(*) from question_answers where state = 'answered'") > 10
    before = counts(store_engine)
    for number in range(5):
        os.utime(home.bucket_dir / f"ward/note{number}.txt", (time.time() - 30, time.time() - 30))
    drive(home)
    assert counts(store_engine) == before
    assert count(store_engine, "select count(*) from upload_receipts") == 10


def test_one_bad_file_fails_alone_and_its_partition_stays_red(home, store_engine):
    drop(home, "good1.txt", note(1))
    drop(home, "bad.wav", b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00" + bytes(2000))
    drop(home, "empty.wav", b"")
    drop(home, "good2.txt", note(2))
    drive(home)
    ends = {row.original_filename: row for row in listings.list_uploads(store_engine)}
    assert {name: row.status for name, row in ends.items()} == {
        "good1.txt": "completed", "good2.txt": "completed", "bad.wav": "rejected", "empty.wav": "rejected",
    }  # fmt: skip
    assert all(row.error_code and row.error_message for row in ends.values() if row.status == "rejected")
    good = {str(row.id) for name, row in ends.items() if name.startswith("good")}
    assert materialized("conversation_uploads") == good
    assert materialized("conversation_scores") == good


def test_a_failure_inside_a_batch_leaves_its_mates_whole(home, store_engine):
    """The object of one upload vanishes from the vault: it is tried again alone, the others go on in another run."""
    for number in range(4):
        drop(home, f"n{number}.txt", note(number))
    from nurseconv_dagster.automation.intake_sensor import take_in
    from nurseconv_dagster.resources.intakes import IntakeResource
    from nurseconv_dagster.resources.stores import StoreResource

    intake = IntakeResource(store=StoreResource())
    counts: Counter[str] = Counter()
    take_in(intake, counts, at_most_s=200)  # no matter how busy the machine is
    assert counts == {"taken": 4}
    victim = listings.list_uploads(store_engine)[1]
    intake.vault.path(victim.object_key).unlink()
    with store_engine.begin() as connection:  # do not wait out the pauses of three attempts
        connection.execute(text("update conversation_uploads set n_failures = 2 where id = :id"), {"id": victim.id})
    drive(home)
    ends = {row.id: row for row in listings.list_uploads(store_engine)}
    assert ends[victim.id].status == "failed"
    assert sorted(row.status for row in ends.values()) == ["completed", "completed", "completed", "failed"]
    done = {str(upload_id) for upload_id in ends if upload_id != victim.id}
    assert materialized("question_answers") == done


def test_a_retry_supersedes_and_the_old_answers_keep_their_transcript(home, store_engine):
    drop(home, "n.txt", note(3))
    drive(home)
    upload_id = listings.list_uploads(store_engine)[0].id
    ask_restart(store_engine, upload_id, "transcriptions", "test")
    drive(home)
    runs = "select count(distinct run_no) from question_answers"
    assert count(store_engine, runs) == 2
    assert count(store_engine, "select count(*) from conversation_transcriptions where is_current") == 1
    mismatched = (
        "select count(*) from question_answers a join conversation_transcriptions t on t.id = a.transcription_id "
        "where a.run_no <> t.run_no"
    )
    assert count(store_engine, mismatched) == 0
    assert count(store_engine, "select count(*) from marts.answers") == count(
        store_engine, "select count(*) from question_answers where is_current and not is_phi"
    )


def test_every_asset_check_passes_after_a_good_day_and_a_planted_lie_turns_one_red(home, store_engine):
    drop(home, "n.txt", note(4))
    drive(home)
    assert failed_checks() == set()
    with store_engine.begin() as connection:
        connection.execute(
            text("update question_answers set evidence_quote = 'never said' where state in ('answered', 'denied')")
        )
        connection.execute(text("update conversation_uploads set updated_at = clock_timestamp()"))
    drive(home)
    assert "every_answer_is_proven" in failed_checks()


def test_exports_hold_the_rows_with_their_columns(home, store_engine, tmp_path):
    drop(home, "n.txt", note(5))
    drive(home)
    for file_format in ("jsonl", "csv", "parquet"):
        list(export_results(home, tmp_path / file_format, file_format))
    rows = [json.loads(line) for line in (tmp_path / "jsonl" / "answers.jsonl").read_text().splitlines()]
    assert {row["original_filename"] for row in rows} == {"n.txt"}
    assert len({row["question_id"] for row in rows}) == 12
    full_text = json.loads((tmp_path / "jsonl" / "transcripts.jsonl").read_text())["full_text"]
    for row in rows:
        for item in row["evidence"]:
            assert full_text[item["start_char"] : item["end_char"]] == item["quote"]
    import pandas as pd

    assert len(pd.read_parquet(tmp_path / "parquet" / "answers.parquet")) == len(rows)
    assert len(pd.read_csv(tmp_path / "csv" / "answers.csv")) == len(rows)
    told = list(export_results(home, tmp_path / "fhir", "fhir"))
    [bundle] = (tmp_path / "fhir").iterdir()
    assert bundle.name == f"{rows[0]['upload_id']}.fhir.json"
    assert len(bundles.check(bundle.read_bytes())["QuestionnaireResponse"][0]["item"]) == 12
    assert told == [f"{tmp_path / 'fhir'}  1 fhir files"]
    told = list(export_results(home, tmp_path / "vtt", "vtt"))
    assert told[0].endswith("0 vtt files")
    assert told[1].startswith("1 uploads without one: a typed conversation has no times")


def test_no_words_names_or_file_names_leak_into_dagster_logs_or_metadata(home, store_engine):
    """The canary: a word, a name and a file name that appear nowhere else are looked for in every other sink."""
    canaries = ("quokkamarine", "zebulonis", "xylofile")
    words = note(0).replace("headache", "quokkamarine headache").replace("Margaret", "Zebulonis")
    drop(home, "xylofile-zebulonis.txt", words, {"unit": "icu"})
    drop(home, "xylofile.wav", b"quokkamarine is not audio")
    drive(home)
    assert count(store_engine, "select count(*) from conversation_transcriptions where full_text ilike '%quokka%'") == 1
    sinks = {"dagster database": dagster_dump()}
    for file in home.home.rglob("*"):
        if file.is_file() and "vault" not in file.parts and "uploads" not in file.parts:
            sinks[str(file.relative_to(home.home))] = file.read_bytes().decode(errors="replace")
    sinks["ledger messages"] = str(
        [(row.error_message, row.identity_key, row.object_key) for row in listings.list_uploads(store_engine)]
    )
    leaks = [(sink, word) for sink, content in sinks.items() for word in canaries if word in content.lower()]
    assert leaks == []
    assert len(sinks) > 3


def dagster_dump() -> str:
    """Everything Dagster keeps, as text."""
    from sqlalchemy import create_engine

    engine = create_engine(
        os.environ["DAGSTER_DATABASE_URL"].replace("postgresql+psycopg://", "postgresql+psycopg2://")
    )
    with engine.connect() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        dump = "\n".join(
            str(row) for table in tables for row in connection.execute(text(f'select t::text from "{table}" t'))
        )
    engine.dispose()
    return dump
