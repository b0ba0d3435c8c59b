"""Panels and structs are read from quotes: several measurements, several facts, each by the words that announce it.

What lives here: `read_panel()`, `read_struct()` and the readers of their fields.
When to add here: a field type of the catalogue.
What to keep out: lists (`reading_lists.py`), single values (`reading.py`), plausibility (`values.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.phrases import choose_latest, find_choices, find_phrase, plain_number
from nurseconv_dagster.extraction.polarity import answer_to_question, negation_before
from nurseconv_dagster.extraction.tokens import Token, tokenise

_REACH = 6  # tokens between a measurement's name and its number: "heart rate is going at about a 72"
_COUNTS = {"once": 1, "twice": 2}
_GIVEN_UP = re.compile(r"\b(?:quit|stopped|gave up|used to)\s+(?:\w+\s+)?$", re.IGNORECASE)
_EDGES = " \t\n.,;:!?"


def read_panel(schema: dict[str, Any], quotes: Sequence[str]) -> dict[str, Any] | None:
    """The measurements of all quotes, the first of each kind; null when there is none."""
    panel: dict[str, Any] = {}
    for quote in quotes:
        for name, value in _read_measurements(schema, quote).items():
            panel.setdefault(name, value)
    return panel or None


def read_struct(schema: dict[str, Any], quotes: Sequence[str]) -> dict[str, Any] | None:
    """The words as said, and each field that can be read from them; null without words."""
    said = " ".join(quote.strip() for quote in quotes).strip(_EDGES)
    if not tokenise(said):
        return None
    struct: dict[str, Any] = {"said": said}
    for name, field in schema["properties"].items():
        values = [_read_field(field, quote) for quote in quotes]
        value = next((value for value in values if value is not None), None)
        if name != "said" and value is not None:
            struct[name] = value
    return struct


def _read_field(field: Mapping[str, Any], quote: str) -> Any | None:
    if "x-choices" in field:
        found = find_choices(quote, field["x-choices"])
        return found[choose_latest(quote, [place for _, place in found])][0] if found else None
    if field.get("type") == "boolean":
        return _read_flag(field, quote)
    if field.get("type") in ("integer", "number"):
        return _read_count(field, quote)
    return _read_phone(quote) if "pattern" in field else None


def _read_flag(field: Mapping[str, Any], quote: str) -> bool | None:
    """True when one of the field's words is stated, false when it is only negated or asked and denied."""
    tokens = tokenise(quote)
    flags: list[bool] = []
    for phrase in field.get("x-words", ()):
        for first, last in find_phrase(tokens, phrase):
            reply = answer_to_question(quote, tokens[last - 1].end)
            if reply is None:
                start = tokens[first].start
                flags.append(negation_before(quote, start) is None and not _GIVEN_UP.search(quote[:start]))
            elif reply[0] != "open":
                flags.append(reply[0] == "yes")
    return any(flags) if flags else None


def _read_count(field: Mapping[str, Any], quote: str) -> int | float | None:
    """The number right before or after one of the field's words; "once" and "twice" count."""
    tokens = tokenise(quote)
    for phrase in field.get("x-words", ()):
        for first, last in find_phrase(tokens, phrase):
            for token in [*tokens[max(0, first - 1) : first], *tokens[last : last + 3]]:
                if token.norm in _COUNTS:
                    return _COUNTS[token.norm]
                if token.kind == "number":
                    return plain_number(token.norm)
    return None


def _read_phone(quote: str) -> str | None:
    return next((n.canonical for n in find_numbers(quote) if re.fullmatch(r"\d{7,15}", n.canonical)), None)


def _read_measurements(schema: Mapping[str, Any], quote: str) -> dict[str, Any]:
    tokens = tokenise(quote)
    properties: Mapping[str, Any] = schema["properties"]
    panel: dict[str, Any] = {}
    used: set[int] = set()
    for lower, upper in schema.get("x-below", {}).items():
        _read_pair(tokens, lower, upper, panel, used)
    announced = _announcements(tokens, properties)
    for i, (name, last) in enumerate(announced):
        stop = min([start for _, start in announced[i + 1 :]] + [last + _REACH, len(tokens)])
        at = _number_after(tokens, last, stop, used)
        if name not in panel and at is not None:
            used.add(at)
            _put_measurement(panel, name, properties[name], tokens, _corrected(quote, tokens, at))
    _read_by_unit(tokens, properties, panel, used)
    for name, field in properties.items():
        if "x-choices" in field and (choice := _read_field(field, quote)) is not None:
            panel[name] = choice
    return panel


def _read_pair(tokens: Sequence[Token], lower: str, upper: str, panel: dict[str, Any], used: set[int]) -> None:
    """Two numbers joined by "over": blood pressure. A pair said in correction of the first replaces it."""
    for i in range(len(tokens) - 2):
        high, word, low = tokens[i : i + 3]
        if high.kind == low.kind == "number" and word.norm == "over" and i not in used:
            used.update((i, i + 2))
            panel.setdefault(upper, plain_number(high.norm))
            panel.setdefault(lower, plain_number(low.norm))


def _announcements(tokens: Sequence[Token], properties: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Each field named in the text with the index of the token after its name; longer names first claim their words."""
    hits = [
        (first, last, name)
        for name, field in properties.items()
        for phrase in field.get("x-words", ())
        for first, last in find_phrase(tokens, phrase)
        if field.get("type") in ("number", "integer")
    ]
    hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
    taken: set[int] = set()
    kept: list[tuple[int, str]] = []
    for first, last, name in hits:
        if taken.isdisjoint(range(first, last)):
            taken.update(range(first, last))
            kept.append((last, name))
    return [(name, last) for last, name in sorted(kept)]


def _number_after(tokens: Sequence[Token], start: int, stop: int, used: set[int]) -> int | None:
    return next((i for i in range(start, stop) if tokens[i].kind == "number" and i not in used), None)


def _corrected(quote: str, tokens: Sequence[Token], at: int) -> int:
    """The index of the number that replaced the one at `at`: "pulse 72, no wait, 78"."""
    following = [i for i in range(at, min(at + _REACH, len(tokens))) if tokens[i].kind == "number"]
    return following[choose_latest(quote, [(tokens[i].start, tokens[i].end) for i in following])]


def _put_measurement(
    panel: dict[str, Any], name: str, field: Mapping[str, Any], tokens: Sequence[Token], at: int
) -> None:
    value = plain_number(tokens[at].norm)
    units: Mapping[str, Any] = field.get("x-units", {})
    following = [token.norm for token in tokens[at + 1 : at + 3] if token.norm != "degrees"]
    said = following[0] if following else ""
    if said == "ft" and "in" in units:
        value, said = _inches(tokens, at), "in"
    if said == "mg" and "mg/dL" in units:
        said = "mg/dL"
    if said == "mmol" and "mmol/L" in units:
        said = "mmol/L"
    panel[name] = value
    likely = [unit for unit, (low, high) in units.items() if low <= value <= high]
    if said in units:
        panel[f"{name}_unit"] = said
    elif len(likely) == 1:  # 98.6 is no temperature in Celsius
        panel[f"{name}_unit"] = likely[0]


def _inches(tokens: Sequence[Token], at: int) -> int | float:
    """Feet and inches in inches: "five foot ten" is 70."""
    feet = plain_number(tokens[at].norm)
    rest = tokens[at + 2] if at + 2 < len(tokens) and tokens[at + 2].kind == "number" else None
    return feet * 12 + (plain_number(rest.norm) if rest else 0)


def _read_by_unit(
    tokens: Sequence[Token], properties: Mapping[str, Any], panel: dict[str, Any], used: set[int]
) -> None:
    """Numbers without a name whose unit tells what they are: "96 percent", "2 liters", "150 pounds"."""
    for i, (number, unit) in enumerate(pairwise(tokens)):
        if number.kind != "number" or i in used:
            continue
        for name, field in properties.items():
            own = [*field.get("x-units", {}), field.get("x-unit", "").partition("/")[0]]
            own += ["ft"] if "in" in own else []
            if name not in panel and unit.norm in own and unit.kind == "unit":
                used.add(i)
                _put_measurement(panel, name, field, tokens, i)
                break
