"""Dates in a talk: written, spoken, with or without a year; their parts, and what day they name.

What lives here: `find_dates()`, `DateValue`, `read_part()`.
When to add here: another way to say or write a date.
What to keep out: shifting them (`shifting.py`). Years alone, months alone and weekdays alone are not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nurseconv_dagster.extraction.numbers import scan_numbers
from nurseconv_dagster.extraction.privacy.findings import Finding, Part, Role
from nurseconv_dagster.extraction.tokens import UNITS

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(MONTHS)}|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b)\.?"
_UNIT = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TEEN = r"(?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)"
_TEN = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_BELOW_100 = rf"(?:{_TEN}(?:[ -]{_UNIT})?|{_TEEN}|{_UNIT})"
_ORDINAL = (
    r"(?:(?:(?:twenty|thirty)[ -])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|"
    r"eleventh|twelfth|"
    r"thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)"
)
_DAY = (
    rf"(?P<day>\d{{1,2}}(?:st|nd|rd|th)\b|{_ORDINAL}\b|\d{{1,2}}(?!\d|[.:/]\d|%)|(?:(?:twenty|thirty)[ -]{_UNIT}|"
    rf"{_TEEN}|twenty|thirty|{_UNIT})\b)"
)
_FULL_YEAR = (
    rf"(?:1[89]|20)\d\d(?!\d)|(?:eighteen|nineteen|twenty)[ -](?:hundred|(?:oh|o)[ -]{_UNIT}|"
    rf"{_TEN}(?:[ -]{_UNIT})?|{_TEEN})\b"
    rf"|two[ -]thousand(?:(?: and)?[ -]{_BELOW_100})?\b"
)
_SHORT_YEAR = rf"['’]\d\d\b|\d\d(?!\w)|(?:oh[ -]{_UNIT}|{_BELOW_100})\b"
_YEAR = rf"(?:(?:\s*,|\s+of|\s+in)?\s+(?P<year>{_FULL_YEAR})|\s*,?\s+(?P<short>{_SHORT_YEAR}))?"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<![\w./-])(?P<year>(?:19|20)\d\d)-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?![\w/-])",
        r"(?<![\w./-])(?P<month>\d{1,2})(?P<sep>[/-])(?P<day>\d{1,2})(?P=sep)(?P<year>(?:19|20)?\d\d)(?![\w/-])",
        r"(?<![\w./-])(?P<month>\d{1,2})\.(?P<day>\d{1,2})\.(?P<year>(?:19|20)\d\d)(?![\w/-])",
        r"(?<![\w./-])(?P<month>\d{1,2})\.(?P<day>\d{1,2})\.(?P<year>\d\d)(?![\w./-])",
        r"(?<![\w./-])(?P<month>\d\d)(?P<sep> )(?P<day>\d\d)(?P=sep)(?P<year>(?:19|20)\d\d)(?![\w/-])",
        r"(?<![\w./-])(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])(?![\w/-])",
        r"(?<![\w./-])(?P<month>0?[1-9]|1[0-2])[/-](?P<year>(?:19|20)\d\d)(?![\w/-])",
        r"(?<![\w./-])(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?![\w/-])",
        # day before month first: in "third of march nineteen sixty two" nineteen is no day
        rf"\b{_DAY}(?P<of>\s+of)?\s+{_MONTH}(?!\w)(?!,?\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?(?!\w)){_YEAR}",
        rf"\b{_MONTH},?\s+(?:the\s+)?{_DAY}{_YEAR}",
        rf"\b{_MONTH}(?:\s+of)?,?\s+(?P<year>{_FULL_YEAR})",
        r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+(?:on\s+)?the\s+(?P<day>\d{1,2}(?:st|nd|rd|th)|"
        rf"{_ORDINAL})\b",
        rf"\b(?:on|by|until|since)\s+the\s+(?P<day>\d{{1,2}}(?:st|nd|rd|th)|{_ORDINAL})(?=\s*(?:[.,;?!\n]|at\b|\Z))",
        r"(?:\b(?:on|dated|since|admitted|until|due|seen|visit|"
        r"by)\s+)(?P<month>\d{1,2})/(?P<day>\d{1,2})(?![\w/]|\.\d|\s*(?:pain|mg))",
    )
]
_SCALE = re.compile(r"\b(?:pain|scale|effort|strength|score|scored|rated|rates|level)\b", re.IGNORECASE)
_BIRTH = re.compile(r"\b(?:birth\w*|born|dob|b-?day)\b", re.IGNORECASE)
_BIRTH_REACH = 90  # characters
_RUN = re.compile(
    rf"(?:(?:zero|oh[ -]{_UNIT}|(?:nineteen|twenty)[ -]oh[ -]{_UNIT}|{_BELOW_100}|\d{{1,4}})\b[\s,/-]*)+", re.IGNORECASE
)
_RUN_TOKEN = re.compile(rf"zero|oh[ -]{_UNIT}|{_FULL_YEAR}|{_BELOW_100}|\d{{1,4}}", re.IGNORECASE)
_CAUTIOUS = frozenset({"may", "march", "mar", "jan", "dec", "jun", "sep", "sept", "apr"})  # also words or short forms
_LEADS_IN = re.compile(
    r"\b(?:on|by|until|till|since|from|before|after|of|in|is|was|it['’]s|born|birth\w*)\W+(?:the\s+)?\Z", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class DateValue:
    """What a date names; null where it does not say.

    Args:
        month: 1..12.
        day: 1..31.
        year: four digits; of two digits, 31..99 is 19.., 00..30 is 20...
    """

    month: int | None
    day: int | None
    year: int | None


def find_dates(text: str) -> Iterator[Finding]:
    """Every date that names a day, or a month with its year."""
    for form in _FORMS:
        for match in form.finditer(text):
            finding = _finding(text, match)
            if finding is not None:
                yield finding
    yield from _birthdays(text)


def value_of(text: str, finding: Finding) -> DateValue:
    """The day that a date names."""
    values = {part.role: read_part(text[part.start : part.end], part.role) for part in finding.parts}
    return DateValue(values.get("month"), values.get("day"), values.get("year"))


def read_part(words: str, role: Role) -> int | None:
    """The number of a month, a day or a year as it is written."""
    if role == "month" and words[0].isalpha() and not words.casefold().startswith("oh"):
        found = [i for i, name in enumerate(MONTHS, 1) if name.startswith(words.casefold()[:3])]
        if found:
            return found[0]
    numbers = scan_numbers(re.sub(r"^oh[ -]", "", words, flags=re.IGNORECASE).replace("'", "").replace("’", ""))
    if not numbers or numbers[0].value != int(numbers[0].value):
        return None
    value = int(numbers[0].value)
    return value + (2000 if value <= 30 else 1900) if role == "year" and value < 100 else value


def _finding(text: str, match: re.Match[str]) -> Finding | None:
    spans = {name: match.span(name) for name in ("month", "day", "year") if match.groupdict().get(name)}
    if match.groupdict().get("short") and _is_short_year(text, match):
        spans["year"] = match.span("short")
    order = sorted(spans.items(), key=lambda item: item[1])
    roles: dict[str, Role] = {"month": "month", "day": "day", "year": "year"}
    finding = Finding("date", tuple(Part(roles[name], *span) for name, span in order))
    value = value_of(text, finding)
    if value.month is not None and value.month > 12 and value.day is not None and value.day <= 12:
        finding, value = _swapped(finding), DateValue(value.day, value.month, value.year)
    if match.re is _FORMS[-1] and _SCALE.search(text[max(0, match.start() - 40) : match.end() + 20]):
        return None
    is_day = value.day is None or 1 <= value.day <= 31
    is_month = value.month is None or 1 <= value.month <= 12
    return finding if is_day and is_month and _is_meant(text, match) else None


def _swapped(finding: Finding) -> Finding:
    """Day before month: "23/11/1947"."""
    other: dict[Role, Role] = {"month": "day", "day": "month"}
    return Finding("date", tuple(Part(other.get(part.role, part.role), part.start, part.end) for part in finding.parts))


def _is_meant(text: str, match: re.Match[str]) -> bool:
    """False for "you may first feel" and "three may help": months that are also words, in small letters."""
    month = match.groupdict().get("month") or ""
    if month not in _CAUTIOUS:
        is_days_first = "of" in match.re.groupindex and not match["of"]
        is_bare = is_days_first and match["day"].isalpha() and not re.fullmatch(_ORDINAL, match["day"], re.IGNORECASE)
        return not (is_bare and match["day"].islower() and not match.groupdict().get("year"))
    if "of" in match.re.groupindex:
        return bool(match["of"] or match["year"]) or (match["day"][-1:].isalpha() and month != "may")
    is_ordinal = re.fullmatch(_ORDINAL + r"|\d+(?:st|nd|rd|th)", match.groupdict().get("day") or "", re.IGNORECASE)
    if month != "may" and is_ordinal:
        return True
    return bool(match.groupdict().get("year")) or _LEADS_IN.search(text[: match.start()][-30:]) is not None


def _is_short_year(text: str, match: re.Match[str]) -> bool:
    """A year of two digits is believed after an apostrophe, or in a birthday, and never before a unit."""
    after = re.match(r"\s*([^\W\d_]+|%)", text[match.end("short") :])
    if after is not None and after[1].casefold() in UNITS:
        return False
    return (
        match["short"][0] in "'’"
        or _BIRTH.search(text[max(0, match.start() - _BIRTH_REACH) : match.start()]) is not None
    )


def _birthdays(text: str) -> Iterator[Finding]:
    """Birthdays in numbers only: "date of birth? three fourteen sixty two"."""
    for cue in _BIRTH.finditer(text):
        for run in _RUN.finditer(text, cue.end()):
            if run.start() > cue.end() + _BIRTH_REACH:
                break
            tokens = list(_RUN_TOKEN.finditer(text, run.start(), run.end()))
            if len(tokens) == 3 and not text[tokens[0].start() - 1].isalnum():
                month, day, year = tokens
                parts = (Part("month", *month.span()), Part("day", *day.span()), Part("year", *year.span()))
                value = value_of(text, Finding("date", parts))
                if 1 <= (value.month or 0) <= 12 and 1 <= (value.day or 0) <= 31 and (value.year or 0) >= 1900:
                    yield Finding("date", parts)
                    break
