"""A confidence is a promise: worked examples of how far it is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.evaluation.calibration import calibrate

JUDGED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


def test_calibration_error_and_brier_score_by_hand() -> None:
    # Bin 0.8 to 0.9: four answers, mean 0.85, three right: gap 0.10. Bin 0.2 to 0.3: one answer, 0.25, right: gap 0.75.
    judged = [(0.8, True), (0.85, True), (0.85, False), (0.89999, True), (0.25, True)]
    found = calibrate([(0.85, right) if confidence > 0.8 else (confidence, right) for confidence, right in judged])

    # means: (0.8 + 3 * 0.85) / 4 = 0.8375; gap |0.75 - 0.8375| = 0.0875; ECE = 4/5 * 0.0875 + 1/5 * 0.75 = 0.22
    assert found.ece == pytest.approx(0.22)
    # 0.04 + 0.0225 + 0.7225 + 0.0225 + 0.5625 = 1.37
    assert found.brier == pytest.approx(1.37 / 5)
    assert [each.n for each in found.bins] == [0, 0, 1, 0, 0, 0, 0, 0, 4, 0]


def test_certainty_falls_into_the_last_bin_and_empty_bins_have_no_figures() -> None:
    found = calibrate([(1.0, True)])

    assert (found.bins[9].n, found.bins[9].share_right) == (1, 1.0)
    assert (found.bins[0].mean_confidence, found.bins[0].share_right) == (None, None)
    assert (found.ece, found.brier) == (0.0, 0.0)


def test_nothing_judged_has_no_figures() -> None:
    assert (calibrate([]).ece, calibrate([]).brier, calibrate([]).n) == (None, None, 0)


@given(JUDGED)
def test_figures_are_fractions_and_every_answer_is_in_one_bin(judged: list[tuple[float, bool]]) -> None:
    found = calibrate(judged)

    assert sum(each.n for each in found.bins) == found.n == len(judged)
    for figure in (found.ece, found.brier):
        assert figure is None or 0 <= figure <= 1 + 1e-9
