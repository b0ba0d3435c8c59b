"""New weights of the confidence, fitted on judged answers, and how well they do on conversations they have not seen.

What lives here: `fit_weights()`, `Fit`, and the YAML file that proposes it.
When to add here: another thing of the formula that labelled conversations can teach.
What to keep out: the formula itself (extraction.confidence); putting the proposal in force, which a person does.

Few conversations teach little. So the weights are drawn towards those in force as if `PRIOR_ANSWERS` further answers
spoke for them, and every figure that is reported comes from conversations that were left out of the fit: answers of one
conversation resemble each other, so they are left out together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.evaluation.calibration import calibrate
from nurseconv_dagster.evaluation.comparing import Comparison
from nurseconv_dagster.extraction.confidence import SIGNS, Weights, weigh_signs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

PRIOR_ANSWERS = 20
MAX_FOLDS = 10
_N_STEPS = 3000
_STEP = 0.5


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Nothing can be fitted: fewer than two conversations, or all answers right, or all wrong."""

    n_answers: int
    n_conversations: int
    n_right: int


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights, and how they compare with those in force.

    Args:
        of_sign: sums to 1.
        n_folds: parts that were left out in turn.
        brier_before: of the weights in force, 0..1.
        brier_held_out: of weights fitted without the conversation that is judged, 0..1.
        ece_before: of the weights in force.
        ece_held_out: as above.
        data_sha256: of the signs and verdicts that were fitted.
    """

    of_sign: dict[str, float]
    n_answers: int
    n_conversations: int
    n_folds: int
    brier_before: float
    brier_held_out: float
    ece_before: float
    ece_held_out: float
    data_sha256: str

    @property
    def is_better(self) -> bool:
        """On conversations it has not seen; otherwise the weights in force should stay."""
        return self.brier_held_out < self.brier_before


def fit_weights(conversations: Mapping[str, Sequence[Comparison]], weights: Weights) -> Fit | TooLittle:
    """The weights of the signs that make confidences closest to the truth, and what they are worth.

    Minimised is the Brier score of c = sum(w * sign) / sum(w) over the signs that are there, plus the pull towards the
    weights in force. An answer whose signs are not known teaches nothing.

    Args:
        conversations: the comparisons of each.
        weights: in force.
    """
    names = sorted(conversations)
    judged = [(place, one) for place, name in enumerate(names) for one in conversations[name] if one.signs is not None]
    n_right = sum(one.tp for _, one in judged)
    n_taught = len({place for place, _ in judged})
    if n_taught < 2 or n_right in (0, len(judged)):
        return TooLittle(len(judged), n_taught, n_right)
    import numpy as np

    n_folds = min(MAX_FOLDS, n_taught)
    rank = {place: i for i, place in enumerate(sorted({place for place, _ in judged}))}
    folds = np.array([rank[place] % n_folds for place, _ in judged])
    signs, right = _arrays([one for _, one in judged])
    start = np.array([weights.of_sign[name] for name in SIGNS])
    held_out = np.zeros(len(judged))
    for fold in range(n_folds):
        out = folds == fold
        held_out[out] = _confidences(_minimise(signs[~out], right[~out], start), signs[out])[0]
    before = [weigh_signs(one.signs or {}, weights.of_sign) for _, one in judged]
    truth = [bool(one.tp) for _, one in judged]
    old, new = (calibrate(list(zip(each, truth, strict=True))) for each in (before, held_out.tolist()))
    return Fit(
        of_sign=_rounded(_minimise(signs, right, start)),
        n_answers=len(judged),
        n_conversations=n_taught,
        n_folds=n_folds,
        brier_before=old.brier or 0.0,
        brier_held_out=new.brier or 0.0,
        ece_before=old.ece or 0.0,
        ece_held_out=new.ece or 0.0,
        data_sha256=_hash_data(one for _, one in judged),
    )


def render_proposal(fit: Fit, weights: Weights) -> str:
    """A file for CONFIDENCE_FILE: the fitted weights, the doubts as they are, and what the fit is worth as comments.

    Args:
        weights: in force, whose doubts stay.
    """
    import yaml

    verdict = (
        "It does better there."
        if fit.is_better
        else "It does NOT do better there: keep the weights in force, or label more conversations."
    )
    head = (
        f"# Weights of the confidence, fitted on {fit.n_answers} answers of {fit.n_conversations} conversations.\n"
        f"# On conversations left out of the fit ({fit.n_folds} parts): Brier {fit.brier_held_out:.4f}, ECE "
        f"{fit.ece_held_out:.4f};\n# the weights in force ({weights.confidence_version}) have Brier "
        f"{fit.brier_before:.4f}, ECE {fit.ece_before:.4f} on the same.\n# {verdict}\n"
        "# To use it: CONFIDENCE_FILE=<this file> in .env, then answers from the next upload on.\n"
    )
    body: dict[str, Any] = {
        "version": f"{weights.version}-fit-{fit.data_sha256[:12]}",
        "fitted_on": {"data_sha256": fit.data_sha256, "from_version": weights.confidence_version},
        "weights": fit.of_sign,
        "doubts": weights.of_doubt,
    }
    return head + yaml.safe_dump(body, sort_keys=False)


def _arrays(comparisons: Sequence[Comparison]) -> tuple[Floats, Floats]:
    """Signs, shape (n_answers, n_signs), NaN where one is missing; and 1 for right, 0 for wrong."""
    import numpy as np

    rows = [[(one.signs or {}).get(name) for name in SIGNS] for one in comparisons]
    return np.array(rows, dtype=np.float64), np.array([one.tp for one in comparisons], dtype=np.float64)


def _minimise(signs: Floats, right: Floats, start: Floats) -> Floats:
    """Weights, 0 or more, that sum to 1; the same input gives the same weights, always.

    A sign that no answer has (typed texts have no acoustics) keeps its share: nothing speaks for another one.

    Source: exponentiated gradient descent, Kivinen and Warmuth 1997, "Exponentiated gradient versus gradient descent
    for linear predictors": it never leaves the simplex.
    """
    import numpy as np

    prior = np.maximum(start / start.sum(), 1e-3)  # what starts at 0 would stay there
    is_seen = ~np.isnan(signs).all(axis=0)
    share = prior[is_seen].sum()
    weights: Floats = prior
    pull = PRIOR_ANSWERS / len(right)
    for _ in range(_N_STEPS):
        confidences, totals = _confidences(weights, signs)
        slopes = np.nan_to_num(signs - confidences[:, None]) / totals[:, None]  # of c by each weight
        gradient = 2 * ((confidences - right)[:, None] * slopes).mean(axis=0) + 2 * pull * (weights - prior)
        stepped = np.where(is_seen, weights * np.exp(-_STEP * gradient / (1 + pull)), 0.0)
        weights = np.where(is_seen, stepped * share / stepped.sum(), prior)
    weights /= weights.sum()
    return weights


def _confidences(weights: Floats, signs: Floats) -> tuple[Floats, Floats]:
    """The weighted means of the signs that are there, and the weights they share."""
    import numpy as np

    totals: Floats = (~np.isnan(signs)) @ weights
    confidences: Floats = np.nan_to_num(signs) @ weights / totals
    return confidences, totals


def _rounded(weights: Floats) -> dict[str, float]:
    return {name: round(float(weight), 4) for name, weight in zip(SIGNS, weights, strict=True)}


def _hash_data(comparisons: Any) -> str:
    rows = sorted(json.dumps([one.signs, one.tp], sort_keys=True) for one in comparisons)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
