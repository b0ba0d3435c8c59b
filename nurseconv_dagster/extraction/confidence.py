"""How sure an answer is: five signs, one weighted mean.

What lives here: `Signs`, `Weights`, `load_weights()`, `score_confidence()`.
When to add here: another sign, with its weight in `confidence.yaml` and a new version there.
What to keep out: finding the signs (`checking.py`, `merging.py`); calibrating a provider's probability (its own duty).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.answers import Grade

GRADE_VALUES: dict[Grade, float] = {"exact": 1.0, "normalised": 0.95, "fuzzy": 0.8}  # Source: docs/scoring
SIGNS = ("grade", "acoustic", "provider", "agreement", "validity")
DOUBTS = (
    "role_mismatch",
    "role_unknown",
    "third_party",
    "uncertain",
    "quoted_from_question",
    "negation_in_context",
)
_UNKNOWN_PROBABILITY = 0.5  # where a provider has none but there is a doubt to express


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for an answer.

    Args:
        grade: of the best evidence.
        acoustic: mean probability of the words in the evidence, 0..1; null for typed text.
        provider: the provider's calibrated probability, 0..1; null where it has none.
        agreement: 1 providers agree, 0.5 one alone, 0 they disagree.
        is_valid: type, unit and plausible range fit.
        doubts: names out of `DOUBTS`.
    """

    grade: Grade
    acoustic: float | None
    provider: float | None
    agreement: float
    is_valid: bool
    doubts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weights:
    """The numbers of `confidence.yaml`."""

    version: str
    of_sign: dict[str, float]
    of_doubt: dict[str, float]


@cache
def load_weights(path: Path | None = None) -> Weights:
    """The weights of a file, or the product's own.

    Raises:
        CatalogueError: a sign or doubt is missing or unknown, or a number is outside 0..1.
    """
    import yaml

    file = path or Path(__file__).parent / "confidence.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    weights = Weights(str(content["version"]), dict(content["weights"]), dict(content["doubts"]))
    for kind, given, known in (("weights", weights.of_sign, SIGNS), ("doubts", weights.of_doubt, DOUBTS)):
        if set(given) != set(known) or not all(0 <= number <= 1 for number in given.values()):
            raise CatalogueError(f"confidence file: {kind} must be exactly {', '.join(known)}, each from 0 to 1")
    return weights


def score_confidence(signs: Signs, weights: Weights) -> float:
    """The weighted mean of the signs that are there, 0..1.

    Source: docs/scoring, c = sum(w * sign) / sum(w) over g, a, p, m, v without nulls.
    """
    values: dict[str, float | None] = {
        "grade": GRADE_VALUES[signs.grade],
        "acoustic": signs.acoustic,
        "provider": doubted_probability(signs.provider, signs.doubts, weights),
        "agreement": signs.agreement,
        "validity": 1.0 if signs.is_valid else 0.0,
    }
    present = {name: value for name, value in values.items() if value is not None}
    total = sum(weights.of_sign[name] for name in present)
    return sum(weights.of_sign[name] * value for name, value in present.items()) / total if total else 0.0


def doubted_probability(probability: float | None, doubts: Iterable[str], weights: Weights) -> float | None:
    """The provider's probability times the factor of each doubt; even odds where it had none but there is a doubt."""
    factors = [weights.of_doubt[doubt] for doubt in doubts]
    if probability is None and not factors:
        return None
    doubted = _UNKNOWN_PROBABILITY if probability is None else probability
    for factor in factors:
        doubted *= factor
    return doubted
