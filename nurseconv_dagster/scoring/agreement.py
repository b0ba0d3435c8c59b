"""Do reviewers agree with one another?

What lives here: `cohens_kappa()` and what it gives.
When to add here: another figure about verdicts.
What to keep out: scores of a conversation; calibration (evaluation); which verdicts there are (the store).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


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
