"""A text as comparable words: case, punctuation, fillers, spellings of numbers and of units no longer matter.

What lives here: `Token`, `tokenise()`, the table of units and the fillers.
When to add here: another spelling of a unit, another filler.
What to keep out: what the words mean (`meaning.py`, `polarity.py`) and looking for one text in another (`evidence.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nurseconv_dagster.extraction.numbers import Number, scan_numbers
from nurseconv_dagster.extraction.words import FILLERS

_UNIT_SPELLINGS = {
    "mg": "mg mgs milligram milligrams milligramme milligrammes",
    "mcg": "mcg mcgs µg μg ug microgram micrograms",
    "g": "g gm gram grams",
    "kg": "kg kgs kilo kilos kilogram kilograms",
    "lb": "lb lbs pound pounds",
    "oz": "oz ounce ounces",
    "mL": "ml mls milliliter milliliters millilitre millilitres cc ccs",
    "L": "l liter liters litre litres",
    "units": "unit units iu",
    "mEq": "meq meqs milliequivalent milliequivalents",
    "mmol": "mmol mmols millimole millimoles",
    "mmHg": "mmhg",
    "%": "% percent",
    "cm": "cm cms centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres",
    "in": "inch inches",
    "ft": "foot feet ft",
    "F": "f fahrenheit °f",
    "C": "c celsius centigrade °c",
    "degrees": "degree degrees °",
    "years": "year years yrs yr",
    "months": "month months",
    "weeks": "week weeks wk wks",
    "days": "day days",
    "hours": "hour hours hr hrs",
    "minutes": "minute minutes min mins",
    "tablets": "tablet tablets tab tabs",
    "capsules": "capsule capsules",
    "pills": "pill pills",
    "puffs": "puff puffs",
    "drops": "drop drops",
}
UNITS = {spelling: unit for unit, spellings in _UNIT_SPELLINGS.items() for spelling in spellings.split()}
# One letter is a unit only right after a number ("5 g", "38 C"), else a word or an initial.
_AFTER_NUMBER_ONLY = frozenset({"g", "l", "f", "c", "min", "hr", "tab"})

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[%°]")
_SLASH = re.compile(r"\s*/\s*\Z")
_APOSTROPHES = re.compile("['’]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or unit in its comparable form.

    Args:
        norm: what is compared: lower case, units in one spelling, numbers canonical, "/" between numbers as "over".
        start: offset into the text, code points.
        end: one past the last code point.
        kind: number, ordinal, unit or word.
    """

    norm: str
    start: int
    end: int
    kind: str


def tokenise(text: str) -> tuple[Token, ...]:
    """The text's tokens in order, fillers and punctuation left out."""
    tokens: list[Token] = []
    at = 0
    for number in scan_numbers(text):
        if at and _SLASH.match(text[at : number.start]):
            tokens.append(Token("over", at, number.start, "word"))
        else:
            _add_words(tokens, text, at, number.start)
        tokens.append(_number_token(number))
        at = number.end
    _add_words(tokens, text, at, len(text))
    return tuple(tokens)


def norms(tokens: Iterable[Token]) -> tuple[str, ...]:
    """Only what is compared."""
    return tuple(token.norm for token in tokens)


def _number_token(number: Number) -> Token:
    if number.is_ordinal:
        return Token(f"{number.canonical}th", number.start, number.end, "ordinal")
    return Token(number.canonical, number.start, number.end, "number")


def _add_words(tokens: list[Token], text: str, start: int, end: int) -> None:
    for match in _WORD.finditer(text, start, end):
        word = _APOSTROPHES.sub("", match.group().lower())
        if word not in FILLERS:
            is_unit = word in UNITS and (word not in _AFTER_NUMBER_ONLY or _follows_number(tokens, text, match.start()))
            norm, kind = (UNITS[word], "unit") if is_unit else (word, "word")
            tokens.append(Token(norm, match.start(), match.end(), kind))


def _follows_number(tokens: list[Token], text: str, start: int) -> bool:
    """True right after a number, or after "degrees"; a comma between them parts them: "140/85, HR 72"."""
    if not tokens or text[tokens[-1].end : start].strip(" -/"):
        return False
    return tokens[-1].kind == "number" or tokens[-1].norm == "degrees"
