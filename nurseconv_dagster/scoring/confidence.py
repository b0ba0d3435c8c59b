"""Can the answers be trusted? Confidence, evidence coverage, number faithfulness.

What lives here: one function for each.
When to add here: another measure of what providers claimed against what was found.
What to keep out: a single answer's confidence (the extraction room).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from nurseconv_dagster.extraction.answers import ProviderCall
from nurseconv_dagster.scoring.asked import Item
from nurseconv_dagster.scoring.means import Scored, weighted_mean


def mean_confidence(items: Iterable[Item]) -> Scored:
    """sum(w*c)/sum(w) over answered and denied; null when there is none. An answer without a confidence drops out.

    Source: docs/scoring.md, confidence.
    """
    judged = [
        (item.question.weight, item.answer.confidence_score)
        for item in items
        if item.answer is not None and item.is_answered and item.answer.confidence_score is not None
    ]
    lowest = min((confidence for _, confidence in judged), default=None)
    return Scored(weighted_mean(judged), {"n_judged": len(judged), "lowest": lowest})


def evidence_coverage(calls: Iterable[ProviderCall]) -> Scored:
    """Claims accepted / claims made, over all providers; null when nobody claimed anything.

    Source: docs/scoring.md, evidence coverage.
    """
    listed = list(calls)
    made, accepted = sum(call.n_claims_made for call in listed), sum(call.n_claims_accepted for call in listed)
    dropped: Counter[str] = Counter()
    for call in listed:
        dropped.update(call.n_claims_dropped or {})
    reasons = {f"n_dropped_{reason}": n for reason, n in sorted(dropped.items())}
    return Scored(accepted / made if made else None, {"n_claims": made, "n_accepted": accepted, **reasons})


def number_faithfulness(calls: Iterable[ProviderCall]) -> Scored:
    """Claims whose numbers stand in their evidence / claims with numbers, dropped ones included; null without any.

    Source: docs/scoring.md, number faithfulness.
    """
    listed = list(calls)
    with_numbers = sum(call.n_claims_with_numbers for call in listed)
    faithful = sum(call.n_claims_with_faithful_numbers for call in listed)
    value = faithful / with_numbers if with_numbers else None
    return Scored(value, {"n_with_numbers": with_numbers, "n_faithful": faithful})
