"""What was found in a transcript that points to a person: kinds, places, and which of two overlapping finds counts.

What lives here: `Kind`, `Part`, `Finding`, `keep_apart()`.
When to add here: another kind of thing that is replaced.
What to keep out: the search for each kind, and what takes its place (`surrogates.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "date", "phone", "record", "room", "email", "address", "zip", "age"]
Role = Literal[
    "given_f", "given_m", "given", "family", "initial", "spelled",  # of names
    "month", "day", "year",  # of dates
    "digits", "number", "street", "city", "email", "spoken_email",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the text that is replaced as one; what stands between the parts of a finding stays.

    Args:
        role: what takes its place.
        start: offset into `full_text`, code points.
        end: one past the last code point.
    """

    role: Role
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that points to a person. Holds places, never words.

    Args:
        kind: what it is.
        parts: in order, at least one.
    """

    kind: Kind
    parts: tuple[Part, ...]

    @property
    def start(self) -> int:
        """Offset of its first part."""
        return self.parts[0].start

    @property
    def end(self) -> int:
        """One past its last part."""
        return self.parts[-1].end


def keep_apart(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that do not overlap, in the order of the text; of two that do, the one that comes first here."""
    kept: list[Finding] = []
    taken: set[int] = set()
    for finding in findings:
        places = set(range(finding.start, finding.end))
        if places and not places & taken:
            kept.append(finding)
            taken |= places
    return sorted(kept, key=lambda finding: finding.start)
