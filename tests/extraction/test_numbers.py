"""Laws of spoken and written numbers."""

from __future__ import annotations

import importlib.util
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.extraction.numbers import canonical, find_numbers, scan_numbers


def _bench() -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / "evidence.py"
    spec = importlib.util.spec_from_file_location("evidence_bench", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


number_words = _bench().number_words


def values(text: str) -> list[str]:
    return [number.canonical for number in find_numbers(text)]


@given(st.integers(0, 9999))
def test_every_number_up_to_9999_survives_being_spoken(n: int) -> None:
    assert values(number_words(n)) == [str(n)]


@given(st.integers(0, 9999))
def test_a_number_in_a_sentence_is_found_where_it_stands(n: int) -> None:
    text = f"Well, it is {number_words(n)}, thank you."
    (found,) = find_numbers(text)
    assert text[found.start : found.end] == number_words(n)


@given(st.integers(0, 999), st.text("0123456789", min_size=1, max_size=3).filter(lambda d: not d.endswith("0")))
def test_decimals_survive_being_spoken_with_point(whole: int, decimals: str) -> None:
    assert values(number_words(f"{whole}.{decimals}")) == [f"{whole}.{decimals}"]


@given(st.integers(1, 9), st.integers(10, 99))
def test_the_hundred_may_be_left_out(hundreds: int, rest: int) -> None:
    assert values(f"{number_words(hundreds)} {number_words(rest)}") == [str(hundreds * 100 + rest)]


@given(st.integers(1, 9), st.integers(1, 9))
def test_oh_stands_for_the_missing_ten(hundreds: int, unit: int) -> None:
    assert values(f"{number_words(hundreds)} oh {number_words(unit)}") == [str(hundreds * 100 + unit)]


@given(st.integers(95, 199), st.integers(40, 99))
def test_blood_pressure_is_two_numbers_however_it_is_said(high: int, low: int) -> None:
    shortened = f"one {number_words(high - 100)}" if high >= 110 else number_words(high)
    for text in (f"{high}/{low}", f"{high} over {low}", f"{shortened} over {number_words(low)}"):
        assert values(text) == [str(high), str(low)]


@given(st.integers(1, 20))
def test_a_half_is_added(n: int) -> None:
    assert values(f"{number_words(n)} and a half tablets") == [f"{n}.5"]


@given(st.decimals(0, 10_000, places=3))
def test_canonical_numbers_are_equal_exactly_when_their_values_are(value: Decimal) -> None:
    assert Decimal(canonical(value)) == value
    assert canonical(value) == canonical(value * Decimal("1.0"))


@given(st.text(max_size=80))
def test_no_text_breaks_the_scanner_and_spans_never_overlap(text: str) -> None:
    spans = [(number.start, number.end) for number in scan_numbers(text)]
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert all(0 <= start < end <= len(text) for start, end in spans)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a hundred and two", ["102"]),
        ("ninety-eight point six", ["98.6"]),
        ("98 point 6", ["98.6"]),
        ("half a milligram", ["0.5"]),
        ("two and a half", ["2.5"]),
        ("twenty-five mcg", ["25"]),
        ("25mcg", ["25"]),
        ("5.0 and five and 05", ["5", "5", "5"]),
        ("one hundred, uh, and forty", ["140"]),
        ("1,250 mL", ["1250"]),
        ("nineteen eighty-five", ["1985"]),
        ("five five five, call", ["555"]),
        ("five five five oh one four two", ["5550142"]),
        ("555-0142", ["5550142"]),
        ("at nine thirty, so 9:30", ["930", "930"]),
        ("take one twenty milligram tablet", ["1", "20"]),
        ("the third time on May 3rd, twenty-fifth", []),
        ("no one, that one, B12, in her 80s", []),
        ("half past two", ["2"]),
        ("one, two", ["1", "2"]),
    ],
)
def test_ways_to_say_a_number(text: str, expected: list[str]) -> None:
    assert values(text) == expected


def test_ordinals_are_found_as_ordinals() -> None:
    assert [(n.canonical, n.is_ordinal) for n in scan_numbers("the twenty-fifth of 12")] == [
        ("25", True),
        ("12", False),
    ]


@pytest.mark.parametrize("words", ["the 3RD day", "the 3rd day", "the 21ST day", "the 2Nd day"])
def test_capitals_do_not_make_an_ordinal_a_cardinal(words: str) -> None:
    assert [number.is_ordinal for number in scan_numbers(words)] == [True]
