"""The overall score: worked by hand, and its laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.scoring.means import weighted_geometric_mean, weighted_mean
from nurseconv_dagster.scoring.overall import overall
from tests.scoring.made_up import RUBRIC

NAMES = ("completeness", "evidence_coverage", "confidence", "safety", "communication", "transcription")
share = st.floats(0, 1)
maybe = st.one_of(st.none(), share)
components = st.fixed_dictionaries(dict.fromkeys(NAMES, maybe))


def all_at(value: float | None, **others: float | None) -> dict:
    return {**dict.fromkeys(NAMES, value), **others}


def test_the_overall_score_is_a_weighted_geometric_mean() -> None:
    """Completeness 0.8, coverage 0.9, confidence 0.7, safety 0.5, communication 0.6, transcription 0.95.

    Logarithms: .30*-0.22314 + .20*-0.10536 + .15*-0.35667 + .20*-0.69315 + .10*-0.51083 + .05*-0.05129
    = -0.06694 - 0.02107 - 0.05350 - 0.13863 - 0.05108 - 0.00256 = -0.33379; e^-0.33379 = 0.71620, so 71.6.
    """
    parts = dict(zip(NAMES, (0.8, 0.9, 0.7, 0.5, 0.6, 0.95), strict=True))
    assert overall(parts, [], RUBRIC).value == pytest.approx(71.62, abs=0.01)  # type: ignore[arg-type]


def test_a_null_component_drops_out_and_the_weights_are_renormalised() -> None:
    """Only completeness 0.81 (.30) and safety 0.36 (.20): 0.81^0.6 * 0.36^0.4 = 0.58563, so 58.56."""
    parts = all_at(None, completeness=0.81, safety=0.36)
    assert overall(parts, [], RUBRIC).value == pytest.approx(100 * 0.81**0.6 * 0.36**0.4)


def test_a_zero_counts_as_the_floor() -> None:
    """Safety 0 and all else 1: 0.05^0.20 = e^(0.2*-2.99573) = 0.54928, so 54.9."""
    assert overall(all_at(1, safety=0), [], RUBRIC).value == pytest.approx(54.928, abs=0.001)


def test_there_is_no_score_on_a_transcript_below_0_4() -> None:
    assert overall(all_at(1, transcription=0.399), [], RUBRIC).value is None
    assert overall(all_at(1, transcription=0.4), [], RUBRIC).value is not None
    assert overall(all_at(None), [], RUBRIC).value is None


def test_a_safety_critical_conflict_caps_the_score_and_lifts_none() -> None:
    assert overall(all_at(1), ["allergies"], RUBRIC).value == 60
    low = all_at(0.5)
    assert overall(low, ["allergies"], RUBRIC).value == pytest.approx(50)


@given(components, st.lists(st.just("allergies"), max_size=1))
def test_the_overall_score_keeps_its_limits(parts: dict, conflicts: list[str]) -> None:
    value = overall(parts, conflicts, RUBRIC).value
    quality = parts["transcription"]
    if (quality is not None and quality < 0.4) or all(part is None for part in parts.values()):
        assert value is None
        return
    assert value is not None
    assert 5 - 1e-9 <= value <= (60 if conflicts else 100)


@given(components, st.sampled_from(NAMES[:-1]), share)
def test_a_better_component_never_lowers_the_overall_score(parts: dict, name: str, better: float) -> None:
    if parts[name] is None or parts[name] > better:
        return
    before, after = overall(parts, [], RUBRIC).value, overall({**parts, name: better}, [], RUBRIC).value
    assert before is None or (after is not None and after >= before - 1e-9)


pairs = st.lists(st.tuples(st.floats(0.01, 10), maybe), max_size=10)


@given(pairs, st.randoms())
def test_means_do_not_depend_on_order_and_stay_within_their_values(rows: list, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(rows)
    random.shuffle(shuffled)
    known = [value for _, value in rows if value is not None]
    mean = weighted_mean(rows)
    assert mean == weighted_mean(shuffled) == weighted_mean([*rows, (1.0, None)])
    assert weighted_geometric_mean(rows, 0.05) == weighted_geometric_mean(shuffled, 0.05)
    if not known:
        assert mean is None
        return
    assert mean is not None
    assert 0 <= mean <= 1
    assert min(known) - 1e-12 <= mean <= max(known) + 1e-12
    assert not math.isnan(mean)
