"""A typed value is judged and written out: does it fit its type, unit and plausible range, are its numbers proven.

What lives here: `check_value()`, `find_unproven()`, `normalise_value()`.
When to add here: a rule that a value must pass whoever proposed it.
What to keep out: reading a value from words (`reading.py`), writing it out (`rendering.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nurseconv_dagster.extraction.meaning import watched_words
from nurseconv_dagster.extraction.numbers import canonical, find_numbers
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.reading import parse_value
from nurseconv_dagster.extraction.tokens import tokenise

# "once" and "twice" are numbers only where somebody counts.
_COUNT_WORDS = {"once": "1", "twice": "2"}


def check_value(question: Question, value: Any) -> tuple[bool, str]:
    """Whether a value fits, and if not why: "wrong_type", "unit_missing", "out_of_range", "not_below"; "" when it fits.

    Nothing is changed: a value outside its plausible range stays what it is.

    Args:
        question: gives the schema with its plausible ranges.
        value: as it would stand in `answer_value`.
    """
    from jsonschema import Draft202012Validator

    if not Draft202012Validator(question.schema).is_valid(value):
        return False, "wrong_type"
    reason = next((reason for schema, part in _parts(question.schema, value) if (reason := _judge(schema, part))), "")
    return reason == "", reason


def find_unproven(question: Question, value: Any, quotes: Sequence[str]) -> str:
    """Why a value says more than its evidence: "number_not_in_evidence", "word_not_in_evidence", or "".

    Numbers are compared after normalisation ("one forty" proves 140); what can be read from the evidence itself counts
    too ("no pain" proves 0, "five foot ten" proves 70). Of words only medicines and sides are compared.

    Args:
        question: the question the value answers.
        value: all of an answer, or one item of a list.
        quotes: the transcript's own words.
    """
    numbers = _numbers_in(value, question)
    if numbers and not numbers <= _proven_numbers(question, quotes):
        return "number_not_in_evidence"
    words = {word for text in _texts_in(value, question) for word in watched_words(tokenise(text))}
    return "word_not_in_evidence" if words - {t.norm for quote in quotes for t in tokenise(quote)} else ""


def has_numbers(question: Question, value: Any) -> bool:
    """True when a value holds a number that evidence must prove."""
    return bool(_numbers_in(value, question))


def normalise_value(value: Any) -> Any:
    """A value in the form in which two are compared: words lower case, 5.0 as 5, lists and objects in a fixed order."""
    if isinstance(value, str):
        return " ".join(token.norm for token in tokenise(value))
    if isinstance(value, dict):
        return tuple(sorted((key, normalise_value(item)) for key, item in value.items()))
    if isinstance(value, list):
        return tuple(sorted((normalise_value(item) for item in value), key=str))
    return value if isinstance(value, bool) or value is None else canonical(value)


def _parts(schema: dict[str, Any], value: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """The value and everything inside it, each with its own schema."""
    yield schema, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _parts(schema["properties"].get(name, {}), item)
    if isinstance(value, list):
        for item in value:
            yield from _parts(schema["items"], item)


def _judge(schema: dict[str, Any], value: Any) -> str:
    if isinstance(value, dict):
        return _judge_object(schema, value)
    limits = schema.get("x-range")
    return "out_of_range" if limits and not limits[0] <= value <= limits[1] else ""


def _judge_object(schema: dict[str, Any], value: dict[str, Any]) -> str:
    for lower, upper in schema.get("x-below", {}).items():
        if lower in value and upper in value and value[lower] >= value[upper]:
            return "not_below"
    if "x-units" in schema:  # a quantity
        return _judge_unit(schema["x-units"], value["value"], value["unit"])
    for name, field in schema["properties"].items():
        if name in value and "x-units" in field:
            reason = _judge_unit(field["x-units"], value[name], value.get(f"{name}_unit"))
            if reason:
                return reason
    return ""


def _judge_unit(ranges: dict[str, list[float]], number: float, unit: str | None) -> str:
    if unit is None:
        return "unit_missing"
    low, high = ranges[unit]
    return "" if low <= number <= high else "out_of_range"


def _numbers_in(value: Any, question: Question) -> set[str]:
    """Numbers of the value itself and of its free texts; those of fixed choices ("assist of 2") are names."""
    numbers = {
        canonical(leaf) for leaf in _leaves(value) if isinstance(leaf, int | float) and not isinstance(leaf, bool)
    }
    return numbers | {number.canonical for text in _texts_in(value, question) for number in find_numbers(text)}


def _proven_numbers(question: Question, quotes: Sequence[str]) -> set[str]:
    spoken = {number.canonical for quote in quotes for number in find_numbers(quote)}
    counted = {_COUNT_WORDS[t.norm] for quote in quotes for t in tokenise(quote) if t.norm in _COUNT_WORDS}
    return spoken | counted | _numbers_in(parse_value(question, quotes), question)


def _texts_in(value: Any, question: Question) -> list[str]:
    fixed = set(_choices_in(question.schema))
    return [leaf for leaf in _leaves(value) if isinstance(leaf, str) and leaf not in fixed]


def _choices_in(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("enum", ())
    for part in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from _choices_in(part)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value
