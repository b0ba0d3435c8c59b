"""Ages over 89, said or written, wherever a talk makes clear that the number is an age.

What lives here: `find_ages()`.
When to add here: another phrase that makes a number an age.
What to keep out: younger ages, which are not replaced; numbers that measure something.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.privacy.findings import Finding, Part

FIRST_VEILED_AGE = 90
_OLDEST = 119
_KIN = r"(?:mother|father|mom|dad|wife|husband|sister|brother|aunt|uncle|grandmother|grandfather|grandma|grandpa)"
_YEARS_AFTER = re.compile(
    r"[\s-]*(?:(?:years?|yrs?)(?:[\s-]+(?:old|young|of age)|\s*[.,;!?\n]|\Z)|y/?\s?o\b|y\.\s?o)", re.IGNORECASE
)
_SEX_AFTER = re.compile(r"\s?[MF]\b(?!\w)")
_BEFORE = re.compile(
    r"\b(?:aged?|ages|turn(?:s|ed|ing)?|makes you|old|live[sd]? to(?: be)?)\s*(?:is|was|:|=|,|\?)?\s*\Z", re.IGNORECASE
)
_PERSON_BEFORE = re.compile(
    rf"(?:\b(?:i|he|she|you|they)(?:['’](?:m|s|re)|\s+(?:am|is|are|was))|\b{_KIN}(?:['’]s|\s+is|\s+was))"
    r"(?:\s+(?:now|already|almost|just|about|only|nearly|still))?\s+\Z",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s*(?:[.,;!?)\n]|(?:and|now|years|next|today|but|already)\b|\Z)(?!\d)", re.IGNORECASE)
_ASKED = re.compile(r"\b(?:how old|what(?:['’]s| is) (?:your|his|her) age|makes you)\b[^\d]{0,60}\Z", re.IGNORECASE)
_MEASURED = re.compile(
    r"\b(?:pulse|heart|rate|sats?|saturat\w+|oxygen|pressure|sugar|glucose|temp\w*|weigh\w*|degrees|o2|spo2|hr|"
    r"bp|flexion)\b",
    re.IGNORECASE,
)
_NOT_AN_AGE = re.compile(
    r"\s*(?:%|percent\b|over\b|/|on\b|kilo\w*|kg\b|pounds\b|lbs?\b|degrees\b|mg\b|milli\w*|mmhg\b|point\b|\.\d)",
    re.IGNORECASE,
)


def find_ages(text: str, name_ends: Collection[int] = ()) -> Iterator[Finding]:
    """Numbers from 90 on that are somebody's age.

    Args:
        text: the whole talk.
        name_ends: where a name ends: "Ruth Feldman, 93, came in".
    """
    for number in find_numbers(text):
        is_old = FIRST_VEILED_AGE <= number.value <= _OLDEST and number.value == int(number.value)
        if is_old and _is_age(text, number.start, number.end, name_ends):
            yield Finding("age", (Part("number", number.start, number.end),))


def _is_age(text: str, start: int, end: int, name_ends: Collection[int]) -> bool:
    before, after = text[max(0, start - 80) : start], text[end : end + 24]
    if _YEARS_AFTER.match(after):
        return True
    if _NOT_AN_AGE.match(after):
        return False
    if _BEFORE.search(before) or (text[start].isdigit() and _SEX_AFTER.match(after)):
        return True
    if not _ENDS.match(after) or _MEASURED.search(re.split(r"[.?!\n]", before)[-1]):
        return False
    if _PERSON_BEFORE.search(before) or _ASKED.search(before):
        return True
    return re.search(r"(?:, | \()\Z", before) is not None and (start - 2) in name_ends
