"""How likely a candidate is the answer: a logistic weighing, fitted on labelled talks, and its calibration.

What lives here: `Weighing`, `load_weighing()`.
When to add here: nothing by hand; `benchmarks/fit_reader.py` writes `weighing.json` and says there how it was fitted.
What to keep out: the features (`candidates.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nurseconv_dagster.extraction.providers.candidates import Candidate

WEIGHING_FILE = Path(__file__).parent / "weighing.json"


@dataclass(frozen=True, slots=True)
class Weighing:
    """The fitted numbers.

    Args:
        version: changes with every number.
        bias: of every question.
        weights: by feature.
        offsets: by question id, shrunk towards 0; an id that is missing has 0.
        answer_from: least value of `weigh()` that makes an answer.
        item_from: least value, as a share of the best one's, that makes a further item of a list.
        calibration: intercept and slope that turn the log odds of `weigh()` into the log odds of being right.
    """

    version: str
    bias: float
    weights: dict[str, float]
    offsets: dict[str, float]
    answer_from: float
    item_from: float
    calibration: tuple[float, float]

    def weigh(self, question_id: str, candidate: Candidate) -> float:
        """The expected overlap (token F1) of the candidate with the answer, 0..1."""
        return _sigmoid(self._log_odds(question_id, candidate))

    def probability(self, question_id: str, candidate: Candidate) -> float:
        """How likely the candidate is right, 0..1: a calibrated probability."""
        intercept, slope = self.calibration
        return _sigmoid(intercept + slope * self._log_odds(question_id, candidate))

    def best_first(self, question_id: str, candidates: Iterable[Candidate]) -> list[tuple[float, Candidate]]:
        """The candidates with their weight, the best first."""
        weighed = [(self.weigh(question_id, candidate), candidate) for candidate in candidates]
        return sorted(weighed, key=lambda pair: -pair[0])

    def _log_odds(self, question_id: str, candidate: Candidate) -> float:
        known = sum(self.weights.get(name, 0.0) * value for name, value in candidate.features.items())
        return self.bias + self.offsets.get(question_id, 0.0) + known


@cache
def load_weighing(path: Path = WEIGHING_FILE) -> Weighing:
    """The numbers of `weighing.json`."""
    content = json.loads(path.read_text(encoding="utf-8"))
    intercept, slope = content["calibration"]
    return Weighing(
        version=content["version"],
        bias=content["bias"],
        weights=content["weights"],
        offsets=content["offsets"],
        answer_from=content["answer_from"],
        item_from=content["item_from"],
        calibration=(intercept, slope),
    )


def _sigmoid(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))
