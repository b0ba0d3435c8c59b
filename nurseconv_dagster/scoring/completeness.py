"""Was everything asked? Completeness and the four category scores.

What lives here: `completeness()`, `category_score()`.
When to add here: another share of the profile's questions.
What to keep out: how sure the answers are (`confidence.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from nurseconv_dagster.scoring.asked import Item, done, grade
from nurseconv_dagster.scoring.means import Scored, weighted_mean
from nurseconv_dagster.scoring.rubric import Rubric
from nurseconv_dagster.scoring.rubric_parts import Group


def completeness(items: Iterable[Item], rubric: Rubric) -> Scored:
    """sum(w*done)/sum(w); null when no question applies.

    Args:
        items: those of Q to be judged: all, only the required, or only the safety-critical ones.

    Source: docs/scoring.md, completeness.
    """
    listed = list(items)
    value = weighted_mean((item.question.weight, done(item, rubric)) for item in listed)
    states = Counter(item.state for item in listed)
    return Scored(value, {"n_questions": len(listed), **{f"n_{state}": n for state, n in sorted(states.items())}})


def category_score(items: Iterable[Item], group: Group, rubric: Rubric) -> Scored:
    """sum(w*done*(0.5 + 0.5*g'))/sum(w) over the group's categories; null when the profile asks none of them.

    Half of what an answer earns hangs on how well its words were found.

    Source: docs/scoring.md, category scores.
    """
    members = [item for item in items if item.question.category in rubric.groups[group]]
    value = weighted_mean(
        (item.question.weight, done(item, rubric) * (0.5 + 0.5 * grade(item, rubric))) for item in members
    )
    answered = [item for item in members if item.is_answered]
    mean_grade = weighted_mean((item.question.weight, grade(item, rubric)) for item in answered)
    return Scored(value, {"n_questions": len(members), "n_answered": len(answered), "mean_grade": mean_grade})
