"""A bucket in a cloud, through the real sensor and ledger: taken once, refused in words, away in words, never named."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from nurseconv_dagster.automation.intake_sensor import intake_sensor, take_in
from nurseconv_dagster.definitions import defs
from nurseconv_dagster.encryption import ring as ring_module
from nurseconv_dagster.encryption.ring import add_key
from nurseconv_dagster.errors import BucketUnavailableError
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import listings
from tests.fakes.clamd import talking_clamd
from tests.fakes.notes import note
from tests.fakes.object_stores import bucket_at, moto
from tests.system.test_walk import dagster_dump

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster")]
CANARY = "zebulonis"


@pytest.fixture
def cloud(home: Settings):
    with moto() as address:
        made = bucket_at("s3", address)
        os.environ |= {"UPLOAD_DIR": made.url, "BUCKET_LIST_EVERY_S": "0", "MAX_FILE_SIZE": "4000"}
        yield made


def tick():
    """The sensor's answer, evaluated as the daemon does, and its tick's error when it failed."""
    from dagster import DagsterInstance, build_sensor_context

    resources = {name: (defs.resources or {})[name] for name in intake_sensor.required_resource_keys}
    with (
        DagsterInstance.get() as instance,
        build_sensor_context(instance=instance, definitions=defs, resources=resources) as context,
    ):
        return intake_sensor.evaluate_tick(context)


def take():
    counts: Counter[str] = Counter()
    take_in(IntakeResource(store=StoreResource()), counts, at_most_s=200)
    return counts


def test_objects_become_uploads_once_with_their_sidecars_and_a_run_is_asked_for(cloud, store_engine):
    cloud.put(f"5 east/{CANARY}.txt", note(1).encode())
    cloud.put(f"5 east/{CANARY}.txt.json", b'{"unit": "5-east", "encounter_id": "e1"}')
    cloud.put("empty.wav", b"")
    cloud.put("large.wav", b"x" * 4001)
    requests = tick().run_requests
    assert [request.job_name for request in requests][:1] == ["process_uploads"]
    rows = {row.original_filename: row for row in listings.list_uploads(store_engine)}
    assert {name: (row.status, row.error_code) for name, row in rows.items()} == {
        f"{CANARY}.txt": ("pending", None),
        "empty.wav": ("rejected", "empty_file"),
        "large.wav": ("rejected", "too_large"),
    }
    assert rows[f"{CANARY}.txt"].unit == "5-east"
    assert rows["large.wav"].file_size_bytes == 4001
    assert take() == {}
    assert cloud.keys() == {f"5 east/{CANARY}.txt", f"5 east/{CANARY}.txt.json", "empty.wav", "large.wav"}
    cloud.put(f"5 east/{CANARY}.txt.json", b'{"unit": "5-east", "encounter_id": "e1", "nurse_id": "n-1"}')
    assert take() == {"taken": 1}
    assert listings.list_uploads(store_engine, ids=[rows[f"{CANARY}.txt"].id])[0].nurse_id == "n-1"
    assert CANARY not in dagster_dump()


def test_a_vault_that_seals_shows_no_recording_on_its_disk_while_it_is_fetched(
    cloud, store_engine, tmp_path, monkeypatch
):
    add_key(tmp_path / "ring.json", datetime.now(UTC))
    os.environ["ENCRYPTION_KEY_FILE"] = str(tmp_path / "ring.json")
    ring_module._file_of_process.cache_clear()
    cloud.put("good.txt", note(1).encode())
    incoming = IntakeResource(store=StoreResource()).vault.incoming
    seen = []

    def look(self, arrival):
        seen.extend((arrival.path.read_bytes(), list(incoming.iterdir())))
        return accept(self, arrival)

    accept = IntakeResource.accept
    monkeypatch.setattr(IntakeResource, "accept", look)
    assert take() == {"taken": 1}
    assert seen == [note(1).encode(), []]
    ring_module._file_of_process.cache_clear()


def test_what_was_taken_in_is_deleted_where_that_is_wished_and_what_was_refused_stays(cloud, store_engine):
    os.environ["AFTER_INGEST"] = "delete"
    cloud.put("good.txt", note(1).encode())
    cloud.put("good.txt.json", b"{}")
    cloud.put("bad.wav", b"this is no sound")
    assert take() == {"taken": 2}
    assert cloud.keys() == {"bad.wav"}
    assert listings.count_by_status(store_engine) == {"pending": 1, "rejected": 1}


def test_a_bucket_that_is_away_fails_the_tick_but_holds_up_no_run(cloud, store_engine, caplog):
    cloud.put(f"{CANARY}.txt", note(1).encode())
    take()
    went_well_at = listings.last_beats(store_engine)[listings.INTAKE]
    there, os.environ["UPLOAD_DIR"] = os.environ["UPLOAD_DIR"], cloud.url.replace("uploads", "nowhere") + CANARY
    assert len(tick().run_requests) == 1
    with store_engine.begin() as connection:
        connection.execute(text("delete from upload_receipts"))
        connection.execute(text("delete from conversation_uploads"))
    with pytest.raises(BucketUnavailableError, match="404 NoSuchBucket") as away:
        tick()
    said = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]  # the bucket's own server
    assert CANARY not in f"{away.value} {said}"
    assert listings.last_beats(store_engine)[listings.INTAKE] == went_well_at
    os.environ["UPLOAD_DIR"] = there
    assert take() == {"taken": 1}
    assert listings.last_beats(store_engine)[listings.INTAKE] > went_well_at


def test_files_wait_while_the_scanner_is_away_and_none_is_taken_unscanned(cloud, store_engine):
    for number in range(3):
        cloud.put(f"n{number}.txt", note(number).encode())
    os.environ["VIRUS_SCAN"] = "clamav://127.0.0.1:1"
    assert take() == {"scanner_unavailable": 1}
    assert tick().skip_message == "took in 0 files, 1 wait (scanner_unavailable); no run is due"
    assert listings.count_by_status(store_engine) == {}
    assert listings.INTAKE not in listings.last_beats(store_engine)
    with talking_clamd(b"stream: OK\0") as address:
        os.environ["VIRUS_SCAN"] = address
        for _ in range(2):
            counts = take()
    assert counts == {}
    assert listings.count_by_status(store_engine) == {"pending": 3}
