"""The safety score: worked by hand."""

from __future__ import annotations

import pytest

from nurseconv_dagster.scoring.safety import contradictions, safety
from tests.scoring.made_up import RUBRIC, answer, asked, items, question


def test_safety_is_the_share_of_what_the_profile_asks() -> None:
    """Asked: allergies 1, fall risk 0.5 (no answer), code status 0; the other three are not in the profile: 1.5/3."""
    found = asked(allergies="denied", fall_risk="asked_no_answer", code_status="not_asked", pain_level="answered")
    scored = safety(found, RUBRIC)
    assert scored.value == pytest.approx(0.5)
    assert scored.parts["identity_verified"] is None


def test_each_contradiction_costs_a_quarter_and_the_floor_is_zero() -> None:
    """Allergies covered, 1 conflict elsewhere: 1 - 0.25. With five conflicts: 0, not below."""
    assert safety(asked(allergies="answered", patient_age="conflicting"), RUBRIC).value == pytest.approx(0.75)
    many = asked(allergies="answered", **{f"q{i}": "conflicting" for i in range(5)})  # type: ignore[arg-type]
    assert safety(many, RUBRIC).value == 0


def test_an_identity_that_was_not_verified_is_not_covered() -> None:
    no = items((question("identity_verified"), answer("identity_verified", value=False)))
    yes = items((question("identity_verified"), answer("identity_verified", value=True)))
    assert safety(no, RUBRIC).value == 0
    assert safety(yes, RUBRIC).value == 1


def test_no_allergies_is_an_answer() -> None:
    assert safety(asked(allergies="denied"), RUBRIC).value == 1


def test_read_back_counts_where_a_profile_asks_for_it() -> None:
    """Allergies 1 and read-back not done: 1/2."""
    found = items(
        (question("allergies"), answer("allergies")),
        (question("read_back_done"), answer("read_back_done", value=False)),
    )
    assert safety(found, RUBRIC).value == pytest.approx(0.5)


def test_a_profile_without_safety_questions_has_no_safety_score() -> None:
    assert safety(asked(pain_level="conflicting"), RUBRIC).value is None


def test_only_conflicts_of_safety_critical_questions_cap_the_overall_score() -> None:
    found = items(
        (question("allergies", critical=True), answer("allergies", "conflicting")),
        (question("patient_age"), answer("patient_age", "conflicting")),
    )
    assert contradictions(found) == ["allergies", "patient_age"]
    assert contradictions(found, only_safety_critical=True) == ["allergies"]
