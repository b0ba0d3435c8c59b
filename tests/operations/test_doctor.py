"""The doctor tests the bucket and the scanner, and says what to do in words that name no file."""

from __future__ import annotations

import os
import shutil

import pytest

from nurseconv_dagster.operations import doctor
from nurseconv_dagster.settings import load_settings
from tests.fakes.clamd import real_clamd, talking_clamd
from tests.fakes.notes import drop, note
from tests.fakes.object_stores import bucket_at, moto

pytestmark = pytest.mark.xdist_group("dagster")
CANARY = "zebulonis"


def told(capsys, **variables):
    """The doctor's lines on bucket and scanner, in this environment."""
    os.environ |= variables
    doctor.examine(load_settings(), definitions=False)
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[1]: line for line in lines if line.split()[1:2] in (["bucket"], ["scanner"])}


@pytest.fixture(autouse=True)
def _only_these_parts(monkeypatch):
    for part in ("_ledger", "_audit", "_catalogue", "_speech", "_reader", "_hosted_models", "_daemon", "_database"):
        monkeypatch.setattr(doctor, part, lambda settings: "")


def test_a_bucket_is_listed_wherever_it_lies(home, capsys):
    drop(home, f"{CANARY}.txt", note(1))
    assert told(capsys)["bucket"].startswith("ok ")
    shutil.rmtree(home.bucket_dir)
    away = told(capsys)["bucket"]
    assert away.startswith("WRONG")
    assert "UPLOAD_DIR" in away
    with moto() as address:
        cloud = bucket_at("s3", address)
        cloud.put(f"{CANARY}.wav")
        assert told(capsys, UPLOAD_DIR=cloud.url)["bucket"].startswith("ok ")
    down = told(capsys, AWS_ENDPOINT_URL="http://127.0.0.1:1")["bucket"]
    assert down.startswith("WRONG")
    assert CANARY not in away + down


def test_a_scanner_must_find_the_test_file_and_take_the_largest_file(home, capsys):
    assert told(capsys)["scanner"].endswith("off; VIRUS_SCAN turns it on")
    with talking_clamd(b"stream: OK\0") as blind:
        assert "freshclam" in told(capsys, VIRUS_SCAN=blind)["scanner"]
    assert told(capsys, VIRUS_SCAN="clamav://127.0.0.1:1")["scanner"].startswith("WRONG")
    if shutil.which("clamd") is None:
        pytest.skip("clamd is not installed (Debian: clamav-daemon)")
    with real_clamd(StreamMaxLength="1M") as address:
        assert told(capsys, VIRUS_SCAN=address, MAX_FILE_SIZE="1000000")["scanner"].startswith("ok ")
        assert "StreamMaxLength" in told(capsys, MAX_FILE_SIZE="9000000")["scanner"]
