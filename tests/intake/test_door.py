"""One door: everything that arrives gets a row and a receipt, and its content is kept once."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from nurseconv_dagster.errors import IdentityConflictError, VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Arrival, Refusal, Sidecar
from nurseconv_dagster.intake.door import accept
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.intake.vault import FileVault
from tests.fakes.ledger import MemoryLedger
from tests.fakes.sounds import RECIPES, make

NOW = datetime(2024, 1, 1, 10, tzinfo=UTC)
CANARY = "CanaryName"


class House:
    """A door with its vault and ledger."""

    def __init__(self, root):
        self.root = root
        self.vault = FileVault(root / "vault")
        self.ledger = MemoryLedger()
        self.n_files = 0
        self.scanner = None

    def bring(self, content, filename=f"{CANARY}.wav", limits=Limits(), **said):  # noqa: B008  # a frozen value
        self.n_files += 1
        path = self.root / f"{CANARY} {self.n_files}"
        path.write_bytes(content)
        said = {"source": "cli", **said}
        arrival = Arrival(path=path, filename=filename, **said)
        return self.enter(arrival, limits)

    def enter(self, arrival, limits=Limits()):  # noqa: B008  # a frozen value
        return accept(
            arrival,
            vault=self.vault,
            ledger=self.ledger,
            scanner=self.scanner,
            limits=limits,
            profiles={"general"},
            now=NOW,
        )

    @property
    def last(self):
        return self.ledger.receipts[-1][0]

    @property
    def objects(self):
        return [path for path in (self.root / "vault").rglob("*") if path.is_file()]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    return make(tmp_path_factory.mktemp("wav") / "a", "wav", 0.5).read_bytes()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_allowed_format_is_accepted_and_kept(recipe, house, tmp_path):
    content = make(tmp_path / "made", recipe, 0.5).read_bytes()
    accepted = house.bring(content)
    assert (accepted.disposition, accepted.refusal) == ("accepted", None)
    upload = house.last
    assert upload.id == accepted.upload_id
    assert (upload.kind, upload.file_size_bytes, upload.arrived_at) == ("audio", len(content), NOW)
    assert house.vault.path(upload.object_key).read_bytes() == content


def test_the_same_bytes_under_another_name_are_the_same_upload(house, wav):
    first = house.bring(wav, "a.wav", source="bucket", location="a.wav", version="1")
    second = house.bring(wav, "b.wav", source="bucket", location="ward/b.wav", version="2")
    assert second.disposition == "duplicate"
    assert second.upload_id == first.upload_id
    assert (len(house.objects), len(house.ledger.rows), len(house.ledger.receipts)) == (1, 1, 2)


def test_two_notes_of_the_same_words_are_two_uploads_of_one_object(house):
    note = b"Patient: I refuse the assessment."
    ids = {
        house.bring(note, "a.txt", source="bucket", location="a/note.txt").upload_id,
        house.bring(note, "a.txt", source="bucket", location="b/note.txt").upload_id,
        house.bring(note, declared_kind="text", source="api").upload_id,
        house.bring(note, declared_kind="text", source="api").upload_id,
        house.bring(note, declared_kind="text", sidecar=Sidecar(encounter_id="e1")).upload_id,
    }
    assert len(ids) == 5
    assert len(house.objects) == 1


def test_a_repeated_key_is_the_same_text_and_with_other_bytes_a_conflict(house):
    first = house.bring(b"Nurse: hello", declared_kind="text", idempotency_key="k")
    assert house.bring(b"Nurse: hello", declared_kind="text", idempotency_key="k").upload_id == first.upload_id
    with pytest.raises(IdentityConflictError):
        house.bring(b"Nurse: goodbye", declared_kind="text", idempotency_key="k")


@pytest.mark.parametrize(
    ("content", "filename", "code"),
    [
        (b"", "a.wav", "empty_file"),
        (b"Nurse: hello", "a.wav", "unknown_format"),
        (b"%PDF-1.7 \x80", "a.pdf", "unknown_format"),
        (b"caf\xe9 CanaryName", "a.txt", "not_utf8"),
        (b"CanaryName \xff" + b"x" * 70000, "a.txt", "not_utf8"),
        (b"x" * 70000 + b"\xff", "a.txt", "not_utf8"),
        (b" \n ", "a.txt", "empty_text"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a.wav", "damaged_audio"),
    ],
)
def test_a_refused_file_has_a_row_a_reason_and_no_content_in_it(content, filename, code, house):
    accepted = house.bring(content, filename)
    assert accepted.disposition == "refused"
    assert accepted.refusal.code == house.last.refusal.code == code
    assert CANARY not in accepted.refusal.message
    assert accepted.refusal.message.endswith(".")


def test_limits_are_kept_at_the_door(house, wav):
    assert house.bring(wav, limits=Limits(max_file_size_bytes=100)).refusal.code == "too_large"
    assert house.last.content_sha256 == ""
    assert house.bring(wav, limits=Limits(max_duration_s=-0.1)).refusal.code == "too_long"
    assert house.bring(wav, limits=Limits(allowed_formats=("mp3",))).refusal.code == "format_not_allowed"
    assert house.bring(b"Nurse: hi", "a.txt", limits=Limits(max_file_size_bytes=3)).refusal.code == "too_large"


def test_a_bad_sidecar_or_profile_refuses_and_the_mended_one_opens_the_same_row(house, wav):
    bad = house.bring(wav, sidecar=Refusal("bad_sidecar", "the sidecar is not JSON."))
    unknown = house.bring(wav, sidecar=Sidecar(profile="nonsense"))
    mended = house.bring(wav, sidecar=Sidecar(profile="general"))
    assert (bad.refusal.code, unknown.refusal.code) == ("bad_sidecar", "unknown_profile")
    assert mended.disposition == "accepted"
    assert bad.upload_id == unknown.upload_id == mended.upload_id


@pytest.mark.parametrize(("source", "is_kept"), [("bucket", False), ("cli", True), ("api", True)])
def test_a_refused_file_stays_where_a_person_can_find_it(source, is_kept, house):
    house.bring(b"%PDF-1.7 \x80", source=source, location="a.pdf" if source == "bucket" else None)
    assert (house.last.object_key is not None) == is_kept
    assert len(house.objects) == int(is_kept)


def test_nothing_and_too_much_are_not_kept(house, wav):
    house.bring(b"")
    house.bring(wav, limits=Limits(max_file_size_bytes=100))
    assert house.objects == []


def test_a_refused_file_dropped_again_is_the_same_row(house, wav):
    for content, limits in ((b"%PDF-1.7 \x80", Limits()), (b"", Limits()), (wav, Limits(max_file_size_bytes=9))):
        said = {"source": "bucket", "location": "ward/a", "version": "1"}
        assert (
            house.bring(content, limits=limits, **said).upload_id
            == house.bring(content, limits=limits, **said).upload_id
        )
    first, second = (house.bring(b"", source="bucket", location=place).upload_id for place in ("a", "b"))
    assert first != second


@pytest.mark.parametrize(
    "name", ["../../a.wav", "a\nb.wav", "a\u202e.wav", "n" * 300 + ".wav", "..", os.fsdecode(b"\xff.wav")]
)
def test_names_are_stored_clean_and_never_used_as_paths(name, house, wav):
    house.bring(wav, name)
    stored = house.last.original_filename
    assert len(stored) <= 255
    assert not set(stored) & set("/\n\u202e")
    assert stored != ".."
    assert house.last.object_key.endswith(house.last.content_sha256)


def test_after_a_crash_between_vault_and_ledger_the_same_arrival_just_comes_again(house, wav, monkeypatch):
    def die(_upload):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(house.ledger, "record_arrival", die)
        with pytest.raises(KeyboardInterrupt):
            house.bring(wav)
    assert (len(house.objects), len(house.ledger.rows)) == (1, 0)
    assert house.bring(wav).disposition == "accepted"
    assert (len(house.objects), len(house.ledger.rows)) == (1, 1)


def test_no_row_is_written_before_its_content_is_safe(house, wav):
    (house.root / "vault").write_text("in the way")
    with pytest.raises(VaultUnavailableError):
        house.bring(wav)
    assert house.ledger.rows == {}


def test_a_file_that_vanished_is_a_transient_error_without_its_name(house):
    with pytest.raises(VaultUnavailableError) as caught:
        house.enter(Arrival(path=house.root / CANARY, filename=CANARY, source="cli"))
    assert caught.value.code == "source_unreadable"
    assert CANARY not in str(caught.value)


def test_the_file_that_arrived_is_never_changed(house, wav):
    house.bring(wav)
    path = house.last.arrival.path
    assert path.read_bytes() == wav
