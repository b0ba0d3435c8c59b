"""A typed value is read from the words that prove it, when the provider gave none.

What lives here: `parse_value()`, one reader per answer type, and the readers of single values.
When to add here: an answer type (its reader in `READERS`).
What to keep out: lists (`reading_lists.py`), panels and structs (`reading_fields.py`), judging a value (`values.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from nurseconv_dagster.extraction.items import clean_text
from nurseconv_dagster.extraction.phrases import choose_latest, find_choices, find_phrase, plain_number
from nurseconv_dagster.extraction.polarity import is_blanket_denial, is_negative
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.reading_fields import read_panel, read_struct
from nurseconv_dagster.extraction.reading_lists import read_list
from nurseconv_dagster.extraction.tokens import Token, norms, tokenise
from nurseconv_dagster.extraction.words import word_set

_MONTHS = word_set(
    "january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sep sept oct nov dec"
)
_RANGE_WORDS = word_set("or to")


def parse_value(question: Question, quotes: Sequence[str]) -> Any | None:
    """The answer's value as the question's schema wants it, read from evidence alone; null when none can be read.

    The first quote that yields a value decides, except for lists, panels and structs, which gather from all.

    Args:
        question: gives type, unit, choices, fields.
        quotes: the transcript's own words.
    """
    return READERS[question.value_type](question.schema, quotes)


def _each(read: Callable[[dict[str, Any], str], Any | None]) -> Callable[[dict[str, Any], Sequence[str]], Any | None]:
    """A reader of quotes from a reader of one quote: the first value wins."""

    def read_first(schema: dict[str, Any], quotes: Sequence[str]) -> Any | None:
        return next((value for quote in quotes if (value := read(schema, quote)) is not None), None)

    return read_first


def read_number(schema: dict[str, Any], quote: str) -> int | float | None:
    """The number that answers, not its date, its scale's end or another unit's; of "six or seven" the higher.

    After a correction ("thirty, no wait, forty") the later number counts. Phrases of `x-zero`, and a bare "no" or
    "none" where there are such phrases, mean 0.
    """
    tokens = tokenise(quote)
    zeros = [place for phrase in schema.get("x-zero", ()) for place in find_phrase(tokens, phrase)]
    if zeros or ("x-zero" in schema and is_blanket_denial(quote, frozenset())):
        return 0
    unit = next(iter(norms(tokenise(schema.get("x-unit", "")))), "")
    fitting = [i for i, token in enumerate(tokens) if token.kind == "number" and _fits(tokens, i, unit)]
    if not fitting:
        return None
    named = [i for i in fitting if _is_named(tokens, i, unit)]
    at = choose_latest(quote, [(tokens[i].start, tokens[i].end) for i in named or fitting])
    chosen = (named or fitting)[at]
    if chosen + 2 in fitting and tokens[chosen + 1].norm in _RANGE_WORDS:
        chosen = max(chosen, chosen + 2, key=lambda i: Decimal(tokens[i].norm))
    return plain_number(tokens[chosen].norm)


def _fits(tokens: Sequence[Token], i: int, unit: str) -> bool:
    """False for a number that belongs to something else: a date, another unit, the end of a scale, a year."""
    before = tokens[i - 1].norm if i else ""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    is_scale_end = (
        before in ("of", "over") and i >= 2 and (tokens[i - 2].norm == "out" or tokens[i - 2].kind == "number")
    )
    is_date = before in _MONTHS or (after is not None and after.norm in _MONTHS)
    is_year = len(tokens[i].norm) == 4 and tokens[i].norm[:2] in ("19", "20")
    has_other_unit = after is not None and after.kind == "unit" and after.norm != unit
    from_zero = before in ("to", "scale") and i >= 2 and tokens[i - 2].norm == "0"
    return not (is_scale_end or is_date or is_year or has_other_unit or from_zero or _starts_scale(tokens, i))


def _starts_scale(tokens: Sequence[Token], i: int) -> bool:
    """The zero of "on a scale of zero to ten"."""
    return norms(tokens[i : i + 3]) in (("0", "to", "10"), ("0", "through", "10"))


def _is_named(tokens: Sequence[Token], i: int, unit: str) -> bool:
    """True when the number carries its unit or scale: "72 years", "seven out of ten", "7/10"."""
    after = norms(tokens[i + 1 : i + 3])
    return bool(after) and (after[0] == unit != "out" or after in (("out", "of"), ("over", "10")))


def read_boolean(schema: dict[str, Any], quote: str) -> bool | None:
    """False when the quote says no, else true: a statement that was found is a yes."""
    return not is_negative(quote) if tokenise(quote) else None


def read_choice(schema: dict[str, Any], quote: str) -> str | None:
    """The choice whose words stand in the quote and are not negated; after a correction the later one."""
    found = find_choices(quote, schema["x-choices"])
    return found[choose_latest(quote, [place for _, place in found])][0] if found else None


def read_quantity(schema: dict[str, Any], quote: str) -> dict[str, Any] | None:
    """The first number that one of the question's units follows."""
    tokens = tokenise(quote)
    for number, unit in pairwise(tokens):
        if number.kind == "number" and unit.norm in schema["x-units"]:
            return {"value": plain_number(number.norm), "unit": unit.norm}
    return None


def read_text(schema: dict[str, Any], quote: str) -> str | None:
    """The words as said, without what only introduces them ("my name is")."""
    return clean_text(quote) or None


READERS: dict[str, Callable[[dict[str, Any], Sequence[str]], Any | None]] = {
    "text": _each(read_text),
    "integer": _each(read_number),
    "number": _each(read_number),
    "boolean": _each(read_boolean),
    "choice": _each(read_choice),
    "quantity": _each(read_quantity),
    "list": read_list,
    "panel": read_panel,
    "struct": read_struct,
}
