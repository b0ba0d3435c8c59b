"""A form is the same form however the network cuts it, and a bad one is refused with a reason."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.api.forms import FormReader
from nurseconv_dagster.intake.spooling import Spool

LINE = "----made-up"


def part(name, content, filename=None, extra=""):
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{LINE}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{extra}\r\n'
    return head.encode() + content + b"\r\n"


def form(*parts):
    return b"".join(parts) + f"--{LINE}--\r\n".encode()


def read(body, folder, pieces=None, limit=1000):
    """The reader after the whole body, and what lies in the spool."""
    with Spool(folder, limit) as spool:
        reader = FormReader(LINE.encode(), spool, limit)
        for piece in pieces or [body]:
            reader.feed(piece)
        reader.finish()
        return reader, spool.finish().read_bytes(), spool.sha256


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), cuts=st.lists(st.integers(1, 600), max_size=8), unit=st.text(max_size=20))
def test_a_form_is_the_same_form_however_it_is_cut(tmp_path_factory, content, cuts, unit):
    body = form(part("unit", unit.encode("utf-8", "ignore")), part("file", content, "a.wav"), part("consent", b"true"))
    edges = sorted({0, *(cut for cut in cuts if cut < len(body)), len(body)})
    pieces = [body[start:end] for start, end in itertools.pairwise(edges)]
    reader, spooled, sha256 = read(body, tmp_path_factory.getbasetemp() / "spool", pieces)
    assert (reader.refusal, reader.filename) == (None, "a.wav")
    assert reader.fields == {"unit": unit.encode("utf-8", "ignore").decode(), "consent": "true"}
    assert (spooled, sha256) == (content, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(part("unit", b"icu")), "missing_file"),
        (form(part("file", b"x", "a"), part("file", b"y", "b")), "bad_form"),
        (form(part("recording", b"x", "a.wav")), "bad_form"),
        (form(part("file", b"x", "a"), part("unit", b"a"), part("unit", b"b")), "bad_form"),
        (form(part("file", b"x", "a"), part("unit", b"\xff")), "bad_form"),
        (form(part("file", b"x", "a"), part("unit", b"u" * 70_000)), "bad_form"),
        (form(part("file", b"x", "a"), *(part(f"f{n}", b"") for n in range(33))), "bad_form"),
        (part("file", b"half of it", "a.wav"), "bad_form"),
        (b"no form at all", "bad_form"),
        (form(part("file", b"x" * 1001, "a.wav")), "too_large"),
    ],
)
def test_a_bad_form_is_refused_with_a_reason(body, code, tmp_path):
    reader, spooled, _ = read(body, tmp_path)
    assert reader.refusal.code == code
    assert len(spooled) <= 1000


def test_the_first_thing_that_is_wrong_is_told(tmp_path):
    reader, _, _ = read(form(part("file", b"x" * 1001, "a"), part("unit", b"\xff")), tmp_path)
    assert reader.refusal.code == "too_large"


def test_a_file_of_no_bytes_and_no_name_is_still_a_file(tmp_path):
    reader, spooled, _ = read(form(part("file", b"", "")), tmp_path)
    assert (reader.refusal, reader.filename, spooled) == (None, "", b"")
