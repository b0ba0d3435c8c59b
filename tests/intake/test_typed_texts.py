"""A typed conversation keeps every word, and its lines know who speaks where the writer said so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.intake.texts import TypedText, read_text


def spoken(text):
    typed = read_text(text.encode())
    return [(line.role, line.speaker, typed.text[line.start_char : line.end_char]) for line in typed.lines]


def test_labels_name_the_speaker_and_stay_outside_the_words():
    assert spoken("Nurse: Any pain?\nPATIENT :  Yes, 7.\r\nand it moves\r\n\r\nNurse 2: Where?") == [
        ("nurse", "Nurse", "Any pain?"),
        ("patient", "PATIENT", "Yes, 7."),
        ("patient", "PATIENT", "and it moves"),
        ("nurse", "Nurse 2", "Where?"),
    ]


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("RN", "nurse"), ("Nurse 1", "nurse"), ("nurse #12", "nurse"), ("Nurse (Amy)", "nurse"),
        ("RN [Amy Lee]", "nurse"),
        ("charge  nurse", "nurse"), ("Patient", "patient"), ("pt", "patient"), ("Daughter", "family"),
        ("Mother (Ana)", "family"), ("Family member 2", "family"), ("Doctor", "other"), ("Dr.", "other"),
        ("Dr. Lee", "other"), ("Dr Anna O'Neil", "other"), ("Physician", "other"), ("Caller", None),
        ("Speaker 1", None),
    ],
)  # fmt: skip
def test_role_words_are_known(label, role):
    assert spoken(f"{label}: words") == [(role, label, "words")]


@pytest.mark.parametrize(
    "line",
    [
        "Patient Name: Ann",
        "Nurse Note: x",
        "Family history: none",
        "Plan: rest",
        "the nurse: said",
        "Time 10:30",
        "nurses: two",
    ],
)
def test_headings_are_not_speakers(line):
    assert spoken(line) == [(None, None, line)]


def test_lines_before_the_first_label_have_no_speaker():
    assert [role for role, _, _ in spoken("Ward 3\nNurse: Hi")] == [None, "nurse"]


def test_a_label_alone_speaks_for_the_lines_below():
    assert spoken("Nurse:\n  Hello.\n") == [("nurse", "Nurse", "Hello.")]


def test_words_that_repeat_the_label_are_found_behind_it():
    assert [line.start_char for line in read_text(b"Nurse: Nurse").lines] == [7]


def test_the_text_is_as_typed_but_for_line_ends_and_the_mark():
    assert read_text(b"\xef\xbb\xbfNurse: a\r\nb\rc\n").text == "Nurse: a\nb\nc\n"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_text"), (b" \n\t ", "empty_text"), (b"\xef\xbb\xbf", "empty_text"), (b"...", "empty_text"),
        (b"caf\xe9", "not_utf8"), (b"a\0b", "not_utf8"), (b"\xed\xa0\x80", "not_utf8"),
        ("a".encode("utf-16"), "not_utf8"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused(raw, code):
    assert read_text(raw).code == code


@given(st.binary(max_size=100))
def test_no_bytes_make_the_reader_fail(raw):
    assert isinstance(read_text(raw), (TypedText, Refusal))


WORDS = st.text(st.sampled_from("abcdé7 :.-()[]\t\u2028\u00a0👍"), max_size=20)
LINES = st.tuples(st.sampled_from(["", "Nurse: ", "patient:", "Dr. Lee: ", "  RN 2 : "]), WORDS).map("".join)


@given(st.lists(LINES, min_size=1, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
def test_spans_lie_inside_their_line_and_lose_no_word(lines, line_end):
    typed = read_text(("x\n" + line_end.join(lines)).encode())
    assert "\r" not in typed.text
    assert [line.start_char for line in typed.lines] == sorted(line.start_char for line in typed.lines)
    rest = list(typed.text)
    for line in typed.lines:
        words = typed.text[line.start_char : line.end_char]
        assert words == words.strip() != ""
        assert "\n" not in words
        rest[line.start_char : line.end_char] = [" "] * len(words)
    for left in "".join(rest).split("\n"):
        assert not left.strip() or left.strip().endswith(":")  # only labels lie outside the spans
