"""A cleaned name shows itself as it is and leads nowhere."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.intake.filenames import clean_filename


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("visit.wav", "visit.wav"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\amy\visit.wav", "visit.wav"),
        ("..", "unnamed"),
        (". .", "unnamed"),
        ("", "unnamed"),
        ("/", "unnamed"),
        ("a\nb\r\0.wav", "ab.wav"),
        ("gp\u202e3pm.wav", "gp3pm.wav"),
        ("folder/", "folder"),
        ("می\u200cخواهم.wav", "می\u200cخواهم.wav"),
        (os.fsdecode(b"caf\xe9.wav"), "caf\ufffd.wav"),
        ("n" * 300 + ".wav", "n" * 251 + ".wav"),
        ("n." + "w" * 300, "n." + "w" * 253),
    ],
)
def test_names_are_cleaned(name, clean):
    assert clean_filename(name) == clean


@given(st.text(st.characters(exclude_categories=[]), max_size=600))
def test_a_clean_name_is_safe_and_stays_as_it_is(name):
    clean = clean_filename(name)
    assert 1 <= len(clean) <= 255
    assert clean not in (".", "..")
    assert not set(clean) & set("/\\\n\r\0")
    assert not any(unicodedata.bidirectional(char) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI") for char in clean)
    assert clean.encode("utf-8")
    assert clean_filename(clean) == clean
