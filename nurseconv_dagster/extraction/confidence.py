"""How sure an answer is: five signs, one weighted mean.

What lives here: `Signs`, `Weights`, `load_weights()`, `score_confidence()`, and the two steps it consists of.
When to add here: another sign, with its weight in `confidence.yaml` and a new version there.
What to keep out: finding the signs (`checking.py`, `merging.py`); calibrating a provider's probability (its own duty);
fitting the weights (evaluation).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.answers import Grade
from nurseconv_dagster.extraction.yaml_lines import find_line, read_yaml

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
    """The numbers of `confidence.yaml`.

    Args:
        version: as written in the file.
        of_sign: by name out of `SIGNS`, 0..1; only their ratios count.
        of_doubt: by name out of `DOUBTS`, 0..1.
        sha256: of the file's bytes, hex; empty for weights that came from no file.
    """

    version: str
    of_sign: dict[str, float]
    of_doubt: dict[str, float]
    sha256: str = ""

    @property
    def confidence_version(self) -> str:
        """As it stands on every answer: the version and the first 12 digits of the file's hash."""
        return f"{self.version}+{self.sha256[:12]}"


def load_weights(path: Path | None = None) -> Weights:
    """The weights of a file, or the product's own.

    Args:
        path: the setting CONFIDENCE_FILE; null means the file that ships with the product.

    Raises:
        CatalogueError: permanent; the file cannot be read, a sign or doubt is missing or unknown, or a number is
            outside 0..1. The message has line and reason.
    """
    return _shipped() if path is None else _read(path)


@cache
def _shipped() -> Weights:
    return _read(Path(__file__).with_name("confidence.yaml"))


def _read(path: Path) -> Weights:
    try:
        content = path.read_bytes()
        document = read_yaml(content.decode("utf-8"))
    except OSError as error:
        raise CatalogueError(f"CONFIDENCE_FILE cannot be read ({error.strerror}): give a YAML file's path") from None
    except UnicodeDecodeError:
        raise CatalogueError("CONFIDENCE_FILE: the file is not UTF-8 text; save it as UTF-8") from None
    except CatalogueError as error:
        raise CatalogueError(f"CONFIDENCE_FILE, {error}") from None
    if not document.get("version"):
        raise CatalogueError("CONFIDENCE_FILE, line 1: version is missing; change it whenever a number changes")
    of_sign, of_doubt = (_shares(document, *part) for part in (("weights", SIGNS), ("doubts", DOUBTS)))
    if not any(of_sign.values()):
        raise CatalogueError(f"CONFIDENCE_FILE, line {find_line(document, ['weights'])}: weights must not all be 0")
    return Weights(str(document["version"]), of_sign, of_doubt, hashlib.sha256(content).hexdigest())


def _shares(document: Mapping[str, Any], section: str, names: tuple[str, ...]) -> dict[str, float]:
    """The section's numbers by name."""
    given = document.get(section)
    if not isinstance(given, dict) or set(given) != set(names) or not all(map(_is_share, given.values())):
        line = find_line(document, [section])
        raise CatalogueError(
            f"CONFIDENCE_FILE, line {line}: {section} must be exactly {', '.join(names)}, each a number from 0 to 1"
        )
    return {name: float(given[name]) for name in names}


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def score_confidence(signs: Signs, weights: Weights) -> float:
    """The weighted mean of the signs that are there, 0..1.

    Source: docs/scoring, c = sum(w * sign) / sum(w) over g, a, p, m, v without nulls.
    """
    return weigh_signs(sign_values(signs, weights), weights.of_sign)


def sign_values(signs: Signs, weights: Weights) -> dict[str, float | None]:
    """The signs as the numbers that are weighed, 0..1, by name out of `SIGNS`; null where one is missing."""
    return {
        "grade": GRADE_VALUES[signs.grade],
        "acoustic": signs.acoustic,
        "provider": doubted_probability(signs.provider, signs.doubts, weights),
        "agreement": signs.agreement,
        "validity": 1.0 if signs.is_valid else 0.0,
    }


def weigh_signs(values: Mapping[str, float | None], of_sign: Mapping[str, float]) -> float:
    """The weighted mean, 0..1, of the values that are not null; 0 where none of them has a weight."""
    present = {name: value for name, value in values.items() if value is not None}
    total = sum(of_sign[name] for name in present)
    return sum(of_sign[name] * value for name, value in present.items()) / total if total else 0.0


def doubted_probability(probability: float | None, doubts: Iterable[str], weights: Weights) -> float | None:
    """The provider's probability times the factor of each doubt; even odds where it had none but there is a doubt."""
    factors = [weights.of_doubt[doubt] for doubt in doubts]
    if probability is None and not factors:
        return None
    doubted = _UNKNOWN_PROBABILITY if probability is None else probability
    for factor in factors:
        doubted *= factor
    return doubted
