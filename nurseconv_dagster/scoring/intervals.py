"""Stretches of time: unions, lengths, gaps.

What lives here: `Interval` and the arithmetic of lists of them.
When to add here: another operation on stretches of time.
What to keep out: who speaks in them (`turns.py`, `dynamics.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from nurseconv_dagster.speech.transcripts import Segment

Interval = tuple[float, float]
ROUNDING_S = 1e-6  # seconds read as decimals: 5.1 - 2.1 must count as 3


def spans_of(segment: Segment, word_gap_s: float) -> list[Interval]:
    """When the segment's voice is heard, (start_s, end_s) each; empty for typed text.

    A segment may hold a long silence; its words show it. Words closer than `word_gap_s` are one stretch.
    """
    if segment.start_s is None or segment.end_s is None:
        return []
    if not segment.words:
        return union([(segment.start_s, segment.end_s)])
    return union(((word.start_s, word.end_s) for word in segment.words), word_gap_s)


def union(intervals: Iterable[Interval], join_gap_s: float = 0.0) -> list[Interval]:
    """The intervals in order, those that overlap or lie at most `join_gap_s` apart made one; empty ones left out."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if merged and start - merged[-1][1] <= join_gap_s + ROUNDING_S:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def clip(intervals: Iterable[Interval], end_s: float) -> list[Interval]:
    """The parts of the intervals that lie in 0..end_s."""
    return [(max(start, 0.0), min(end, end_s)) for start, end in intervals if start < end_s and end > 0]


def length_s(intervals: Iterable[Interval]) -> float:
    """Seconds covered by the union of the intervals."""
    return sum(end - start for start, end in union(intervals))


def gaps_s(merged: Sequence[Interval], at_least_s: float) -> list[float]:
    """Seconds of each silence between the intervals that lasts `at_least_s` or longer.

    Args:
        merged: as `union()` returns them.
    """
    lengths = (after[0] - before[1] for before, after in pairwise(merged))
    return [length for length in lengths if length >= at_least_s - ROUNDING_S]
