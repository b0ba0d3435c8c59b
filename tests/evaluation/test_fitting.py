"""Weights are fitted from verdicts, and a fit says honestly what it is worth."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nurseconv_dagster.evaluation.comparing import Comparison
from nurseconv_dagster.evaluation.fitting import Fit, TooLittle, fit_weights, render_proposal
from nurseconv_dagster.extraction.confidence import SIGNS, load_weights

WEIGHTS = load_weights()


def judged(right: bool, **signs: float | None) -> Comparison:
    values = {"grade": 1.0, "acoustic": None, "provider": 0.5, "agreement": 0.5, "validity": 1.0, **signs}
    return Comparison(
        "q", "answered", "answered", int(right), int(not right), 0, None, None, confidence=0.5, signs=values
    )


def talks(n: int, sign: str, *, seed: int = 1) -> dict[str, list[Comparison]]:
    """Conversations in which one sign alone tells right from wrong, and the others are noise."""
    dice = random.Random(seed)

    def one() -> Comparison:
        right = dice.random() < 0.5
        signs = {name: round(dice.random(), 2) for name in ("provider", "agreement", "grade", "validity")}
        return judged(right, **{**signs, sign: 0.97 if right else 0.03})

    return {f"talk{i}": [one() for _ in range(12)] for i in range(n)}


@pytest.mark.parametrize("sign", ["agreement", "grade", "provider"])
def test_the_sign_that_tells_the_truth_gets_the_weight(sign: str) -> None:
    fit = fit_weights(talks(20, sign), WEIGHTS)

    assert isinstance(fit, Fit)
    assert fit.of_sign[sign] == max(fit.of_sign.values()) > 0.6
    assert fit.of_sign["acoustic"] == pytest.approx(WEIGHTS.of_sign["acoustic"], abs=0.01), "no answer has this sign"
    assert sum(fit.of_sign.values()) == pytest.approx(1, abs=1e-3)
    assert fit.is_better
    assert fit.brier_held_out < fit.brier_before


def test_the_minimum_by_hand() -> None:
    # Two signs are there: provider p and validity v, always (1, 0) and right, or (1, 0) and wrong, three to one.
    # c = wp / (wp + wv) = 0.75 is best, so wp : wv = 3 : 1 whatever the weights in force were, given many answers.
    bare = {"grade": None, "agreement": None, "provider": 1.0, "validity": 0.0}
    told = {f"t{i}": [judged(right, **bare) for right in (True, True, True, False)] for i in range(2000)}

    fit = fit_weights(told, WEIGHTS)

    assert isinstance(fit, Fit)
    ratio = fit.of_sign["provider"] / (fit.of_sign["provider"] + fit.of_sign["validity"])
    assert ratio == pytest.approx(0.75, abs=0.01)


def test_few_answers_move_the_weights_little() -> None:
    few, many = (fit_weights(talks(n, "agreement"), WEIGHTS) for n in (2, 40))
    assert isinstance(few, Fit)
    assert isinstance(many, Fit)
    total = sum(WEIGHTS.of_sign.values())
    before = WEIGHTS.of_sign["agreement"] / total

    assert before < few.of_sign["agreement"] < many.of_sign["agreement"]


def test_noise_is_not_called_an_improvement() -> None:
    dice = random.Random(3)
    told = {
        f"t{i}": [judged(dice.random() < 0.5, provider=round(dice.random(), 2), grade=round(dice.random(), 2))]
        for i in range(6)
    }

    fit = fit_weights(told, WEIGHTS)

    assert isinstance(fit, Fit)
    assert fit.n_folds == 6, "answers of one conversation are left out together"
    assert fit.is_better == (fit.brier_held_out < fit.brier_before)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"one": [judged(True), judged(False)]},
        {"one": [judged(True)], "two": [judged(True)]},
        {"one": [judged(False)], "two": [judged(False)]},
        {"one": [Comparison("q", "answered", "answered", 1, 0, 0, None, None, confidence=0.5)]},
    ],
)
def test_too_little_is_said_and_not_fitted(told: dict[str, list[Comparison]]) -> None:
    assert isinstance(fit_weights(told, WEIGHTS), TooLittle)


def test_the_same_verdicts_give_the_same_file_in_any_order_and_the_product_takes_it(tmp_path: Path) -> None:
    told = talks(6, "agreement")
    fits = [fit_weights(each, WEIGHTS) for each in (told, dict(reversed(told.items())))]
    assert isinstance(fits[0], Fit)
    assert fits[0] == fits[1]
    file = tmp_path / "proposal.yaml"
    file.write_text(render_proposal(fits[0], WEIGHTS), encoding="utf-8")

    taken = load_weights(file)

    assert taken.of_sign == fits[0].of_sign
    assert set(taken.of_sign) == set(SIGNS)
    assert taken.of_doubt == WEIGHTS.of_doubt
    assert fits[0].data_sha256[:12] in taken.version
    assert taken.confidence_version != WEIGHTS.confidence_version
