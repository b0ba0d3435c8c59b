"""Were the things covered that harm when they are forgotten? The safety score.

What lives here: `safety()`, `contradictions()`.
When to add here: a safety rule that reads answers.
What to keep out: early warning scores (`news2.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from nurseconv_dagster.scoring.asked import Item, covered
from nurseconv_dagster.scoring.means import Scored, weighted_mean
from nurseconv_dagster.scoring.rubric import Rubric


def safety(items: Mapping[str, Item], rubric: Rubric) -> Scored:
    """Weighted share of the rubric's safety questions covered, of those the profile asks, less 0.25 per contradiction.

    Null when the profile asks none of them.

    Args:
        items: Q by question id.

    Source: docs/scoring.md, safety.
    """
    rules = rubric.safety
    earned = {
        rule.question: covered(items[rule.question], rubric, must_be_yes=rule.must_be_yes)
        if rule.question in items
        else None
        for rule in rules.items
    }
    share = weighted_mean((rule.weight, earned[rule.question]) for rule in rules.items)
    open_questions = contradictions(items)
    parts = {**earned, "share": share, "contradictions": open_questions}
    if share is None:
        return Scored(None, parts)
    return Scored(max(0.0, share - rules.per_contradiction * len(open_questions)), parts)


def contradictions(items: Mapping[str, Item], *, only_safety_critical: bool = False) -> list[str]:
    """The ids of the questions whose answers contradict each other. A reviewer's verdict resolves one."""
    return sorted(
        name
        for name, item in items.items()
        if item.state == "conflicting" and (item.question.is_safety_critical or not only_safety_critical)
    )
