"""Whether a confidence of 0.8 is right eight times out of ten.

What lives here: `calibrate()`: expected calibration error, Brier score, and the table behind them.
When to add here: another figure of calibration.
What to keep out: judging answers (`comparing.py`), mending the weights (`fitting.py`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nurseconv_dagster.evaluation.comparing import Comparison

EVEN = tuple(edge / 10 for edge in range(11))
NARROW_AT_THE_TOP = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""For few answers, most of which are confident."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in [low, high); the last bin holds 1 too.

    Args:
        n: how many.
        mean_confidence: 0..1; null without an answer.
        share_right: 0..1; null without an answer.
    """

    low: float
    high: float
    n: int
    mean_confidence: float | None
    share_right: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far confidences are from the truth.

    Args:
        n: answers with a confidence.
        ece: expected calibration error, 0..1; null without an answer.
        brier: mean squared distance from right (1) or wrong (0), 0..1; null without an answer.
        bins: from low to high confidence.
    """

    n: int
    ece: float | None
    brier: float | None
    bins: tuple[Bin, ...]


def calibrate_answers(comparisons: Iterable[Comparison]) -> Calibration:
    """The calibration of the answers that state something: answered and denied."""
    return calibrate([(one.confidence, bool(one.tp)) for one in comparisons if one.confidence is not None])


def calibrate(judged: Sequence[tuple[float, bool]], edges: Sequence[float] = EVEN) -> Calibration:
    """Confidences against what turned out to be right.

    Args:
        judged: confidence 0..1, and whether the answer is right.
        edges: of the bins, from 0 to 1.

    Source: expected calibration error, Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian
    binning", with equal-width bins as in Guo et al. 2017, "On calibration of modern neural networks", section 2; Brier
    1950, "Verification of forecasts expressed in terms of probability".
    """
    n = len(judged)
    inside: list[list[tuple[float, bool]]] = [[] for _ in edges[1:]]
    for one in judged:
        inside[min(bisect_right(edges, one[0]), len(inside)) - 1].append(one)
    bins = tuple(_bin(low, high, some) for (low, high), some in zip(pairwise(edges), inside, strict=True))
    gaps = (each.n * abs(each.share_right - each.mean_confidence) for each in bins if each.n)  # type: ignore[operator]
    return Calibration(
        n=n,
        ece=math.fsum(gaps) / n if n else None,
        brier=math.fsum((confidence - is_right) ** 2 for confidence, is_right in judged) / n if n else None,
        bins=bins,
    )


def _bin(low: float, high: float, judged: Sequence[tuple[float, bool]]) -> Bin:
    n = len(judged)
    if not n:
        return Bin(low, high, 0, None, None)
    confidences, right = zip(*judged, strict=True)
    return Bin(low, high, n, math.fsum(confidences) / n, sum(right) / n)
