"""Agreement and calibration against examples worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.evaluation.calibration import NARROW_AT_THE_TOP, calibrate
from nurseconv_dagster.scoring.agreement import cohens_kappa


def test_kappa_of_a_worked_example() -> None:
    """20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p_o = 35/50, p_e = (25*30 + 25*20)/2500 = 0.5, kappa = 0.2/0.5."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    agreement = cohens_kappa(pairs)
    assert (agreement.n, agreement.observed) == (50, 0.7)
    assert agreement.kappa == pytest.approx(0.4)


def test_kappa_of_three_verdicts_by_hand() -> None:
    """Of 4: p_o = 3/4, p_e = (2*2 + 1*2 + 1*0)/16 = 6/16, kappa = (0.75 - 0.375)/0.625 = 0.6."""
    pairs = [
        ("confirmed", "confirmed"),
        ("confirmed", "confirmed"),
        ("corrected", "corrected"),
        ("not_asked", "corrected"),
    ]
    assert cohens_kappa(pairs).kappa == pytest.approx(0.6)


def test_kappa_is_one_for_full_agreement_and_below_zero_for_opposites() -> None:
    assert cohens_kappa([("a", "a"), ("b", "b")]).kappa == 1
    assert cohens_kappa([("a", "b"), ("b", "a")]).kappa == -1


def test_there_is_no_kappa_where_chance_explains_everything_or_nobody_judged() -> None:
    assert cohens_kappa([("a", "a")] * 5) == cohens_kappa([("a", "a")] * 5)
    assert (cohens_kappa([("a", "a")] * 5).observed, cohens_kappa([("a", "a")] * 5).kappa) == (1, None)
    assert cohens_kappa([]).observed is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=30))
def test_kappa_never_passes_one_nor_its_observed_agreement_and_is_symmetric(pairs) -> None:
    one, other = cohens_kappa(pairs), cohens_kappa([(b, a) for a, b in pairs])
    if one.kappa is not None:
        assert one.kappa == pytest.approx(other.kappa)
        assert one.kappa <= one.observed + 1e-12 <= 1 + 1e-9


def test_calibration_of_a_worked_example() -> None:
    """0.95 right, 0.85 right, 0.85 wrong: Brier = (0.0025 + 0.0225 + 0.7225)/3; the bins miss by 0.05 and 0.35."""
    found = calibrate([(0.95, True), (0.85, True), (0.85, False)], NARROW_AT_THE_TOP)
    assert found.brier == pytest.approx(0.7475 / 3)
    assert found.ece == pytest.approx((1 * 0.05 + 2 * 0.35) / 3)
    filled = {(bin_.low, bin_.high): (bin_.n, bin_.mean_confidence, bin_.share_right) for bin_ in found.bins if bin_.n}
    assert filled == {(0.8, 0.9): (2, 0.85, 0.5), (0.9, 1.0): (1, 0.95, 1.0)}


def test_an_edge_belongs_to_the_bin_above_it_and_one_to_the_last() -> None:
    found = calibrate([(0.5, True), (0.9, True), (1.0, True), (0.0, False)], NARROW_AT_THE_TOP)
    assert [bin_.n for bin_ in found.bins] == [1, 1, 0, 0, 0, 2]


def test_nothing_judged_gives_no_figures_but_all_bins() -> None:
    found = calibrate([], NARROW_AT_THE_TOP)
    assert (found.n, found.brier, found.ece, len(found.bins)) == (0, None, None, len(NARROW_AT_THE_TOP) - 1)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_every_judged_answer_is_in_one_bin_and_the_errors_stay_in_range(judged) -> None:
    found = calibrate(judged, NARROW_AT_THE_TOP)
    assert sum(bin_.n for bin_ in found.bins) == found.n == len(judged)
    assert 0 <= found.brier <= 1
    assert 0 <= found.ece <= 1
