"""Confidence, evidence coverage and number faithfulness: worked by hand."""

from __future__ import annotations

import pytest

from nurseconv_dagster.scoring.confidence import evidence_coverage, mean_confidence, number_faithfulness
from tests.scoring.made_up import answer, call, items, question


def test_confidence_is_the_weighted_mean_over_answered_and_denied() -> None:
    """Weight 3 at 0.9, weight 1 at 0.5; a conflict of weight 9 at 0.1 does not count: (2.7 + 0.5) / 4 = 0.8."""
    found = items(
        (question("a", 3), answer("a", confidence=0.9)),
        (question("b", 1), answer("b", "denied", confidence=0.5)),
        (question("c", 9), answer("c", "conflicting", confidence=0.1)),
    )
    assert mean_confidence(found.values()).value == pytest.approx(0.8)


def test_an_answer_without_a_confidence_drops_out() -> None:
    found = items(
        (question("a"), answer("a", confidence=0.6)),
        (question("b"), answer("b", confidence=None, grade=None, provider="reviewer")),
    )
    assert mean_confidence(found.values()).value == pytest.approx(0.6)


def test_confidence_is_null_when_nothing_was_answered() -> None:
    assert mean_confidence(items((question("a"), answer("a", "declined"))).values()).value is None


def test_evidence_coverage_counts_the_claims_of_all_providers() -> None:
    """5 of 8 and 1 of 2: 6/10 = 0.6; the reasons of the four dropped ones add up."""
    scored = evidence_coverage([call(8, 5, quote_not_found=2, bad_value=1), call(2, 1, quote_not_found=1), call()])
    assert scored.value == pytest.approx(0.6)
    assert scored.parts == {"n_claims": 10, "n_accepted": 6, "n_dropped_bad_value": 1, "n_dropped_quote_not_found": 3}


def test_number_faithfulness_is_of_the_claims_with_numbers() -> None:
    """3 of 4 and 0 of 1: 3/5 = 0.6."""
    assert number_faithfulness([call(9, 9, 4, 3), call(1, 0, 1, 0)]).value == pytest.approx(0.6)


def test_without_claims_there_is_nothing_to_cover() -> None:
    assert evidence_coverage([call()]).value is None
    assert number_faithfulness([call(3, 3)]).value is None
