"""Completeness and category scores: worked by hand, and their laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.scoring.asked import items_of
from nurseconv_dagster.scoring.completeness import category_score, completeness
from tests.scoring.made_up import RUBRIC, answer, asked, items, profile, question

STATES = ("answered", "denied", "declined", "unable", "asked_no_answer", "conflicting", "not_asked", "not_applicable")


def test_completeness_is_the_weighted_share_of_what_each_state_earns() -> None:
    """Weights 3, 2, 1, 2; states answered 1, asked_no_answer 0.5, not_asked 0, denied 1.

    (3*1 + 2*0.5 + 1*0 + 2*1) / (3+2+1+2) = 6/8 = 0.75.
    """
    found = items(
        (question("a", 3), answer("a")),
        (question("b", 2), answer("b", "asked_no_answer")),
        (question("c", 1), answer("c", "not_asked")),
        (question("d", 2), answer("d", "denied")),
    )
    assert completeness(found.values(), RUBRIC).value == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("state", "earned"),
    [("answered", 1), ("denied", 1), ("declined", 1), ("unable", 1), ("asked_no_answer", 0.5), ("conflicting", 0.5),
     ("not_asked", 0)],
)  # fmt: skip
def test_each_state_earns_what_the_table_says(state: str, earned: float) -> None:
    assert completeness(asked(a=state).values(), RUBRIC).value == earned


def test_a_question_that_does_not_apply_is_not_counted() -> None:
    assert completeness(asked(a="answered", b="not_applicable").values(), RUBRIC).value == 1
    assert completeness(asked(b="not_applicable").values(), RUBRIC).value is None


def test_a_question_without_a_row_was_not_asked() -> None:
    found = items_of(profile(question("a"), question("b")), [answer("a")])
    assert completeness(found, RUBRIC).value == 0.5


def test_an_answer_to_a_question_outside_the_profile_does_not_count() -> None:
    found = items_of(profile(question("a")), [answer("a", "not_asked"), answer("stranger")])
    assert completeness(found, RUBRIC).value == 0


def test_a_category_score_halves_with_the_grade_of_its_words() -> None:
    """Group assessment: fuzzy (g 0.8) of weight 3, declined (g' 1) of weight 1, not asked of weight 1.

    (3*1*(0.5+0.5*0.8) + 1*1*(0.5+0.5*1) + 0) / 5 = (2.7 + 1) / 5 = 0.74.
    """
    found = items(
        (question("a", 3, "assessment"), answer("a", grade="fuzzy")),
        (question("b", 1, "neuro"), answer("b", "declined")),
        (question("c", 1, "skin"), answer("c", "not_asked")),
        (question("d", 9, "social"), answer("d")),
    )
    assert category_score(found.values(), "assessment", RUBRIC).value == pytest.approx(0.74)


def test_the_best_of_several_pieces_of_evidence_gives_the_grade() -> None:
    """Normalised and fuzzy: g = 0.95, so 1*(0.5+0.5*0.95) = 0.975."""
    both = answer("a", grade="fuzzy")
    both = replace(both, evidence=(*both.evidence, *answer("a", grade="normalised").evidence))
    found = items((question("a"), both))
    assert category_score(found.values(), "assessment", RUBRIC).value == pytest.approx(0.975)


def test_a_reviewer_needs_no_quote_and_nobody_else_goes_without() -> None:
    by_reviewer = items((question("a"), answer("a", grade=None, provider="reviewer")))
    by_model = items((question("a"), answer("a", grade=None, provider="local")))
    assert category_score(by_reviewer.values(), "assessment", RUBRIC).value == 1
    assert category_score(by_model.values(), "assessment", RUBRIC).value == 0.5


def test_a_group_that_the_profile_does_not_ask_has_no_score() -> None:
    assert category_score(asked(a="answered").values(), "treatment", RUBRIC).value is None


@given(st.lists(st.tuples(st.sampled_from((1, 2, 3)), st.sampled_from(STATES)), max_size=12), st.integers(0, 11))
def test_answering_one_more_question_never_lowers_completeness(rows: list[tuple[int, str]], which: int) -> None:
    before = items(*((question(f"q{i}", weight), answer(f"q{i}", state)) for i, (weight, state) in enumerate(rows)))
    if f"q{which}" not in before:
        return
    after = items(
        *(
            (question(f"q{i}", weight), answer(f"q{i}", "answered" if i == which else state))
            for i, (weight, state) in enumerate(rows)
        )
    )
    low, high = completeness(before.values(), RUBRIC).value, completeness(after.values(), RUBRIC).value
    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= 1
