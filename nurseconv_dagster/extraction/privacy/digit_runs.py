"""Runs of digits, written, spoken or mixed: "555 0147", "five five five, oh one four seven", "eight hundred".

What lives here: `DigitWord`, `read_run()`, `digits_of()`.
When to add here: another way to say a digit.
What to keep out: what a run is (`identifiers.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nurseconv_dagster.extraction.privacy.spelling import SMALL, TENS

_UNIT = "|".join(SMALL[1:10])
_TEEN = "|".join(SMALL[10:])
_TEN = "|".join(TENS[2:])
_DIGIT = re.compile(
    rf"(?P<written>\d+)|(?P<zero>zero|oh|o)\b(?!['’])|(?P<tens>(?:{_TEN})(?:[ -](?:{_UNIT}))?)\b|(?P<teen>{_TEEN})\b"
    rf"|(?P<unit>{_UNIT})\b|(?P<hundred>hundred)\b",
    re.IGNORECASE,
)
_GAP = re.compile(r"(?:,?\s(?:uh|um)\b)?[\s,()–-]{0,3}(?:(?:dash|hyphen)\s+)?", re.IGNORECASE)
_VALUES = {word: str(i) for i, word in enumerate(SMALL)} | {word: str(10 * i) for i, word in enumerate(TENS) if i}


@dataclass(frozen=True, slots=True)
class DigitWord:
    """One written group of digits, or one spoken number.

    Args:
        digits: what it says: "47" of "forty seven", "00" of "hundred".
        start: offset into the text, code points.
        end: one past the last code point.
        is_spoken: in words.
    """

    digits: str
    start: int
    end: int
    is_spoken: bool


def read_run(text: str, at: int) -> list[DigitWord]:
    """The digits that begin right at an offset and go on over blanks, commas, hyphens and one line end."""
    run: list[DigitWord] = []
    while (match := _DIGIT.match(text, at)) is not None and (run or not match["hundred"]):
        run.append(DigitWord(digits_of(match.group()), match.start(), match.end(), match["written"] is None))
        gap = _GAP.match(text, match.end())
        at = gap.end() if gap else match.end()
    return run


def digits_of(words: str) -> str:
    """The digits of a written group or a spoken number: "forty seven" is "47"."""
    if words.isdigit():
        return words
    folded = re.split(r"[ -]", words.casefold())
    if folded == ["hundred"]:
        return "00"
    if folded[0] in ("oh", "o"):
        return "0"
    return str(sum(int(_VALUES[word]) for word in folded))
