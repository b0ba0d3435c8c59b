"""What would change: the answers in force against those of a challenger, question by question.

What lives here: `find_flips()`, and the figures of a whole challenge: `sum_up()` and `sum_up_questions()`.
When to add here: another kind of change; another figure of a challenge.
What to keep out: asking the challenger (resources.challengers), what is right (`comparing.py`), the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Literal, get_args
from uuid import UUID

from nurseconv_dagster.evaluation.comparing import token_f1
from nurseconv_dagster.extraction.answers import STATES_WITH_EVIDENCE, Answer, State
from nurseconv_dagster.extraction.values import normalise_value

# same: state and value; gained: an answer where there was none; lost: none where there was one; changed: another value,
# or another of answered, denied and conflicting; other_state: no answer on either side, for different reasons.
Change = Literal["same", "gained", "lost", "changed", "other_state"]
CHANGES: tuple[Change, ...] = get_args(Change)


@dataclass(frozen=True, slots=True)
class Flips:
    """One question of one upload.

    Args:
        state: in force.
        challenger_states: one for each replicate that came to answers.
        changes: one for each of them.
        n_pairs: pairs of replicates.
        n_pairs_same: pairs with the same answer.
    """

    question_id: str
    state: State
    challenger_states: tuple[State, ...]
    changes: tuple[Change, ...]
    n_pairs: int
    n_pairs_same: int


@dataclass(frozen=True, slots=True)
class Replicate:
    """One time that the challenger answered all questions of one upload.

    Args:
        replicate: from 1.
        error_code: why it came to no answers; null when it did.
        latency_s: wall seconds.
        cost_usd: of all its calls.
    """

    replicate: int
    error_code: str | None
    latency_s: float
    cost_usd: float
    n_claims_made: int
    n_claims_accepted: int


@dataclass(frozen=True, slots=True)
class Contest:
    """One upload of a challenge."""

    upload_id: UUID
    replicates: tuple[Replicate, ...]
    flips: tuple[Flips, ...]


def is_same_answer(one: Answer, other: Answer) -> bool:
    """The same state and the same value; where no value could be typed, the same words."""
    if one.state != other.state:
        return False
    if one.state not in STATES_WITH_EVIDENCE:
        return True
    if one.answer_value is None or other.answer_value is None:
        return one.answer_value == other.answer_value and token_f1(one.answer_text or "", other.answer_text or "") == 1
    return bool(normalise_value(one.answer_value) == normalise_value(other.answer_value))


def find_flips(current: Iterable[Answer], replicates: Sequence[Sequence[Answer]]) -> tuple[Flips, ...]:
    """What each replicate makes of each question in force; questions that only one side asks are left out.

    Args:
        current: the answers in force.
        replicates: the challenger's, one sequence for each time that it came to answers.
    """
    told = [{answer.question_id: answer for answer in replicate} for replicate in replicates]
    flips = []
    for answer in current:
        others = [replicate[answer.question_id] for replicate in told if answer.question_id in replicate]
        pairs = list(combinations(others, 2))
        if others:
            flips.append(
                Flips(
                    question_id=answer.question_id,
                    state=answer.state,
                    challenger_states=tuple(other.state for other in others),
                    changes=tuple(_change(answer, other) for other in others),
                    n_pairs=len(pairs),
                    n_pairs_same=sum(is_same_answer(*pair) for pair in pairs),
                )
            )
    return tuple(flips)


def _change(current: Answer, other: Answer) -> Change:
    if is_same_answer(current, other):
        return "same"
    had, has = current.state in STATES_WITH_EVIDENCE, other.state in STATES_WITH_EVIDENCE
    if had and has:
        return "changed"
    return "lost" if had else "gained" if has else "other_state"


def sum_up(contests: Sequence[Contest]) -> dict[str, float | int | None]:
    """The figures of a challenge by name: counts, and rates that are null where nothing was compared."""
    replicates = [replicate for contest in contests for replicate in contest.replicates]
    ended = [replicate for replicate in replicates if replicate.error_code is None]
    flips = [each for contest in contests for each in contest.flips]
    latencies = [replicate.latency_s for replicate in ended]
    n_made = sum(replicate.n_claims_made for replicate in replicates)
    return {
        "n_uploads": len(contests),
        "n_replicates": len(replicates),
        "n_failed": len(replicates) - len(ended),
        **_count(flips),
        "unsupported_rate": _ratio(n_made - sum(replicate.n_claims_accepted for replicate in replicates), n_made),
        "cost_usd": sum(replicate.cost_usd for replicate in replicates),
        "cost_per_upload_usd": _ratio(sum(replicate.cost_usd for replicate in ended), len(ended)),
        "latency_median_s": median(latencies) if latencies else None,
        "latency_max_s": max(latencies, default=None),
    }


def sum_up_questions(contests: Iterable[Contest]) -> dict[str, dict[str, float | int | None]]:
    """The same counts by question, those first on which the two sides agree least."""
    by_question: dict[str, list[Flips]] = {}
    for contest in contests:
        for each in contest.flips:
            by_question.setdefault(each.question_id, []).append(each)
    counted = {id_: _count(flips) for id_, flips in by_question.items()}
    return dict(sorted(counted.items(), key=lambda pair: (pair[1]["agreement"] or 0, pair[0])))


def _count(flips: Sequence[Flips]) -> dict[str, float | int | None]:
    counts = Counter(change for each in flips for change in each.changes)
    return {
        "n_compared": counts.total(),
        **{f"n_{change}": counts[change] for change in CHANGES},
        "agreement": _ratio(counts["same"], counts.total()),
        "self_consistency": _ratio(sum(each.n_pairs_same for each in flips), sum(each.n_pairs for each in flips)),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
