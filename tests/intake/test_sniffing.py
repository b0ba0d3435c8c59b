"""A file is what its bytes say, whatever it is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.intake.sniffing import Sniffed, is_printable, sniff
from tests.fakes.sounds import RECIPES, make


@pytest.fixture
def drop(tmp_path):
    def write(data: bytes, name: str = "a.bin"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.wav", "a.txt", "a", "a.mp3.json"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_sound_is_sound_under_any_name(recipe, name, tmp_path):
    found = sniff(make(tmp_path / name, recipe, 0.5))
    assert (found.format, found.kind) == (RECIPES[recipe][0], "audio")
    assert found.content_type.startswith("audio/")


def test_an_empty_file_is_refused(drop):
    assert sniff(drop(b"")).code == "empty_file"


@pytest.mark.parametrize(
    "text", ["Nurse: hello", "\ufeffNurse: hello", "Schmerz: läßt nach\r\n\tja", "fLaC, OggS, RIFF"]
)
def test_text_is_typed_only_where_somebody_says_so(text, drop):
    raw = text.encode()
    assert sniff(drop(raw, "note.TXT")) == Sniffed("text", "text/plain")
    assert sniff(drop(raw, "note.md"), declared_kind="text").kind == "text"
    assert sniff(drop(raw, "spooled"), filename="note.txt").kind == "text"
    for refused in (sniff(drop(raw, "visit.wav")), sniff(drop(raw, "note.txt"), declared_kind="audio")):
        assert refused.code == "unknown_format"
        assert "text, not audio" in refused.message


@pytest.mark.parametrize("raw", ["Größe".encode("latin-1"), "Nurse".encode("utf-16"), b"a\0b"])
def test_text_that_is_no_utf8_is_refused_as_such(raw, drop):
    assert sniff(drop(raw, "note.txt")).code == "not_utf8"
    assert sniff(drop(raw), declared_kind="text").code == "not_utf8"


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"RIFF\x10\0\0\0AVI LIST", "not WAVE"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "Wave64"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(40), "ADTS"),
        (b"OggS" + bytes(22) + b"\x01\x08Speex   ", "neither Vorbis nor Opus"),
        (b"%PDF-1.7\n\x80", "PDF"),
        (b"#!AMR\n\x0c\xff", "AMR"),
        (bytes(range(256)), "no known audio format"),
    ],
)
def test_a_stranger_is_named_and_told_what_is_allowed(head, found, drop):
    refusal = sniff(drop(head))
    assert refusal.code == "unknown_format"
    assert found in refusal.message
    assert "mp3, wav, m4a, ogg, flac, webm" in refusal.message


@pytest.mark.parametrize("opening", [b"RF64", b"BW64"])
def test_long_wave_files_of_broadcasters_are_wav(opening, drop):
    assert sniff(drop(opening + b"\xff\xff\xff\xffWAVEds64")).format == "wav"


def test_an_mp3_is_found_behind_a_tag_and_behind_junk(drop, tmp_path):
    data = make(tmp_path / "m", "mp3_without_header", 0.5).read_bytes()
    picture = b"ID3\x04\0\0" + bytes([0, 6, 0, 0]) + b"\xff\xfb\x90\x64" * 24576
    assert sniff(drop(picture + data)).format == "mp3"
    assert sniff(drop(bytes(100) + b"\xff\xfbjunk" + data)).format == "mp3"


@given(st.binary(min_size=1, max_size=300))
def test_random_bytes_are_never_taken_for_sound(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("random") / "a.bin"
    path.write_bytes(b"\0" + data)
    assert isinstance(sniff(path), Refusal)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.integers(0, 3))
def test_printable_text_stays_so_when_cut_inside_a_character(text, n_cut):
    raw = ("ab" + text + "\U0001f600").encode()
    assert is_printable(raw[: len(raw) - n_cut])
