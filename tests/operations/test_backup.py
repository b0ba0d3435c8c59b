"""What was backed up comes back as it was; what was erased does not; what is not whole is not touched."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import inspect, select, text, update
from typer.testing import CliRunner

from nurseconv_dagster.api.machine import read_machine
from nurseconv_dagster.encryption.ring import add_key, ring_of
from nurseconv_dagster.errors import BackupError, SealedError
from nurseconv_dagster.intake.vault import FileVault
from nurseconv_dagster.operations import backing_up, backup_files, restoring
from nurseconv_dagster.operations.backing_up import back_up
from nurseconv_dagster.operations.cli import app
from nurseconv_dagster.operations.embedded_postgres import admin_engine
from nurseconv_dagster.operations.partitions import count_unknown
from nurseconv_dagster.operations.resealing import count_by_key, reseal
from nurseconv_dagster.operations.restoring import newest_backup, open_backup, restore
from nurseconv_dagster.secret_key import derive_key
from nurseconv_dagster.settings import load_settings
from nurseconv_dagster.store import audit, dumps, survey
from nurseconv_dagster.store.engine import PIPELINE_ROLE, app_url, open_engine, transaction
from nurseconv_dagster.store.erasure import TOMBSTONES
from nurseconv_dagster.store.schema import check_schema, migrate
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import metadata
from nurseconv_dagster.store.tombstones import LATEST_BACKUP, tell_backups
from tests.conftest import pipeline_url
from tests.fakes.results import CANARY, add_results
from tests.store.test_erasure import House

LEFT_OUT = {"heartbeats", "page_sessions", "rate_limits"}


@pytest.fixture
def house(home, engine):
    """A home with two uploads: one done, with all its results, one in work."""
    house = House(engine, home.home)
    house.done = house.arrive(b"done", location="a/b.txt").upload_id
    house.busy = house.arrive(b"busy").upload_id
    add_results(engine, house.done)
    with transaction(engine) as connection:
        connection.execute(update(uploads).where(uploads.c.id == house.done).values(status="completed", partition_no=1))
        connection.execute(
            update(uploads).where(uploads.c.id == house.busy).values(status="processing", run_key="k:1", partition_no=2)
        )
        audit.record(connection, "test", "upload.read", str(house.done), {})
    audit.seal(engine)
    derive_key(home, "a test")
    return house


@pytest.fixture
def other(server, dagster_template, tmp_path, home):
    """The settings of another home: no folder, an empty database, a Dagster that knows nothing."""
    names = [f"other_{uuid4().hex}", f"other_dagster_{uuid4().hex}"]
    admin = admin_engine(server)
    with admin.connect() as connection:
        connection.execute(text(f"create database {names[0]} owner {PIPELINE_ROLE}"))
        connection.execute(text(f"create database {names[1]} template {dagster_template} owner {PIPELINE_ROLE}"))
    os.environ.update(
        NURSECONV_HOME=str(tmp_path / "other"),
        DATABASE_URL=pipeline_url(server, names[0]).render_as_string(hide_password=False),
        DAGSTER_DATABASE_URL=pipeline_url(server, names[1]).render_as_string(hide_password=False),
    )
    yield load_settings()
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


def restore_newest(settings, folder, *, replace=False):
    path = newest_backup(folder)
    with open_backup(path, ring_of(settings)) as backup:
        return restore(settings, path, backup, replace=replace)


def rows_of(engine):
    with engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


def words_of(settings, upload_id):
    """The rows of an upload that hold a word of it or its name."""
    engine = open_engine(app_url(settings))
    rows = House(engine, settings.home).contents().splitlines()
    engine.dispose()
    return [row for row in rows if str(upload_id) in row and CANARY in row]


def files_below(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_restored_home_holds_every_row_and_object_and_secret_of_the_backup(house, home, other, folder):
    before = rows_of(house.engine)
    made = back_up(home, folder, keep_days=7)
    restored = restore_newest(other, folder)
    engine = open_engine(app_url(other))
    after = rows_of(engine)
    assert set(after) == set(before)
    # the ledger's rows are told that nothing runs, and the audit log that there was a restore
    unchanged = set(before) - {"conversation_uploads", "audit_log"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert (restored.n_uploads, restored.n_objects, made.n_missing) == (2, 2, 0)
    vault = FileVault(other.vault_dir)
    assert all(vault.verify(key) for key in survey.objects_needed(engine))
    assert derive_key(other, "a test") == derive_key(home, "a test")
    assert audit.verify(engine)[1] is None
    assert audit.seal(engine) >= 1  # numbers go on behind those that were restored
    assert audit.verify(engine)[1] is None
    engine.dispose()


def test_restored_work_waits_marts_are_due_and_dagster_knows_the_partitions_in_order(house, home, other, folder):
    back_up(home, folder, keep_days=7)
    assert restore_newest(other, folder).n_partitions == 2
    engine = open_engine(app_url(other))
    with engine.connect() as connection:
        rows = {row.id: row for row in connection.execute(select(uploads))}
    assert (rows[house.busy].status, rows[house.busy].run_key) == ("pending", None)
    assert {row.reported_version for row in rows.values()} == {None}
    assert count_unknown(survey.partition_keys(engine)) == 0
    engine.dispose()


@pytest.mark.parametrize("lost", ["nothing", "the home and its list", "the home and the list beside the backups"])
def test_what_was_erased_after_the_backup_never_comes_back(house, home, other, folder, lost):
    first = back_up(home, folder, keep_days=7)
    house.erase(house.done)
    if lost == "nothing":
        other.home.mkdir()
        (other.home / TOMBSTONES).write_bytes((home.home / TOMBSTONES).read_bytes())
    else:
        later = back_up(home, folder, keep_days=7)
        if lost == "the home and its list":
            later.file.unlink()
        else:
            (folder / TOMBSTONES).unlink()
            first.file.unlink()
    restored = restore_newest(other, folder)
    assert words_of(other, house.done) == []
    assert not any(path.read_bytes() == b"done" for path in other.vault_dir.rglob("*") if path.is_file())
    if lost != "the home and the list beside the backups":
        assert restored.n_erased == 1
    assert str(house.done) in (other.home / TOMBSTONES).read_text()


def test_the_folder_of_the_newest_backup_is_told_of_each_erasure_so_that_losing_the_home_loses_none(
    house, home, other, folder
):
    back_up(home, folder, keep_days=7)
    house.erase(house.done)
    assert tell_backups(home.home) == 1
    assert tell_backups(home.home) == 0
    assert restore_newest(other, folder).n_erased == 1
    assert words_of(other, house.done) == []
    folder.rename(folder.with_name("not mounted"))
    house.erase(house.busy)
    assert tell_backups(home.home) is None


def test_how_long_the_backups_folder_has_been_told_of_no_erasure_is_known(house, home, folder):
    assert read_machine(home).backup_told_age_s is None
    back_up(home, folder, keep_days=7)
    note = home.home / LATEST_BACKUP
    facts = json.loads(note.read_text())
    note.write_text(json.dumps({**facts, "finished_at": (datetime.now(UTC) - timedelta(hours=2)).isoformat()}))
    folder.rename(folder.with_name("not mounted"))
    tell_backups(home.home)
    assert read_machine(home).backup_told_age_s > 7000
    folder.with_name("not mounted").rename(folder)
    tell_backups(home.home)
    assert read_machine(home).backup_told_age_s < 60


def test_an_upload_erased_while_the_backup_runs_is_not_missing_and_does_not_come_back(
    house, home, other, folder, monkeypatch
):
    keep = backing_up._keep_objects

    def erase_first(*arguments):
        house.erase(house.done)
        house.arrive(b"arrived while the backup ran")
        return keep(*arguments)

    monkeypatch.setattr(backing_up, "_keep_objects", erase_first)
    made = back_up(home, folder, keep_days=7)
    assert (made.n_objects, made.n_missing) == (1, 0)
    restored = restore_newest(other, folder)
    assert (restored.n_erased, restored.n_uploads) == (1, 2)
    assert words_of(other, house.done) == []


def test_an_object_that_is_lost_or_damaged_is_told_and_the_rest_is_kept(house, home, folder):
    house.vault.path(next(house.vault.object_keys())).write_bytes(b"something else")
    made = back_up(home, folder, keep_days=7)
    assert (made.n_objects, made.n_missing) == (1, 1)


def test_every_object_is_copied_once_and_goes_with_the_last_backup_that_needs_it(house, home, folder):
    assert back_up(home, folder, keep_days=7).n_new == 2
    second = back_up(home, folder, keep_days=7)
    assert (second.n_new, second.n_objects) == (0, 2)
    house.erase(house.done)
    for file in backup_files.list_backups(folder):
        file.rename(folder / backup_files.backup_name(datetime.now(UTC) - timedelta(days=8)))
    last = back_up(home, folder, keep_days=7)
    assert last.n_removed == 2
    assert backup_files.list_backups(folder) == [last.file]
    assert len(list(FileVault(folder).object_keys())) == 1


def test_the_newest_backup_stays_however_few_days_are_kept(house, home, folder):
    made = back_up(home, folder, keep_days=0)
    assert newest_backup(folder) == made.file
    note = json.loads((home.home / "backups" / "latest.json").read_text())
    assert note["n_bytes"] == made.n_bytes
    assert datetime.fromisoformat(note["finished_at"]).tzinfo is not None


def test_a_folder_that_holds_other_objects_is_refused_for_its_objects_would_be_removed(house, home, tmp_path):
    other_vault = tmp_path / "other vault"
    (other_vault / "objects").mkdir(parents=True)
    for folder in (home.home, home.vault_dir, other_vault):
        with pytest.raises(BackupError, match="folder for backups alone"):
            back_up(home, folder, keep_days=7)
    assert len(house.objects) == 2


def test_a_backup_that_breaks_off_leaves_none(house, home, folder, monkeypatch):
    monkeypatch.setattr(backing_up, "_add_home", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        back_up(home, folder, keep_days=7)
    (folder / "nurseconv-20260101T000000.000000Z.backup.part").write_bytes(b"of one that was killed")
    with pytest.raises(BackupError):
        newest_backup(folder)
    monkeypatch.undo()
    back_up(home, folder, keep_days=7)
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("damage", ["cut off", "a bit", "a header", "an object gone", "an object changed"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(house, home, other, folder, damage):
    path = back_up(home, folder, keep_days=7).file
    kept = FileVault(folder)
    victim = kept.path(next(kept.object_keys()))
    data = bytearray(path.read_bytes())
    if damage == "cut off":
        path.write_bytes(data[: len(data) // 2])
    elif damage in ("a bit", "a header"):
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo("tables/question_answers.copy")
        header = data[member.header_offset : member.header_offset + 30]
        start = member.header_offset + 30 + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        if damage == "a bit":
            data[start + member.compress_size // 2] ^= 1
        else:
            data[start] |= 0b110  # a kind of block that deflate does not have
        path.write_bytes(data)
    elif damage == "an object gone":
        victim.unlink()
    else:
        victim.write_bytes(b"else")
    with pytest.raises(BackupError):
        restore_newest(other, folder)
    assert not other.home.exists()


def test_a_home_that_is_not_empty_is_replaced_only_when_asked(house, home, folder, engine):
    back_up(home, folder, keep_days=7)
    late = house.arrive(b"newer than the backup").upload_id
    with pytest.raises(BackupError, match="--replace"):
        restore_newest(home, folder)
    restored = restore_newest(home, folder, replace=True)
    assert (restored.n_uploads, restored.n_objects, restored.n_removed) == (2, 2, 1)
    with engine.connect() as connection:
        assert connection.execute(select(uploads.c.id).where(uploads.c.id == late)).first() is None


def test_a_restore_that_breaks_off_leaves_the_database_as_it_was(house, home, folder, engine, monkeypatch):
    back_up(home, folder, keep_days=7)
    late = house.arrive(b"newer than the backup").upload_id
    monkeypatch.setattr(restoring, "replay_erasures", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        restore_newest(home, folder, replace=True)
    with engine.connect() as connection:
        assert connection.execute(select(uploads.c.id).where(uploads.c.id == late)).first() is not None


def test_a_backup_of_an_older_version_is_brought_forward_and_one_of_a_newer_is_refused(home, engine, other, folder):
    House(engine, home.home).arrive(b"old")
    migrate(engine, "0004")
    back_up(home, folder, keep_days=7)
    assert restore_newest(other, folder).n_uploads == 1
    migrate(engine)
    with transaction(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    back_up(home, folder, keep_days=7)
    with pytest.raises(BackupError, match="newer version"):
        restore_newest(other, folder, replace=True)
    assert len(rows_of(open_engine(app_url(other)))["conversation_uploads"]) == 1


def test_the_old_version_restores_over_a_newer_schema_and_leaves_nothing_in_the_way_of_the_next_upgrade(
    house, home, folder, engine, stranger
):
    back_up(home, folder, keep_days=7)
    house.arrive(b"came after the upgrade")
    with transaction(engine) as connection:
        connection.execute(text("create table newer (upload_id uuid references conversation_uploads (id))"))
        connection.execute(text("create function newer() returns int language sql as 'select 1'"))
        connection.execute(text("create view of_newer as select * from newer"))
        connection.execute(text("update alembic_version set version_num = '9999'"))
        connection.execute(text("comment on table alembic_version is 'works with 9999'"))
    with pytest.raises(BackupError, match="--replace"):
        restore_newest(home, folder)
    assert restore_newest(home, folder, replace=True).n_uploads == 2
    with transaction(engine) as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version", "of_a_stranger"}
        connection.execute(text("create function newer() returns int language sql as 'select 1'"))
    check_schema(engine)


def test_an_encrypted_backup_shows_no_word_and_opens_with_its_key_only(house, home, other, folder, tmp_path):
    ring_file = tmp_path / "ring.json"
    add_key(ring_file, datetime.now(UTC))
    sealing = home.model_copy(update={"encryption_key_file": ring_file})
    back_up(sealing, folder, keep_days=7)
    for content in files_below(folder).values():
        assert CANARY.encode() not in content
        assert content not in (b"done", b"busy")
    with pytest.raises(SealedError) as missing:
        restore_newest(other, folder)
    assert missing.value.code in ("encryption_key_missing",)
    add_key(wrong := tmp_path / "wrong.json", datetime.now(UTC))
    with pytest.raises(SealedError):
        restore_newest(other.model_copy(update={"encryption_key_file": wrong}), folder)
    assert not other.home.exists()
    restored = restore_newest(other.model_copy(update={"encryption_key_file": ring_file}), folder)
    assert restored.n_uploads == 2
    add_key(ring_file, datetime.now(UTC))  # what an older key has sealed opens with a ring that has grown
    with open_backup(newest_backup(folder), ring_of(sealing)):
        pass


@pytest.fixture
def stranger(server, engine):
    """A role that owns a table beside ours, which we may not read."""
    name, admin = f"stranger_{uuid4().hex}", admin_engine(server, engine.url.database)
    with admin.connect() as connection:
        connection.execute(text(f"create role {name}"))
        connection.execute(text("create table of_a_stranger as select id from conversation_uploads"))
        connection.execute(text(f"alter table of_a_stranger owner to {name}"))
        yield name
        connection.execute(text("drop table of_a_stranger"))
        connection.execute(text(f"drop role {name}"))
    admin.dispose()


def test_tables_of_others_are_in_no_backup_and_stay_where_they_are(house, home, other, folder, engine, stranger):
    with transaction(engine) as connection:
        connection.execute(text("create table tmp_export as select id from conversation_uploads"))
    path = back_up(home, folder, keep_days=7).file
    with open_backup(path, ring_of(home)) as backup:
        assert {name for name, _ in backup.manifest.tables} == set(metadata.tables) - LEFT_OUT
    assert restore_newest(other, folder).n_uploads == 2
    restore_newest(home, folder, replace=True)
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from tmp_export")).scalar_one() == 2


def test_a_backup_that_took_anothers_table_along_is_restored_without_it(
    house, home, other, folder, engine, monkeypatch
):
    with transaction(engine) as connection:
        connection.execute(text("create table tmp_export as select id from conversation_uploads"))
    monkeypatch.setattr(dumps, "_names", lambda _: frozenset({*metadata.tables, "tmp_export"}))
    back_up(home, folder, keep_days=7)
    monkeypatch.undo()
    restored = restore_newest(other, folder)
    assert (restored.n_uploads, restored.strange_tables) == (2, ("tmp_export",))


@pytest.mark.parametrize("damage", ["cut off", "another byte"])
def test_a_kept_object_that_rots_is_copied_again_at_once_or_when_its_day_comes(
    house, home, folder, monkeypatch, damage
):
    back_up(home, folder, keep_days=7)
    kept = FileVault(folder)
    key = next(kept.object_keys())
    right = kept.path(key).read_bytes()
    kept.path(key).write_bytes(right[:-1] if damage == "cut off" else right[:-1] + b"?")
    if damage == "another byte":
        monkeypatch.setattr(backing_up, "READ_ALL_IN_DAYS", 1)
    made = back_up(home, folder, keep_days=7)
    assert (made.n_new, made.n_missing, kept.path(key).read_bytes()) == (1, 0, right)


def test_within_so_many_days_each_kept_object_is_read_once(tmp_path):
    kept = FileVault(tmp_path)
    for number in range(20):
        content = str(number).encode()
        kept.put_content(io.BytesIO(content), hashlib.sha256(content).hexdigest())
    for key in kept.object_keys():
        kept.path(key).write_bytes(b"??"[: kept.size(key)])
    days = range(1, backing_up.READ_ALL_IN_DAYS + 1)
    for key in kept.object_keys():
        assert sum(not backing_up._is_kept(kept, kept, key, None, day) for day in days) == 1


def test_what_no_copy_has_is_noted_and_the_rest_of_a_rotten_backup_is_restored_when_asked(house, home, other, folder):
    path = back_up(home, folder, keep_days=7).file
    rotten = object_of(house, house.done)
    for vault in (house.vault, FileVault(folder)):
        vault.path(rotten).write_bytes(b"else")
    with open_backup(path, ring_of(home), without_damaged=True) as backup:
        restored = restore(other, path, backup, replace=False)
    assert (restored.n_uploads, restored.n_objects, restored.without_recording) == (2, 1, (house.done,))
    assert words_of(other, house.done) != []
    FileVault(folder).path(rotten).write_bytes(b"cut")
    assert back_up(home, folder, keep_days=7).n_missing == 1
    assert json.loads((home.home / "backups" / "latest.json").read_text())["n_missing"] == 1


def object_of(house, upload_id):
    with house.engine.connect() as connection:
        return connection.execute(select(uploads.c.object_key).where(uploads.c.id == upload_id)).scalar_one()


def drop_oldest_key(ring_file):
    keys = json.loads(ring_file.read_text())["keys"]
    ring_file.write_text(json.dumps({"keys": keys[1:]}))


@pytest.mark.parametrize("before", ["an older key", "nothing"])
def test_a_backup_needs_no_key_but_the_newest_whatever_the_folder_was_filled_under(
    house, home, other, folder, tmp_path, before
):
    ring_file = tmp_path / "ring.json"
    sealing = home.model_copy(update={"encryption_key_file": ring_file})
    if before == "an older key":
        add_key(ring_file, datetime.now(UTC))
    back_up(sealing if before == "an older key" else home, folder, keep_days=7)
    newest = add_key(ring_file, datetime.now(UTC)).id
    assert reseal(sealing) == 0
    assert len(count_by_key(sealing)["backups"]) == 1
    lost = next(house.vault.object_keys())
    house.vault.delete(lost)  # what only the backups hold is sealed anew from there
    made = back_up(sealing, folder, keep_days=0)
    assert (made.n_new, made.n_missing) == (2, 0)
    assert count_by_key(sealing)["backups"] == {newest: 3}
    if before == "an older key":
        drop_oldest_key(ring_file)
    restored = restore_newest(other.model_copy(update={"encryption_key_file": ring_file}), folder)
    assert (restored.n_uploads, restored.n_objects) == (2, 2)
    assert back_up(sealing, folder, keep_days=7).n_new == 0


def test_the_commands_say_what_they_did_and_no_word_of_a_conversation(house, home, tmp_path):
    folder = tmp_path / "by command"
    ring_file = tmp_path / "ring.json"
    said = [
        run("backup", "--to", str(folder), code=0),
        run("restore", code=2),
        run("restore", "--latest", "--from", str(folder), "--replace", "--yes", code=0),
        run("doctor", "--deep"),
        run("encryption", "new-key", "--file", str(ring_file), code=0),
        run("encryption", "status", code=0),
        run("migrate", "--check", code=0),
    ]
    assert "2 objects, 2 of them new" in said[0]
    assert "2 uploads, 2 objects" in said[2]
    assert "every hash is right" in said[3]
    assert "2 not encrypted" in said[5]
    assert all(CANARY not in text for text in said)
    assert json.loads(ring_file.read_text())["keys"][0]["key"] not in said[4]


def run(*arguments, code=None):
    result = CliRunner().invoke(app, arguments)
    assert code in (None, result.exit_code), result.output
    return result.output
