"""What is sealed shows nothing, opens with its key only, opens in parts, and tells when it was changed."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from nurseconv_dagster.encryption import ring as ring_module
from nurseconv_dagster.encryption.files import ESCAPE, FRAME_BYTES, MAGIC, SealingWriter, content_size, open_sealed
from nurseconv_dagster.encryption.ring import Key, Ring, add_key, read_ring, ring_of
from nurseconv_dagster.encryption.texts import open_text, seal_text
from nurseconv_dagster.errors import SealedError, SettingsError
from nurseconv_dagster.exports.files import export_uploads
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.intake.examining import read_typed
from nurseconv_dagster.intake.spooling import Spool
from nurseconv_dagster.intake.vault import FileVault, hash_file, vault_of
from nurseconv_dagster.operations import resealing
from nurseconv_dagster.operations.resealing import count_by_key, reseal
from nurseconv_dagster.settings import load_settings
from nurseconv_dagster.store import codec, listings
from nurseconv_dagster.store.promises import PROMISES, count_broken
from nurseconv_dagster.store.survey import quotes_in_place
from nurseconv_dagster.store.tables import conversation_transcriptions, question_answers
from tests.fakes.results import CANARY, add_results
from tests.store.test_erasure import House

SIZES = (0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 5)


def make_ring(*ids):
    return Ring(tuple(Key(key_id, os.urandom(32), datetime.now(UTC)) for key_id in ids))


def seal(data, ring):
    out = io.BytesIO()
    with SealingWriter(out, ring.newest) as writer:
        writer.write(data)
    return out.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_a_sealed_file_gives_back_its_content_from_any_place(size):
    ring, data = make_ring("0000aaaa"), os.urandom(size)
    sealed = seal(data, ring)
    with open_sealed(io.BytesIO(sealed), ring) as content:
        assert content.read() == data
        for place in (0, size // 2, max(0, size - 3), FRAME_BYTES - 2):
            content.seek(place)
            assert content.read(10) == data[place : place + 10]
    assert content_size(io.BytesIO(sealed)) == size


@pytest.mark.parametrize("size", SIZES)
def test_a_sealed_file_that_was_cut_changed_or_put_together_anew_does_not_open(size):
    ring, data = make_ring("0000aaaa"), os.urandom(size)
    sealed = seal(data, ring)
    head, frame = len(seal(b"", ring)) - 16, FRAME_BYTES + 16
    frames = [sealed[head:][place : place + frame] for place in range(0, len(sealed) - head, frame)]
    broken = [sealed[:-1], sealed[:-16], sealed + b"x", sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:]]
    broken.append(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    if len(frames) > 1:
        broken.append(sealed[:head] + b"".join(frames[:-1]))
        broken.append(sealed[:head] + b"".join(reversed(frames)))
    for changed in broken:
        with pytest.raises(SealedError):
            open_sealed(io.BytesIO(changed), ring).read()


def test_a_part_of_a_sealed_file_is_read_without_the_rest():
    ring, data = make_ring("0000aaaa"), os.urandom(40 * FRAME_BYTES)

    class Counting(io.BytesIO):
        n_read = 0

        def read(self, size=-1):
            found = super().read(size)
            self.n_read += len(found)
            return found

    source = Counting(seal(data, ring))
    content = open_sealed(source, ring)
    content.seek(20 * FRAME_BYTES + 7)
    assert content.read(100) == data[20 * FRAME_BYTES + 7 :][:100]
    assert source.n_read < 4 * (FRAME_BYTES + 16)


def test_a_missing_key_is_named_and_another_one_opens_nothing():
    ring = make_ring("0000aaaa")
    for open_it in (
        lambda other: open_sealed(io.BytesIO(seal(b"words", ring)), other),
        lambda other: open_text(seal_text("words", "text", ring), "text", other),
    ):
        with pytest.raises(SealedError, match="0000aaaa") as missing:
            open_it(make_ring("0000bbbb"))
        assert missing.value.code == "encryption_key_missing"
        with pytest.raises(SealedError):
            open_it(make_ring("0000aaaa"))  # the same id, another secret


def test_a_sealed_text_opens_for_its_column_only_and_shows_nothing():
    ring = make_ring("0000aaaa", "0000bbbb")
    cell = seal_text(CANARY, "text", ring)
    assert CANARY not in cell
    assert "0000bbbb" in cell
    assert open_text(cell, "text", ring) == CANARY
    with pytest.raises(SealedError):
        open_text(cell, "segments", ring)


@pytest.mark.parametrize("text", ["", "words", "ncseal1:", "ncseal1:0000aaaa:AAAA", "ncseal1::x", "\ud800 half"])
def test_what_is_not_sealed_is_read_as_it_was_written_whatever_it_looks_like(text):
    assert open_text(seal_text(text, "text", Ring()), "text", Ring()) == text
    ring = make_ring("0000aaaa")
    assert open_text(seal_text(text, "text", ring), "text", ring) == text


def test_a_ring_grows_is_private_and_shows_no_secret(tmp_path):
    file = tmp_path / "keys" / "ring.json"
    first, second = add_key(file, datetime.now(UTC)), add_key(file, datetime.now(UTC))
    ring = read_ring(file)
    assert (ring.newest.id, ring.find(first.id).secret) == (second.id, first.secret)
    assert file.stat().st_mode & 0o777 == 0o600
    secret = json.loads(file.read_text())["keys"][0]["key"]
    assert secret not in repr(ring)
    for wrong in ("", "{}", '{"keys": []}', '{"keys": [{"id": "x", "made_at": "2026-01-01", "key": "AAAA"}]}'):
        file.write_text(wrong)
        with pytest.raises(SettingsError, match="is no ring") as caught:
            read_ring(file)
        assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"words of a talk, and more", bytes(range(256)) * 800, MAGIC, MAGIC + b"0000aaaa", ESCAPE + b"x"]
)
def test_a_vault_gives_back_whatever_was_put_in_sealed_or_not(tmp_path, content):
    source = tmp_path / "source"
    source.write_bytes(content)
    sha = hash_file(source)[0]
    ring = make_ring("0000aaaa")
    for name, vault in (("plain", FileVault(tmp_path / "plain")), ("sealed", FileVault(tmp_path / "sealed", ring))):
        key = vault.put(source, sha)
        assert vault.put(source, sha) == key
        with vault.open(key) as found, vault.reading(key) as path:
            assert (found.read(), path.read_bytes()) == (content, content)
        assert (vault.size(key), vault.verify(key)) == (len(content), True)
        assert (vault.sealed_with(key) is not None) == (name == "sealed")
    if len(content) > len(ESCAPE):
        assert content not in FileVault(tmp_path / "sealed").path(key).read_bytes()


def test_what_a_sealing_vault_receives_has_no_name_on_the_disk(tmp_path):
    vault = FileVault(tmp_path, make_ring("0000aaaa"))
    with Spool(vault.incoming, 100, is_nameless=vault.seals) as spool:
        spool.write(b"Nurse: words of a talk")
        path = spool.finish()
        assert list(vault.incoming.iterdir()) == []
        key = vault.put(path, spool.sha256)
    with vault.reading(key) as path:
        assert "words of a talk" in str(read_typed(path))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [vault.path(key)]


@pytest.fixture
def sealing(home, tmp_path, monkeypatch):
    """The home's settings with a ring, for this process too; what is there before is not sealed."""
    add_key(tmp_path / "ring.json", datetime.now(UTC))
    monkeypatch.setenv("ENCRYPTION_KEY_FILE", str(tmp_path / "ring.json"))
    ring_module._file_of_process.cache_clear()
    yield load_settings()
    ring_module._file_of_process.cache_clear()


def test_old_and_new_are_read_alike_and_a_rotation_seals_all_of_it_step_by_step(home, engine, request, tmp_path):
    house = House(engine, home.home)
    upload_ids = [house.arrive(f"note {number}".encode()).upload_id for number in range(3)]
    for upload_id in upload_ids:
        add_results(engine, upload_id)
    with engine.begin() as connection:
        connection.execute(update(question_answers).values(context_start_char=0, context_end_char=len(CANARY)))
    settings = request.getfixturevalue("sealing")
    before = [row["full_text"] for row in listings.export_rows(engine, "transcripts")]
    assert reseal(settings, limit=2) == 1
    assert {len(counts) for counts in count_by_key(settings).values()} == {2, 1}  # some are, some are not
    assert [row["full_text"] for row in listings.export_rows(engine, "transcripts")] == before
    assert reseal(settings) == 0
    add_key(tmp_path / "ring.json", datetime.now(UTC))
    assert reseal(settings) == 0
    newest = ring_of(settings).newest.id
    assert {what: set(counts) for what, counts in count_by_key(settings).items()} == {
        "texts": {newest}, "recordings": {newest}
    }  # fmt: skip
    assert [row["full_text"] for row in listings.export_rows(engine, "transcripts")] == before
    assert all(quotes_in_place(engine))
    assert {promise.name: n for promise in PROMISES if (n := count_broken(engine, promise))} == {}
    with engine.connect() as connection:
        rows = str(connection.execute(select(conversation_transcriptions)).all())
    assert CANARY not in rows
    assert all(vault_of(settings).verify(key) for key in vault_of(settings).object_keys())
    assert not any(b"note" in path.read_bytes() for path in settings.vault_dir.rglob("*") if path.is_file())


def test_a_rotation_is_not_done_while_somebody_works_on_a_row_or_seals_with_an_older_key(
    sealing, engine, tmp_path, monkeypatch, capsys
):
    upload_id = House(engine, sealing.home).arrive(b"note").upload_id
    add_results(engine, upload_id)
    reseal(sealing)
    add_key(tmp_path / "ring.json", datetime.now(UTC))
    query = select(conversation_transcriptions).with_for_update()
    with engine.connect() as worker, worker.begin():
        worker.execute(query)
        capsys.readouterr()
        assert reseal(sealing) == 1
    assert "1 are not yet" in capsys.readouterr().err
    assert reseal(sealing) == 0
    old = Ring(ring_of(sealing).keys[:1])
    source = tmp_path / "late"
    source.write_bytes(b"late")
    FileVault(sealing.vault_dir, old).put(source, hash_file(source)[0])
    monkeypatch.setattr(resealing, "_steps", lambda *_: iter(()))  # it came in when the steps were over
    assert reseal(sealing) == 1


def test_exports_of_a_sealed_store_hold_the_words_and_their_segments(sealing, engine):
    upload_id = House(engine, sealing.home).arrive(b"x").upload_id
    add_results(engine, upload_id)
    reseal(sealing)
    row = next(iter(listings.export_rows(engine, "transcripts")))
    assert (row["full_text"], row["segments"][0]["text"]) == (CANARY, CANARY)
    for kind in ("jsonl", "srt"):
        files = list(export_uploads(engine, kind, load_catalogue(None)))
        assert CANARY.encode() in b"".join(chunk for file in files for chunk in file.chunks)


def test_without_its_key_a_transcript_is_an_error_and_never_garbage(sealing, engine, tmp_path):
    add_results(engine, House(engine, sealing.home).arrive(b"x").upload_id)
    reseal(sealing)
    (tmp_path / "ring.json").unlink()
    add_key(tmp_path / "ring.json", datetime.now(UTC))
    with pytest.raises(SealedError, match="does not hold") as caught:
        next(iter(listings.export_rows(engine, "transcripts")))
    assert CANARY not in str(caught.value)
    assert codec.decode_text("plain") == "plain"
