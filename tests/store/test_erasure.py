"""What is erased is gone for good, whatever runs, whatever was sent before or is sent again, wherever a crash came."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from nurseconv_dagster.errors import ErasedUploadError, LeaseLostError, UnknownUploadError, VaultUnavailableError
from nurseconv_dagster.extraction.hosted.calls import Completion, Usage
from nurseconv_dagster.intake.arrivals import Sidecar
from nurseconv_dagster.intake.vault import FileVault, hash_file
from nurseconv_dagster.resources.stages import StageBatch
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.arrivals import ArrivalLedger, _insert_upload
from nurseconv_dagster.store.budgets import Limits
from nurseconv_dagster.store.call_desk import PostgresCallDesk
from nurseconv_dagster.store.erasure import TOMBSTONES, erase_upload, finish_erasures, hold_object
from nurseconv_dagster.store.tables import conversation_uploads, metadata, upload_receipts
from tests.fakes.results import CANARY, add_results
from tests.fakes.uploads import new_upload
from tests.store.test_ledger_laws import claim_plan, claims, plans, row


class House:
    """A ledger, a vault, and the folder that both live in."""

    def __init__(self, engine, root: Path):
        self.engine = engine
        self.root = root
        self.vault = FileVault(root / "vault")
        self.ledger = ArrivalLedger(engine)

    def arrive(self, content=b"words", **about):
        source = self.root / "source"
        source.write_bytes(content)
        sha = hash_file(source)[0]
        upload = new_upload(sha, **about)
        key = self.vault.put(source, sha)
        object.__setattr__(upload, "object_key", key)
        object.__setattr__(upload, "original_filename", f"{CANARY}.txt")
        return self.ledger.record_arrival(upload)

    def erase(self, upload_id, *, finish=True):
        with self.engine.begin() as connection:
            n_copies = erase_upload(connection, upload_id, self.root, "test")
        if finish:
            finish_erasures(self.engine, self.vault)
        return n_copies

    @property
    def objects(self):
        return [path for path in (self.root / "vault").rglob("*") if path.is_file()]

    def contents(self):
        """Every row of every table, as text."""
        with self.engine.connect() as connection:
            return "\n".join(str(row) for table in metadata.sorted_tables for row in connection.execute(select(table)))


@pytest.fixture
def house(engine, tmp_path):
    return House(engine, tmp_path)


def desk(engine, upload_id):
    return PostgresCallDesk(engine, upload_id, 1, None, Limits(), privacy="cleared")


def test_an_erased_upload_leaves_no_word_no_name_and_no_object(house):
    side = Sidecar(nurse_id=CANARY, encounter_id=CANARY, unit="icu", language="de", consent=True)
    upload_id = house.arrive(sidecar=side, location=f"{CANARY}/a.txt", version="1").upload_id
    house.arrive(sidecar=side, location=f"{CANARY}/b.txt", version="1", source="api")
    add_results(house.engine, upload_id)
    desk(house.engine, upload_id).keep_reply("k", Completion(CANARY, "stop", Usage(), "m"))
    assert house.contents().count(CANARY) > 10

    assert house.erase(upload_id) == 1

    assert CANARY not in house.contents()
    assert house.objects == []
    left = row(house.engine, upload_id)
    assert (left.status, left.unit, left.object_key, left.original_filename) == ("erased", "icu", None, "erased")
    assert (left.nurse_id, left.language, left.consent, left.damage) == (None, None, None, [])


def test_the_erasure_stands_in_the_audit_log_and_outside_the_database(house):
    first, second = house.arrive(b"one").upload_id, house.arrive(b"two").upload_id
    house.erase(first)
    house.erase(second)
    lines = (house.root / TOMBSTONES).read_text().splitlines()
    assert [line.split()[1] for line in lines] == [str(first), str(second)]
    assert (house.root / TOMBSTONES).stat().st_mode & 0o777 == 0o600
    assert audit.n_unsealed(house.engine) == 2


def test_sending_an_erased_upload_again_does_not_bring_it_back(house):
    upload_id = house.arrive(sidecar=Sidecar(nurse_id=CANARY)).upload_id
    house.erase(upload_id)
    again = house.arrive(sidecar=Sidecar(nurse_id=CANARY), location=f"{CANARY}.txt", version="2")
    assert (again.upload_id, again.refusal.code) == (upload_id, "erased")
    assert house.ledger.finish_erasures(house.vault) == 1
    assert house.objects == []
    assert CANARY not in house.contents()
    assert plans(house.engine) == []


def test_an_erased_file_that_still_lies_in_the_bucket_is_not_taken_in_with_every_tick(house):
    upload_id = house.arrive(location=f"{CANARY}.txt", version="1").upload_id
    house.erase(upload_id)
    assert house.ledger.known_versions(iter([f"{CANARY}.txt"])) == {f"{CANARY}.txt": "1"}
    house.arrive(location=f"{CANARY}.txt", version="2")
    assert house.ledger.known_versions(iter([f"{CANARY}.txt"])) == {f"{CANARY}.txt": "2"}
    house.arrive(b"another conversation under the same name", location=f"{CANARY}.txt", version="3")
    assert house.ledger.known_versions(iter([f"{CANARY}.txt"])) == {f"{CANARY}.txt": "3"}


def test_words_that_another_upload_holds_stay_until_it_goes_too(house):
    first = house.arrive(key="text:1").upload_id
    second = house.arrive(key="text:2").upload_id
    house.erase(first)
    assert len(house.objects) == 1
    assert house.vault.verify(row(house.engine, second).object_key)
    house.erase(second)
    assert house.objects == []


def test_a_row_that_is_about_to_name_the_object_is_waited_for(house):
    """Otherwise an erasure would take the words of an upload that arrives at the same moment."""
    first = house.arrive(key="text:1").upload_id
    object_key = row(house.engine, first).object_key
    house.erase(first, finish=False)
    arriving = new_upload(key="text:2")
    object.__setattr__(arriving, "object_key", object_key)
    object.__setattr__(arriving, "content_sha256", object_key.rsplit("/")[-1])
    with house.engine.begin() as connection:
        hold_object(connection, object_key)
        finishing = threading.Thread(target=finish_erasures, args=(house.engine, house.vault))
        finishing.start()
        waiters = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        while finishing.is_alive() and not connection.execute(waiters).scalar_one():
            time.sleep(0.02)
        _insert_upload(connection, arriving)
    finishing.join(20)
    assert house.vault.verify(object_key)


def test_a_run_that_works_on_an_erased_upload_writes_nothing_and_its_calls_keep_nothing(house):
    upload_id = house.arrive().upload_id
    (claim,) = claim_plan(house.engine, plans(house.engine)[0])
    house.erase(upload_id)
    with pytest.raises(LeaseLostError), claims(house.engine).fenced(claim):
        pytest.fail("written")
    desk(house.engine, upload_id).keep_reply("late", Completion(CANARY, "stop", Usage(), "m"))
    assert CANARY not in house.contents()
    with house.engine.connect() as connection:
        [job] = connection.execute(text("select status, error_code from processing_jobs")).all()
    assert tuple(job) == ("abandoned", "erased")


def test_an_upload_that_is_erased_while_its_stage_fails_does_not_fail_its_mates(house):
    gone, mate = house.arrive(b"one").upload_id, house.arrive(b"two").upload_id
    (plan,) = plans(house.engine)
    ledger = claims(house.engine)
    batch = StageBatch(ledger, claim_plan(house.engine, plan), time_s=60)
    by_id = {claim.upload_id: claim for claim in batch.claims}
    with batch.isolate(by_id[gone]):
        house.erase(gone)
        raise RuntimeError(CANARY)
    with batch.isolate(by_id[mate]), batch.finish(by_id[mate]):
        pass
    assert (batch.failed, batch.done) == ({gone: "lease_lost"}, [mate])


def test_what_was_erased_is_gone_and_what_never_was_is_unknown(house):
    upload_id = house.arrive().upload_id
    house.erase(upload_id)
    with pytest.raises(ErasedUploadError):
        house.erase(upload_id)
    with pytest.raises(UnknownUploadError):
        house.erase(uuid4())
    assert len((house.root / TOMBSTONES).read_text().splitlines()) == 1


def test_an_erasure_cut_off_before_its_object_is_finished_later(house):
    upload_id = house.arrive().upload_id
    house.erase(upload_id, finish=False)
    assert len(house.objects) == 1
    assert finish_erasures(house.engine, house.vault) == 1
    assert house.objects == []
    assert finish_erasures(house.engine, house.vault) == 0


def test_nothing_is_erased_when_the_erasure_cannot_be_written_down(house):
    upload_id = house.arrive().upload_id
    (house.root / TOMBSTONES).mkdir()
    with pytest.raises(VaultUnavailableError):
        house.erase(upload_id)
    assert row(house.engine, upload_id).status == "pending"


def test_every_table_that_keeps_something_of_an_upload_is_known_to_the_erasure():
    """A table that names uploads another way would keep its words."""
    foreign = {
        table.name
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is conversation_uploads and key.parent.name != "upload_id"
    }
    assert foreign == set()
    assert {"upload_id"} <= {column.name for column in upload_receipts.c}
