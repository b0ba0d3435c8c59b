"""Laws of the confidence in an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction import confidence
from nurseconv_dagster.extraction.confidence import DOUBTS, Signs, Weights, load_weights, score_confidence

FIRST = Weights(
    "1",
    {"grade": 0.25, "acoustic": 0.20, "provider": 0.25, "agreement": 0.15, "validity": 0.15},
    dict.fromkeys(DOUBTS, 0.5),
)
probabilities = st.floats(0, 1) | st.none()


def test_the_formula_by_hand() -> None:
    # 0.25 * 0.95 + 0.20 * 0.9 + 0.25 * 0.6 + 0.15 * 0.5 + 0.15 * 1 = 0.7925
    assert score_confidence(Signs("normalised", 0.9, 0.6, 0.5, is_valid=True), FIRST) == pytest.approx(0.7925)


def test_a_missing_sign_drops_out_and_is_no_constant() -> None:
    # typed text, provider without probability: (0.25 + 0.15 + 0.15) / 0.55 = 1
    assert score_confidence(Signs("exact", None, None, 1.0, is_valid=True), FIRST) == pytest.approx(1.0)
    # (0.25 + 0.25 * 0.4 + 0.15 * 0.5 + 0) / 0.80 = 0.53125
    assert score_confidence(Signs("exact", None, 0.4, 0.5, is_valid=False), FIRST) == pytest.approx(0.53125)


@given(probabilities, probabilities, st.sampled_from([0.0, 0.5, 1.0]), st.booleans())
def test_confidence_is_a_fraction_and_never_falls_when_a_sign_rises(
    acoustic: float | None, provider: float | None, agreement: float, is_valid: bool
) -> None:
    weights = load_weights()
    low = score_confidence(Signs("fuzzy", acoustic, provider, agreement, is_valid=is_valid), weights)
    high = score_confidence(Signs("exact", acoustic, provider, agreement, is_valid=True), weights)
    assert 0 <= low <= high <= 1 + 1e-9


@pytest.mark.parametrize("acoustic", [None, 0.95])
def test_a_planted_wrong_answer_can_fall_below_one_half(acoustic: float | None) -> None:
    weights = load_weights()
    planted = Signs("exact", acoustic, 0.05, 0.5, is_valid=True)
    assert score_confidence(planted, weights) < 0.5
    assert score_confidence(Signs("exact", acoustic, 0.8, 0.5, is_valid=True), weights) > 0.5


@pytest.mark.parametrize("doubt", DOUBTS)
def test_every_doubt_lowers_confidence(doubt: str) -> None:
    weights = load_weights()
    for provider in (None, 0.8):
        sure = score_confidence(Signs("exact", None, provider, 0.5, is_valid=True), weights)
        doubted = Signs("exact", None, provider, 0.5, is_valid=True, doubts=frozenset({doubt}))
        assert score_confidence(doubted, weights) < sure


def test_weights_of_a_wrong_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.yaml"
    file.write_text('version: "9"\nweights: {grade: 1.5}\ndoubts: {}\n', encoding="utf-8")
    with pytest.raises(CatalogueError, match="CONFIDENCE_FILE, line 2: weights must be exactly grade, acoustic"):
        load_weights(file)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("provider: 0.45", "provider: yes"),
        ("provider: 0.45", "provider: 45"),
        ("provider: 0.45", "provider: 0.45\n  provider: 0.45"),
        ('version: "2"', ""),
        ("doubts:", "doubt:"),
    ],
)
def test_a_file_with_a_slip_is_refused_with_its_line(tmp_path: Path, wrong: str, reason: str) -> None:
    shipped = (Path(confidence.__file__).with_name("confidence.yaml")).read_text(encoding="utf-8")
    file = tmp_path / "weights.yaml"
    file.write_text(shipped.replace(wrong, reason), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"CONFIDENCE_FILE, line \d+: "):
        load_weights(file)


def test_a_missing_file_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="CONFIDENCE_FILE cannot be read"):
        load_weights(tmp_path / "nowhere.yaml")
