"""What would change is told apart: gained, lost, another value, or nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from nurseconv_dagster.evaluation.flips import Contest, Flips, Replicate, find_flips, sum_up, sum_up_questions
from nurseconv_dagster.extraction.answers import Answer


def answer(state: str, value: Any = None, text: str | None = None, question_id: str = "q") -> Answer:
    return Answer(
        question_id=question_id, question_text="?", category="assessment", value_type="text", is_phi=False,
        is_required=False, is_safety_critical=False, weight=1, state=state, answer_text=text, answer_value=value,
        is_valid=True, confidence_score=None, is_confident=False, needs_review=False, review_reasons=(), evidence=(),
        provider="rules", model_name="", prompt_sha256="", catalogue_version="1", processing_time_s=0,
    )  # fmt: skip


def change(current: Answer, other: Answer) -> str:
    [flips] = find_flips([current], [[other]])
    return flips.changes[0]


FOUR = answer("answered", 4, "4 out of 10")
NOT_ASKED = answer("not_asked")


@pytest.mark.parametrize(
    ("current", "other", "expected"),
    [
        (FOUR, answer("answered", 4.0, "four"), "same"),
        (FOUR, answer("answered", 5, "4 out of 10"), "changed"),
        (FOUR, NOT_ASKED, "lost"),
        (NOT_ASKED, FOUR, "gained"),
        (NOT_ASKED, NOT_ASKED, "same"),
        (NOT_ASKED, answer("declined"), "other_state"),
        (answer("denied", [], "none"), answer("answered", ["latex"], "latex"), "changed"),
        (answer("answered", None, "the left knee"), answer("answered", None, "The left knee."), "same"),
        (answer("answered", None, "the left knee"), answer("answered", None, "the right knee"), "changed"),
        (answer("conflicting", None, "a / b"), answer("declined"), "lost"),
    ],
)
def test_every_kind_of_change_has_its_name(current: Answer, other: Answer, expected: str) -> None:
    assert change(current, other) == expected


def test_replicates_are_compared_with_one_another_too() -> None:
    [flips] = find_flips([FOUR], [[FOUR], [answer("answered", 4, "4")], [NOT_ASKED]])

    assert flips.changes == ("same", "same", "lost")
    assert (flips.n_pairs, flips.n_pairs_same) == (3, 1)


def test_questions_of_one_side_only_are_left_out() -> None:
    assert find_flips([FOUR], [[answer("answered", 1, "1", "other")]]) == ()


def test_figures_by_hand() -> None:
    ended = Replicate(1, None, 2.0, 0.01, 4, 3)
    failed = Replicate(2, "provider_timeout", 9.0, 0.03, 0, 0)
    flips = (
        Flips("a", "answered", ("answered", "not_asked"), ("same", "lost"), 1, 0),
        Flips("b", "not_asked", ("not_asked", "not_asked"), ("same", "same"), 1, 1),
    )
    contests = [Contest(uuid4(), (ended, failed), flips)]
    found = sum_up(contests)

    assert (found["n_uploads"], found["n_replicates"], found["n_failed"]) == (1, 2, 1)
    assert (found["agreement"], found["self_consistency"]) == (3 / 4, 1 / 2)
    assert found["cost_usd"] == pytest.approx(0.04)
    assert found["cost_per_upload_usd"] == pytest.approx(0.01)
    assert (found["latency_median_s"], found["unsupported_rate"]) == (2.0, 1 / 4)
    assert list(sum_up_questions(contests)) == ["a", "b"], "least agreement first"


def test_nothing_compared_has_no_rates() -> None:
    found = sum_up([])

    assert (found["agreement"], found["self_consistency"], found["latency_median_s"]) == (None, None, None)
    assert found["n_compared"] == found["cost_usd"] == 0
