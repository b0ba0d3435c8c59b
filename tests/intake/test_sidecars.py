"""A sidecar says known things in the right types, or it is refused with the reason."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.folder_bucket import FolderBucket
from nurseconv_dagster.intake.sidecars import (
    MAX_SIDECAR_BYTES,
    find_sidecar,
    load_sidecar,
    parse_sidecar,
    refuse_profile,
)

WHOLE = {
    "nurse_id": "n1", "unit": "icu", "encounter_id": "e1", "profile": "triage", "language": "en", "priority": "high",
    "consent": True,
}  # fmt: skip
CANARY = "CanaryName"


def test_every_field_is_read():
    assert parse_sidecar(json.dumps(WHOLE).encode()) == Sidecar(**WHOLE)
    assert parse_sidecar(b"\xef\xbb\xbf{}") == Sidecar()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b'{\n"unit": icu\n}', "line 2"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'{"CanaryName": 1}', "1 unknown field"),
        (b'{"unit": "CanaryName", "unit": "b"}', "twice"),
        (b'{"consent": "CanaryName"}', "consent"),
        (b'{"consent": 1}', "consent"),
        (b'{"nurse_id": 7}', "nurse_id"),
        (b'{"unit": ""}', "unit"),
        (b'{"language": "CanaryName"}', "language"),
        (b'{"priority": "CanaryName"}', "priority"),
        (b'{"unit": NaN}', "number"),
        (b'{"unit": "CanaryName\\u0000"}', "control"),
        (b'{"unit": "CanaryName\\ud800"}', "unit"),
        ("{'unit': 'CanaryName'}".encode("utf-16"), "UTF-8"),
        (b"[" * 60000, "nesting"),
        (b'{"unit": ' + b"9" * 5000 + b"}", "number"),
        (b" " * (MAX_SIDECAR_BYTES + 1), "larger than"),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_without_the_content(raw, reason):
    refusal = parse_sidecar(raw)
    assert refusal.code == "bad_sidecar"
    assert reason in refusal.message
    assert CANARY not in refusal.message


@settings(max_examples=50)
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_make_the_reader_fail(raw):
    assert isinstance(parse_sidecar(raw), (Sidecar, Refusal))


@given(
    st.builds(
        dict,
        unit=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200).filter(str.strip),
        consent=st.none() | st.booleans(),
    )
)
def test_what_is_written_is_what_is_read(fields):
    sidecar = parse_sidecar(json.dumps(fields).encode())
    assert (sidecar.unit, sidecar.consent) == (fields["unit"].strip(), fields["consent"])


def test_the_longer_name_wins(tmp_path):
    recording = tmp_path / "visit.wav"
    assert find_sidecar(recording) is None
    assert load_sidecar(recording) == Sidecar()
    (tmp_path / "visit.json").write_text('{"unit": "short"}')
    assert load_sidecar(recording).unit == "short"
    (tmp_path / "visit.wav.json").write_text('{"unit": "long"}')
    assert load_sidecar(recording).unit == "long"


def test_a_folder_or_a_name_too_long_for_one_is_no_sidecar(tmp_path):
    (tmp_path / "visit.json").mkdir()
    assert find_sidecar(tmp_path / "visit.wav") is None
    assert find_sidecar(tmp_path / ("n" * 251 + ".wav")) is None


def failing_to_open(number):
    def fail(*_):
        raise OSError(number, os.strerror(number), CANARY)

    return fail


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_recording_waits_while_its_sidecar_cannot_be_read(number, tmp_path):
    (tmp_path / "visit.wav").touch()
    (tmp_path / "visit.json").write_text('{"unit": "icu"}')
    bucket = FolderBucket(tmp_path)
    [file] = bucket.list_stable(time.time(), 0, after=None, deadline=0).files
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Path, "open", failing_to_open(number))
        with pytest.raises(VaultUnavailableError) as waits, bucket.fetch(file, tmp_path, 100):
            pass
    assert waits.value.code == "source_unreadable"
    assert CANARY not in f"{waits.value}"
    with bucket.fetch(file, tmp_path, 100) as fetched:
        assert fetched.sidecar == Sidecar(unit="icu")


def test_a_sidecar_that_vanished_is_none(tmp_path, monkeypatch):
    (tmp_path / "visit.json").touch()
    monkeypatch.setattr(Path, "open", failing_to_open(errno.ENOENT))
    assert load_sidecar(tmp_path / "visit.wav") == Sidecar()


def test_an_unknown_profile_is_refused_with_the_known_ones():
    refusal = refuse_profile(Sidecar(profile=CANARY), {"general", "triage"})
    assert refusal.code == "unknown_profile"
    assert "general, triage" in refusal.message
    assert CANARY not in refusal.message
    assert refuse_profile(Sidecar(profile="triage"), {"triage"}) is None
    assert refuse_profile(Sidecar(), set()) is None
