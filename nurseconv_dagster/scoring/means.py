"""Means in which null drops out: the arithmetic that every score shares.

What lives here: `Scored`, `weighted_mean()`, `weighted_geometric_mean()`.
When to add here: another way to draw several parts together.
What to keep out: which parts a score has (its own module) and what they weigh (the rubric).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Scored:
    """A score and what it was made of.

    Args:
        value: 0..1, null when there was nothing to judge.
        parts: its components by name: numbers, nulls and short lists of ids.
    """

    value: float | None
    parts: dict[str, Any] = field(default_factory=dict)


def weighted_mean(pairs: Iterable[tuple[float, float | None]]) -> float | None:
    """sum(w*x)/sum(w) over the pairs whose x is not null; null when none is left.

    The sums are exactly rounded (`fsum`), so the order of the pairs does not matter and the mean of numbers in 0..1
    stays in 0..1.

    Args:
        pairs: (weight, value); weights > 0.
    """
    known = [(weight, value) for weight, value in pairs if value is not None]
    if not known:
        return None
    return math.fsum(weight * value for weight, value in known) / math.fsum(weight for weight, _ in known)


def weighted_geometric_mean(pairs: Iterable[tuple[float, float | None]], floor: float) -> float | None:
    """exp(sum(w*ln(x))/sum(w)) over the pairs whose x is not null, each x raised to `floor` at least.

    Args:
        pairs: (weight, value); weights > 0, values 0..1.
        floor: 0 < floor <= 1; keeps one zero from wiping out the rest.
    """
    logs = ((weight, None if value is None else math.log(max(value, floor))) for weight, value in pairs)
    mean = weighted_mean(logs)
    return None if mean is None else math.exp(mean)
