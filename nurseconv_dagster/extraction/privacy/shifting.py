"""Dates moved by the same number of weeks, in the form in which they stand.

What lives here: `choose_weeks()`, `shift()`, `write_part()`.
When to add here: another form of a month, a day or a year.
What to keep out: finding dates (`dates.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from nurseconv_dagster.extraction.privacy.dates import MONTHS, DateValue
from nurseconv_dagster.extraction.privacy.findings import Role
from nurseconv_dagster.extraction.privacy.spelling import cardinal, like_case, ordinal, suffixed, year_words

# Whole weeks, so that a weekday named beside a date stays right; less than a year, so that ages stay nearly right.
WEEKS = tuple(week * sign for week in range(4, 48) for sign in (1, -1))
_NO_YEAR = 2001  # any year without a leap day


def choose_weeks(ranked: Sequence[int], values: Sequence[DateValue]) -> int:
    """The first number of weeks that makes no date of the talk into another date of the talk.

    Args:
        ranked: weeks in the order in which they are tried.
        values: all dates of the talk.
    """
    days = {(value.month, value.day) for value in values}
    for weeks in ranked:
        if not {(moved.month, moved.day) for moved in (shift(value, weeks) for value in values)} & days:
            return weeks
    return ranked[0]


def shift(value: DateValue, weeks: int) -> DateValue:
    """The date so many weeks later, with the same fields left out."""
    start = _as_date(value) + timedelta(weeks=weeks)
    if value.month is None:  # "the 14th": some other day, of any month
        start = date(_NO_YEAR, 1, 1) + timedelta(days=((value.day or 1) - 1 + 7 * weeks) % 28)
    return DateValue(
        None if value.month is None else start.month,
        None if value.day is None else start.day,
        None if value.year is None else start.year,
    )


def write_part(value: DateValue, role: Role, like: str, *, is_numeric: bool) -> str:
    """A month, day or year in the form of the one that it takes the place of.

    Args:
        value: the shifted date.
        role: which of its fields.
        like: the words in the talk.
        is_numeric: the whole date is digits: then months and days keep their two digits.
    """
    if is_numeric and role != "year":
        return str((value.month if role == "month" else value.day) or 1).zfill(len(like))
    if role == "month":
        return _write_month(value.month or 1, like)
    if role == "day":
        return _write_day(value.day or 1, like)
    year = value.year or _NO_YEAR
    digits = re.sub(r"\D", "", like)
    if digits:
        return like.replace(digits, str(year)[-len(digits) :])
    return like_case(year_words(year, like), like)


def _as_date(value: DateValue) -> date:
    year, month, day = value.year or _NO_YEAR, value.month or 1, value.day or 15
    while True:
        try:
            return date(year, month, day)
        except ValueError:  # "February 30th" was said
            day -= 1


def _write_month(month: int, like: str) -> str:
    if like.isdigit():
        return str(month).zfill(len(like)) if like.startswith("0") else str(month)
    name = MONTHS[month - 1]
    if re.match(r"(?:oh\b|zero\b)", like, re.IGNORECASE):
        return like_case(("oh " if month < 10 else "") + cardinal(month), like)
    if not any(known.startswith(like.casefold()[:3]) for known in MONTHS):
        return like_case(cardinal(month), like)
    is_short = like.casefold() not in MONTHS
    return like_case(name[:3] if is_short else name, like)


def _write_day(day: int, like: str) -> str:
    hyphen = "-" if "-" in like else " "
    if like.isdigit():
        return str(day).zfill(len(like)) if like.startswith("0") else str(day)
    if like[0].isdigit():
        return suffixed(day)
    if re.match(r"oh\b", like, re.IGNORECASE):
        return like_case(("oh " if day < 10 else "") + cardinal(day), like)
    is_ordinal = re.search(r"(?:first|second|third|th)$", like, re.IGNORECASE)
    return like_case(ordinal(day, hyphen) if is_ordinal else cardinal(day, hyphen), like)
