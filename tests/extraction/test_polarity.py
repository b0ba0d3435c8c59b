"""True words that prove the opposite: negation, questions, relatives, corrections."""

from __future__ import annotations

import pytest

from nurseconv_dagster.extraction.polarity import (
    answer_to_question,
    correction_after,
    is_about_someone_else,
    is_blanket_denial,
    is_corrected,
    is_uncertain,
    negation_before,
)


@pytest.mark.parametrize(
    ("text", "quote", "reaches"),
    [
        ("I'm not allergic to penicillin.", "allergic to penicillin", True),
        ("She denies fever, chills or vomiting.", "vomiting", True),
        ("No fever, no cough.", "fever", True),
        ("No, I'm allergic to penicillin.", "I'm allergic to penicillin", False),
        ("No, I'm allergic to penicillin.", "allergic to penicillin", False),
        ("No I am allergic to latex", "allergic to latex", False),
        ("I have no fever but a cough.", "cough", False),
        ("No fever. I have a cough.", "cough", False),
        ("I'm not diabetic, I'm allergic to latex.", "allergic to latex", False),
        ("Don't forget to take your lisinopril.", "take your lisinopril", False),
        ("I don't think I'm allergic to latex.", "allergic to latex", True),
        ("I never took warfarin.", "warfarin", True),
        ("Nothing by mouth, and he has a drain", "has a drain", False),
        ("I am allergic to latex.", "allergic to latex", False),
    ],
)
def test_a_negation_reaches_as_far_as_its_clause(text: str, quote: str, reaches: bool) -> None:
    start = negation_before(text, text.index(quote))
    assert (start is not None) is reaches
    if start is not None:
        assert start < text.index(quote)


@pytest.mark.parametrize(
    ("quote", "is_blanket"),
    [
        ("No known allergies", True),
        ("No, not that I know of", True),
        ("none", True),
        ("no drug allergies", True),
        ("no latex allergy", False),
        ("I'm allergic to latex", False),
    ],
)
def test_a_denial_of_one_thing_is_no_denial_of_all(quote: str, is_blanket: bool) -> None:
    assert is_blanket_denial(quote, frozenset({"allergies", "allergic"})) is is_blanket


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My mother takes warfarin.", True),
        ("My sister also has diabetes and warfarin", True),
        ("I take warfarin.", False),
        ("My wife reminds me. I take warfarin.", False),
        ("My daughter picks up my warfarin", False),
    ],
)
def test_what_is_said_of_a_relative_is_about_someone_else(text: str, expected: bool) -> None:
    start = text.index("warfarin")
    assert is_about_someone_else(text, start, start + 8) is expected


def test_a_hedge_is_heard() -> None:
    text = "I'm not sure if it was penicillin."
    assert is_uncertain(text, text.index("penicillin"), len(text) - 1)


def test_words_of_a_question_are_worth_what_was_answered() -> None:
    for reply, expected in (("No.", "no"), ("Yes, a lot.", "yes"), ("Well, maybe.", "open")):
        text = f"Do you smoke? {reply}"
        found = answer_to_question(text, text.index("?"))
        assert found is not None
        assert found[0] == expected
    assert answer_to_question("I smoke. No.", 7) is None


def test_a_correction_replaces_what_came_before() -> None:
    text = "It's thirty, no wait, forty milligrams. Good."
    assert is_corrected(text, text.index(","), text.index("forty"))
    end = correction_after(text, text.index(","))
    assert end is not None
    assert text[:end].endswith("forty milligrams")
    assert not is_corrected("Thirty in the morning and forty at night", 6, 26)
