"""Laws of evidence: a quote is the transcript's own words, or there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.extraction.evidence import find_quote
from tests.fakes.talks import spoken, typed

TALK = typed(
    "nurse: Are you allergic to anything?",
    "patient: I'm allergic to penicillin, it gives me hives.",
    "nurse: Your blood pressure is one forty over eighty-five.",
    "patient: My left knee hurts when I walk up the stairs in the morning.",
    "patient: I take 25 micrograms of levothyroxine – every day.",
)


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / "evidence.py"
    spec = importlib.util.spec_from_file_location("evidence_bench", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_was_not_said_is_never_found_and_what_was_said_nearly_always(bench: ModuleType) -> None:
    counts = bench.measure(200, seed=11)
    assert counts["invented"] == 0
    assert counts["changed"] == 0
    assert counts["noisy"] >= 198
    assert counts["misplaced"] == 0


@given(st.data())
@settings(max_examples=60)
def test_the_quote_is_always_the_transcripts_own_words(data: st.DataObject) -> None:
    text = TALK.full_text
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = find_quote(TALK, text[start:end])
    if found is not None:
        assert text[found.start_char : found.end_char] == found.quote


@given(st.text(max_size=40))
@settings(max_examples=60)
def test_no_quote_breaks_the_search(quote: str) -> None:
    found = find_quote(TALK, quote, (0, 99, -3))
    assert found is None or TALK.full_text[found.start_char : found.end_char] == found.quote


@pytest.mark.parametrize(
    ("quote", "grade"),
    [
        ("allergic to penicillin", "exact"),
        ("Allergic to PENICILLIN!", "normalised"),
        ("“allergic to, uh, penicillin”", "normalised"),
        ("blood pressure is 140/85", "normalised"),
        ("25 mcg of levothyroxine every day", "normalised"),
        ("left knee hurts when I'm walking", None),
        ("eighty", None),
        ("forty over eighty-five", None),
        ("knee hurt", None),
        ("", None),
        ("...", None),
    ],
)
def test_grades(quote: str, grade: str | None) -> None:
    found = find_quote(TALK, quote)
    assert (found.grade if found else None) == grade


def test_fuzzy_needs_a_place_and_forgives_little_words_only() -> None:
    nearly = "left knee hurt when I walk up stairs in the morning"
    assert find_quote(TALK, nearly) is None
    found = find_quote(TALK, nearly, (3,))
    assert found is not None
    assert found.grade == "fuzzy"
    assert found.similarity >= 0.85
    assert found.quote == "left knee hurts when I walk up the stairs in the morning"
    assert find_quote(TALK, nearly, (0,)) is None  # too far from where it is said to stand


@pytest.mark.parametrize(
    "changed",
    [
        "right knee hurts when I walk up the stairs in morning",
        "left knee never hurts when I walk up the stairs in morning",
        "left knee hurts when I walk down the stairs in morning",
        "left hip hurts when I walk up the stairs in the morning",
    ],
)
def test_fuzzy_never_changes_the_meaning(changed: str) -> None:
    assert find_quote(TALK, changed, (3,)) is None


@pytest.mark.parametrize("changed", ["levothyroxin", "liothyronine", "levofloxacin"])
def test_a_look_alike_drug_is_another_drug(changed: str) -> None:
    assert find_quote(TALK, f"I take 25 micrograms of {changed} every day", (4,)) is None


def test_a_bare_no_needs_a_place() -> None:
    talk = typed("nurse: Any pain?", "patient: No.", "nurse: Any allergies?", "patient: No.")
    assert find_quote(talk, "No.") is None
    found = find_quote(talk, "No.", (3,))
    assert found is not None
    assert found.segment_ids == (3,)


def test_the_named_segment_wins_over_an_earlier_place() -> None:
    talk = typed(
        "nurse: Do you take aspirin every day?", "nurse: Hm.", "nurse: Well.", "patient: I take aspirin daily."
    )
    found = find_quote(talk, "aspirin", (3,))
    assert found is not None
    assert found.segment_ids == (3,)


def test_evidence_has_the_seconds_and_the_probability_of_its_words() -> None:
    talk = spoken("nurse: How are you?", "patient: My chest hurts a lot.", probability=0.8)
    found = find_quote(talk, "chest hurts")
    assert found is not None
    assert (found.start_s, found.end_s) == (4.0, 5.8)
    assert found.word_probability == pytest.approx(0.8)
    assert found.role == "patient"


def test_evidence_over_two_speakers_has_no_role() -> None:
    talk = typed("nurse: Any allergies?", "patient: Just latex.")
    found = find_quote(talk, "any allergies? Just latex")
    assert found is not None
    assert found.role is None
    assert found.segment_ids == (0, 1)
    assert found.grade == "normalised"


def test_offsets_count_code_points() -> None:
    talk = typed("patient: Señora 😀 says “it hurts” – a lot")
    found = find_quote(talk, "it hurts")
    assert found is not None
    assert talk.full_text[found.start_char : found.end_char] == "it hurts"
