"""Where a person lives or writes: street addresses and e-mail, written and spoken.

What lives here: `find_addresses()`, `find_emails()`.
When to add here: another kind of street, another way to say an address.
What to keep out: towns without a street before them: they are not replaced. ZIP codes alone (`identifiers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nurseconv_dagster.extraction.drugs import is_drug
from nurseconv_dagster.extraction.privacy.findings import Finding, Part, Role
from nurseconv_dagster.extraction.privacy.spelling import SMALL, TENS
from nurseconv_dagster.extraction.tokens import UNITS
from nurseconv_dagster.extraction.words import word_set

_NUMBER_WORD = rf"(?:{'|'.join(SMALL[1:] + TENS[2:])}|hundred|thousand|oh)"
_NUMBER = rf"(?P<number>\d{{1,5}}|{_NUMBER_WORD}(?:[ -]{_NUMBER_WORD}){{0,4}})"
_DIRECTION = r"(?:(?:north|south|east|west|[NSEW]{1,2})\.?\s+)?"
_TYPE = (
    r"(?:(?:street|avenue|road|lane|boulevard|parkway|terrace|court|drive|place|way|circle|highway|trail|square|"
    r"crescent|"
    r"alley|pike|plaza|loop)\b|(?:st|ave|rd|ln|blvd|pkwy|ct|pl|cir|hwy|ter)\b|dr\b(?!\.?\s+(?-i:[A-Z])))\.?"
)
_UNIT = (
    r"(?P<flat>,?\s*(?:apt|apartment|unit|suite|ste|lot|#)\.?\s*(?:number\s+)?(?P<flat_number>\d+\s?[A-Z]?\b|"
    r"[A-Z]\d*\b|\w+))?"
)
_CITY = (
    r"(?:,\s*(?P<city>[A-Z][a-z]+(?:\s[A-Z][a-z]+)?),?\s+(?:[A-Z]{2}|"
    r"[A-Z][a-z]{3,})\b(?:,?\s+(?P<zip>\d{5}(?:-\d{4})?))?)?"
)
_ADDRESS = re.compile(
    rf"(?<![\w.:/-]){_NUMBER}\s+{_DIRECTION}(?P<street>(?:[^\W_][\w'’-]*\s+){{1,3}}?){_TYPE}{_UNIT}{_CITY}".replace(
        _CITY, f"(?-i:{_CITY})"
    ),
    re.IGNORECASE,
)
_BOX = re.compile(r"\bP\.?\s?O\.?\s+box\s+(?:number\s+)?(\d+)", re.IGNORECASE)
_CUE = re.compile(r"\b(?:address|live[sd]?|living|reside[sd]?|home|house|at|mail|send|to|moved)\b", re.IGNORECASE)
_NOT_STREETS = (
    word_set(
        "the a an in on of to down up by from at for and or with my your his her out over about minutes blocks times "
        "way other one two three four five six seven eight nine ten no any this that is are was take hours "
        "liter oxygen "
        "percent patients people more pain ice drip line"
    )
    | UNITS.keys()
)
_EMAIL = re.compile(r"(?<![\w.+-])(?P<local>[\w.+-]+)@(?P<domain>[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})")
_SPOKEN_EMAIL = re.compile(
    r"(?P<local>\b[\w.+-]+(?:\s+(?:dot|underscore|dash|hyphen)\s+\w+|\.\w+)*)\s+at\s+"
    r"(?P<domain>[\w-]+(?:(?:\s+dot\s+|\.)[\w-]+)*?(?:\s+dot\s+|\.)(?:com|org|net|edu|gov|us|io|co))\b",
    re.IGNORECASE,
)


def find_addresses(text: str) -> Iterator[Finding]:
    """House number and street, with flat, town and ZIP code where they follow."""
    for match in _ADDRESS.finditer(text):
        if _is_address(text, match):
            yield Finding("address", tuple(_parts(match)))
    for match in _BOX.finditer(text):
        yield Finding("address", (Part("digits", *match.span(1)),))


def find_emails(text: str) -> Iterator[Finding]:
    """Addresses with @, and those said with "at" and "dot"."""
    for match in _EMAIL.finditer(text):
        yield Finding("email", (Part("email", *match.span()),))
    for match in _SPOKEN_EMAIL.finditer(text):
        yield Finding("email", (Part("spoken_email", *match.span()),))


def _is_address(text: str, match: re.Match[str]) -> bool:
    """In a text with capitals the street has one; in small letters a word such as "live" or "address" comes before."""
    words = match["street"].split()
    if any(word.casefold() in _NOT_STREETS or is_drug(word) for word in words):
        return False
    if all(word[0].isupper() or word[0].isdigit() for word in words):
        return True
    return _CUE.search(text[max(0, match.start() - 60) : match.start()]) is not None


def _parts(match: re.Match[str]) -> Iterator[Part]:
    start, end = match.span("street")
    yield Part("number", *match.span("number"))
    yield Part("street", start, end - (len(match["street"]) - len(match["street"].rstrip())))
    roles: tuple[tuple[str, Role], ...] = (("flat_number", "digits"), ("city", "city"), ("zip", "digits"))
    for name, role in roles:
        if match[name]:
            yield Part(role, *match.span(name))
