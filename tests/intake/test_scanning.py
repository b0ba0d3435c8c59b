"""Nothing infected is kept, and nothing is kept while nobody can look."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile

import pytest

from nurseconv_dagster.errors import ScannerUnavailableError, VaultUnavailableError
from nurseconv_dagster.intake.scanning import EICAR, ClamScanner, scanner_at
from tests.fakes.clamd import SIGNATURE, real_clamd, talking_clamd
from tests.intake.test_door import CANARY, House

pytestmark = pytest.mark.xdist_group("clamd")


@pytest.fixture(scope="module")
def clamd():
    if shutil.which("clamd") is None:
        pytest.skip("clamd is not installed (Debian: clamav-daemon)")
    with real_clamd(StreamMaxLength="1M", MaxFileSize="512K", MaxScanSize="512K") as address:
        yield address


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def kept(house):
    return [path for path in house.root.rglob("*") if path.is_file() and "vault" in path.parts]


def scan(address, content, **how):
    return ClamScanner(address, **how).scan_pieces([content] if content else [])


def test_the_real_scanner_finds_what_it_knows_and_passes_what_is_clean(clamd):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.com", EICAR)
    assert scan(clamd, EICAR).startswith(SIGNATURE)
    assert scan(clamd, packed.getvalue()).startswith(SIGNATURE)
    assert scan(clamd, b"Nurse: Good morning.") is None
    assert scan(clamd, b"") is None


@pytest.mark.parametrize("size", [600_000, 3_000_000, 30_000_000])
def test_what_the_real_scanner_does_not_look_at_wholly_is_no_clean_file(clamd, size):
    with pytest.raises(ScannerUnavailableError, match=r"clamd\.conf to MAX_FILE_SIZE") as limit:
        ClamScanner(clamd).scan_pieces(bytes(250_000) for _ in range(size // 250_000 + 1))
    assert limit.value.code == "scanner_limit"


@pytest.mark.parametrize("said", [{}, {"declared_kind": "text"}], ids=["a file", "a typed text"])
def test_an_infected_file_is_rejected_and_never_in_the_vault(clamd, house, said):
    house.scanner = ClamScanner(clamd)
    accepted = house.bring(EICAR, source="api", **said)
    assert accepted.refusal is not None
    assert accepted.refusal.code == "infected"
    assert SIGNATURE in accepted.refusal.message
    assert CANARY not in accepted.refusal.message
    assert kept(house) == []
    [(upload, _)] = house.ledger.receipts
    assert upload.object_key is None


def test_a_clean_text_is_taken_after_it_was_looked_at(clamd, house):
    house.scanner = ClamScanner(clamd)
    assert house.bring(b"Nurse: Good morning.", declared_kind="text").refusal is None
    assert len(kept(house)) == 1


@pytest.mark.parametrize(
    "reply",
    [b"", b"\0", b"PONG\0", b"stream: OK", b"stream: OK\0 FOUND\0", b"OK\0", b"stream: clean\0", b"\xff\xfe\0",
     b"UNKNOWN COMMAND\0", b"x" * 100_000, b"stream: \n FOUND\0", b"stream: a\nb FOUND\0", b"stream:  FOUND\0"],
)  # fmt: skip
def test_garbage_is_no_clean_file(reply, house):
    with talking_clamd(reply) as address:
        house.scanner = ClamScanner(address)
        with pytest.raises(ScannerUnavailableError) as away:
            house.bring(b"Nurse: Good morning.", declared_kind="text")
    assert away.value.code == "scanner_unavailable"
    assert away.value.retry_after_s
    assert kept(house) == []
    assert house.ledger.receipts == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"Win.Test.EICAR_HDB-1(69630e45:68)", "Win.Test.EICAR_HDB-1(69630e45:68)"),
        (b"{HEX}php.cmdshell.unclassed.365.UNOFFICIAL", "{HEX}php.cmdshell.unclassed.365.UNOFFICIAL"),
        (b"<b>Own name, no. 1</b>", "_b_Own_name__no._1_/b_"),
        ("Ä\xff".encode("latin-1"), "__"),
        (b"n" * 3000, "n" * 100),
    ],
)
def test_whatever_a_signature_is_called_what_it_finds_is_infected(said, shown, house):
    with talking_clamd(b"stream: " + said + b" FOUND\0") as address:
        house.scanner = ClamScanner(address)
        refusal = house.bring(b"Nurse: Good morning.", declared_kind="text", source="api").refusal
    assert refusal is not None
    assert refusal.code == "infected"
    assert f" found {shown};" in refusal.message
    assert kept(house) == []


def test_a_scanner_that_is_down_or_silent_lets_nothing_through(house):
    with talking_clamd(None) as silent:
        for address in (silent, "clamav://127.0.0.1:1", "unix:/nowhere/clamd.ctl", "clamav://no.such.host.invalid"):
            house.scanner = ClamScanner(address, timeout_s=0.3)
            with pytest.raises(ScannerUnavailableError):
                house.bring(b"Nurse: Good morning.", declared_kind="text")
    assert kept(house) == []
    assert house.ledger.receipts == []


def test_a_scanner_that_answers_before_the_end_is_heard(house):
    reply = b"INSTREAM size limit exceeded. ERROR\0"
    with talking_clamd(reply, hangs_up_at=100_000) as address, pytest.raises(ScannerUnavailableError) as limit:
        ClamScanner(address).scan_pieces(bytes(100_000) for _ in range(200))
    assert limit.value.code in ("scanner_limit", "scanner_unavailable")


def test_a_file_that_is_another_one_when_it_is_scanned_waits(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"now this")
    with talking_clamd(b"stream: OK\0") as address:
        with pytest.raises(VaultUnavailableError) as changed:
            ClamScanner(address).scan(path, hashlib.sha256(b"before that").hexdigest())
        assert ClamScanner(address).scan(path, hashlib.sha256(b"now this").hexdigest()) is None
    assert changed.value.code == "source_changed"


def test_scanning_is_off_unless_asked_for():
    assert scanner_at("off") is None
    assert isinstance(scanner_at("clamav://scanner"), ClamScanner)
