"""What a rule gives: where the answer stands, and how often this rule is right.

What lives here: `Finding`, and `PRECISION`, the table of how often each kind of rule was right when measured.
When to add here: a kind of rule.
What to keep out: the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuleKind = Literal["measured", "stated", "told", "replied", "replied_off_topic", "denied", "planned"]
FindingState = Literal["answered", "denied"]

# Share of right findings on the labelled talks `dev` and `generated`, (right + 1) / (found + 2); right is a token F1 of
# at least 0.4. `benchmarks/reader.py` prints them anew.
PRECISION: dict[RuleKind, float] = {
    "measured": 0.96,
    "stated": 0.92,
    "told": 0.83,
    "replied": 0.95,
    "replied_off_topic": 0.64,
    "denied": 0.92,
    "planned": 0.77,
}
CLAIMED_FROM = 0.7  # a rule that is wrong more often only helps the local reader to weigh


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
