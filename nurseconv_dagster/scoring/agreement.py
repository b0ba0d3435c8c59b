"""Do reviewers agree with one another, and is an answer as often right as its confidence says?

What lives here: `cohens_kappa()`, `calibrate()` and what they give.
When to add here: another figure about verdicts.
What to keep out: scores of a conversation; which verdicts there are (the store).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise

BIN_EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # narrow where most answers lie


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two readers judged the same things.

    Args:
        n: how many things both judged.
        observed: share on which they agree, 0..1; null for none.
        kappa: agreement beyond chance, up to 1; null when chance alone would give full agreement, or for none.
    """

    n: int
    observed: float | None
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence lies in [low, high), the last bin with its upper end.

    Args:
        n: how many of them a person has judged.
        mean_confidence: of these, 0..1; null for none.
        share_right: of these, 0..1; null for none.
    """

    low: float
    high: float
    n: int
    mean_confidence: float | None
    share_right: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence against verdicts.

    Args:
        n: answers judged.
        brier: mean squared distance of confidence from 1 (right) or 0 (wrong); 0 is perfect; null for none.
        expected_error: mean distance of confidence from share right over the bins, weighted by n; null for none.
        bins: from low to high confidence.
    """

    n: int
    brier: float | None
    expected_error: float | None
    bins: tuple[Bin, ...]


def cohens_kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> Agreement:
    """(p_o - p_e) / (1 - p_e): the share on which both agree, beyond what their habits alone would give.

    Args:
        pairs: for each thing what the first and what the second reader called it.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    judged = list(pairs)
    n = len(judged)
    if n == 0:
        return Agreement(0, None, None)
    observed = sum(one == other for one, other in judged) / n
    first, second = Counter(one for one, _ in judged), Counter(other for _, other in judged)
    by_chance = sum(first[name] * second[name] for name in first) / n**2
    return Agreement(n, observed, (observed - by_chance) / (1 - by_chance) if by_chance < 1 else None)


def calibrate(judged: Iterable[tuple[float, bool]]) -> Calibration:
    """How confidence compares with being right.

    Args:
        judged: for each answer its confidence, 0..1, and whether a person found it right.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950; expected calibration
    error: M. P. Naeini and others, 2015.
    """
    listed = list(judged)
    n = len(listed)
    bins = tuple(_fill(low, high, listed) for low, high in pairwise(BIN_EDGES))
    if n == 0:
        return Calibration(0, None, None, bins)
    brier = math.fsum((confidence - is_right) ** 2 for confidence, is_right in listed) / n
    distances = (
        bin_.n * abs(bin_.mean_confidence - bin_.share_right)
        for bin_ in bins
        if bin_.mean_confidence is not None and bin_.share_right is not None
    )
    return Calibration(n, brier, math.fsum(distances) / n, bins)


def _fill(low: float, high: float, judged: list[tuple[float, bool]]) -> Bin:
    inside = [pair for pair in judged if low <= pair[0] < high or pair[0] == high == BIN_EDGES[-1]]
    if not inside:
        return Bin(low, high, 0, None, None)
    n = len(inside)
    return Bin(low, high, n, math.fsum(c for c, _ in inside) / n, sum(is_right for _, is_right in inside) / n)
