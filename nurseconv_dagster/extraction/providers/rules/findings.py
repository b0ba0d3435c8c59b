"""What a rule gives: where the answer stands, and how often this rule is right.

What lives here: `Finding`, and `PRECISION`, the table of how often each kind of rule was right when measured.
When to add here: a kind of rule.
What to keep out: the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuleKind = Literal["measured", "stated", "told", "replied", "replied_short", "denied", "planned"]
FindingState = Literal["answered", "denied"]

# Share of right findings on the labelled talks of tests/extraction/conversations/dev, (right + 1) / (found + 2);
# `benchmarks/reader.py --rules` prints them.
PRECISION: dict[RuleKind, float] = {
    "measured": 0.9,
    "stated": 0.85,
    "told": 0.6,
    "replied": 0.7,
    "replied_short": 0.85,
    "denied": 0.9,
    "planned": 0.6,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that a rule has found.

    Args:
        question_id: the catalogue's id.
        kind: which kind of rule, for `PRECISION`.
        spans: stretches of `full_text`, the best first; each (begin, end) in code points.
        state: answered, or denied when the patient says that there is none.
    """

    question_id: str
    kind: RuleKind
    spans: tuple[tuple[int, int], ...]
    state: FindingState = "answered"

    @property
    def probability(self) -> float:
        """How often this kind of rule is right."""
        return PRECISION[self.kind]
