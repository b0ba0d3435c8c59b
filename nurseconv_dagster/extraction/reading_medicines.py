"""Medicines, their classes and allergies are read from quotes.

What lives here: the readers behind `read_as: medications`, `allergies` and `drug_classes` of the catalogue.
When to add here: another way to say a dose, a frequency, a route, a reaction.
What to keep out: names of medicines (`drugs.py`), other lists (`reading_lists.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nurseconv_dagster.extraction.drugs import drug_class, is_drug
from nurseconv_dagster.extraction.items import clean_text, is_empty_item, stated_items
from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.phrases import find_choices, plain_number
from nurseconv_dagster.extraction.polarity import negation_before
from nurseconv_dagster.extraction.tokens import Token, tokenise
from nurseconv_dagster.extraction.words import word_set

_FREQUENCY = re.compile(
    r"\b(?:(?:once|twice|(?:one|two|three|four|\d) times?)\s+(?:a|per|every|each)?\s*(?:day|daily|week|month|night)"
    r"|(?:every|each)\s+(?:other\s+)?(?:\w+[\s-])?(?:day|morning|evening|night|hours?|week|weeks|month|months)"
    r"|daily|nightly|weekly|monthly|at (?:night|bedtime|noon)|in the (?:morning|evening|afternoon)"
    r"|before bed|with (?:meals|breakfast|dinner|food)|as needed|when needed|prn|bid|tid|qid|q\d+h|qhs)\b",
    re.IGNORECASE,
)
_ROUTE = re.compile(
    r"\b(?:by mouth|orally|oral|po|iv|intravenous(?:ly)?|im|intramuscular(?:ly)?|sublingual(?:ly)?|under the tongue|"
    r"inhaled|inhaler|nebulizer|topical(?:ly)?|patch|subcutaneous(?:ly)?|sub[- ]?q|injections?|eye drops)\b",
    re.IGNORECASE,
)
_STOPPED = re.compile(r"\b(?:stopped|quit|no longer|used to|came off|discontinued)\b[^,.;]*$", re.IGNORECASE)
_NAMELESS = re.compile(r"\b(?:pills?|medicines?|inhaler|cream|shots?)\b", re.IGNORECASE)  # "a pill for my thyroid"
_LINKS = word_set("a an of the")  # between dose, unit and name: "half a milligram of X"
_DOSE_UNITS = word_set("mg mcg g mL units mEq tablets capsules pills puffs drops %")

_LEADS_TO = re.compile(
    r"[\s,]+(?:(?:and|which|it|that)\s+)*(?:gives?|gave|makes?|made|causes?|caused|i (?:get|got|break|broke|had|have)|"
    r"reaction(?: is| was)?|with|breaks?)\b\s*(?:(?:me|him|her|them)\s+)?"
    r"(?:out (?:in|with)\s+)?",
    re.IGNORECASE,
)
_REACTION = re.compile(
    r"\b(?:rash|hives|swelling|swells?|swelled|itch\w*|anaphyla\w+|throat clos\w+|trouble breathing|"
    r"short(?:ness)? of breath|nausea|nauseous|vomit\w*|throw(?:ing)? up|threw up|sick|diarrhea|wheez\w+|"
    r"dizz\w+|faint\w*|pass(?:ed)? out|stomach upset|upset stomach|break out|broke out)\b",
    re.IGNORECASE,
)
_ALLERGIC_TO = re.compile(
    r"^.*?\b(?:allerg(?:ic|y|ies)\s+(?:to|is|are)|react(?:ion)?s?\s+to|can(?:['’]t|not)\s+take)\s+", re.I | re.S
)
_ALLERGY_TAIL = re.compile(r"\s+(?:allerg(?:y|ies)|drugs?|antibiotics?)$", re.IGNORECASE)


def read_drug_classes(schema: dict[str, Any], quote: str) -> list[Any]:
    """The classes of the medicines named, and those named themselves ("a blood thinner"), that the schema has."""
    allowed = schema["x-choices"]
    named = [drug_class(name) for name, _ in _drug_places(quote)]
    return [kind for kind in [*named, *(choice for choice, _ in find_choices(quote, allowed))] if kind in allowed]


def read_medications(schema: dict[str, Any], quote: str) -> list[Any]:
    """One object per medicine named; its dose stands right before it ("20 mg of X") or between it and the next one."""
    places = _drug_places(quote)
    if not places:
        return [
            _medication(_unknown_medicine(item), item) for item, _ in stated_items(quote) if _unknown_medicine(item)
        ]
    reach = _reaches(quote, [span for _, span in places])
    named = [_medication(name, quote[start:end]) for (name, _), (start, end) in zip(places, reach, strict=True)]
    return named + [
        {"drug": _unknown_medicine(item)}
        for item, _ in stated_items(quote)
        if _NAMELESS.search(item) and not _drug_places(item) and not find_numbers(item)
    ]


def _unknown_medicine(item: str) -> str:
    """A medicine without a known name ("a water pill"): the words before its dose."""
    numbers = find_numbers(item)
    name = clean_text(item[: numbers[0].start] if numbers else item)
    name = clean_text(_FREQUENCY.sub("", name))
    return "" if is_empty_item(name) else name


def _drug_places(quote: str) -> list[tuple[str, tuple[int, int]]]:
    """Names of medicines that are taken, neighbours joined ("insulin glargine"), with their characters."""
    spans: list[tuple[int, int]] = []
    for token in tokenise(quote):
        if token.kind == "word" and is_drug(token.norm):
            if spans and not quote[spans[-1][1] : token.start].strip():
                spans[-1] = (spans[-1][0], token.end)
            else:
                spans.append((token.start, token.end))
    return [
        (quote[start:end], (start, end))
        for start, end in spans
        if negation_before(quote, start) is None and not _STOPPED.search(quote[:start])
    ]


def _reaches(quote: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """For each medicine the stretch its dose and frequency are looked for in."""
    starts = [_dose_before(quote, start) for start, _ in spans]
    ends = [*starts[1:], len(quote)]
    return [(start, max(end, span[1])) for start, span, end in zip(starts, spans, ends, strict=True)]


def _dose_before(quote: str, start: int) -> int:
    """Where a dose begins that stands right before a medicine ("20 mg of | X"); `start` when there is none."""
    before = [token for token in tokenise(quote[:start]) if token.norm not in _LINKS]
    if len(before) >= 2 and before[-1].kind == "unit" and before[-2].kind == "number":
        gap = quote[before[-1].end : start]
        return before[-2].start if not re.search(r"[,.;\n]", gap) else start
    return start


def _medication(name: str, stretch: str) -> dict[str, Any]:
    item: dict[str, Any] = {"drug": name}
    tokens = [token for token in tokenise(stretch) if token.norm not in _LINKS]
    dose = _first_dose(tokens)
    if dose is not None:
        item["dose"], item["unit"] = plain_number(dose[0].norm), dose[1].norm
    elif (bare := _bare_dose(name, stretch)) is not None:
        item["dose"] = plain_number(bare)
    if route := _ROUTE.search(stretch):
        item["route"] = route.group()
    if frequency := [match.group() for match in _FREQUENCY.finditer(stretch)]:
        item["frequency"] = " ".join(frequency)
    return item


def _bare_dose(name: str, stretch: str) -> str | None:
    """A number without a unit right behind the name: "metformin, 500 twice a day"; not "two of them"."""
    tokens = tokenise(_FREQUENCY.sub(" ; ", stretch[stretch.find(name) + len(name) :]))
    if not tokens or tokens[0].kind != "number":
        return None
    is_count = len(tokens) > 1 and (tokens[1].kind == "unit" or tokens[1].norm in ("of", "or", "to"))
    return None if is_count else tokens[0].norm


def _first_dose(tokens: Sequence[Token]) -> tuple[Token, Token] | None:
    return next(
        (p for p in pairwise(tokens) if p[0].kind == "number" and p[1].kind == "unit" and p[1].norm in _DOSE_UNITS),
        None,
    )


def read_allergies(schema: dict[str, Any], quote: str) -> list[Any]:
    """One object per substance; a reaction belongs to the substance named last before it."""
    found: list[Any] = []
    for item, _ in stated_items(quote):
        body = _ALLERGIC_TO.sub("", item)
        link = _LEADS_TO.search(body) or _LEADS_TO.search(" " + body.lstrip())
        reaction = _REACTION.search(body)
        if reaction and (found or link) and (link is None or link.start() == 0 or not clean_text(body[: link.start()])):
            if found and "reaction" not in found[-1]:
                found[-1]["reaction"] = clean_text(body[link.end() if link else reaction.start() :])
            continue
        substance = _ALLERGY_TAIL.sub("", clean_text(body[: link.start()] if link and reaction else body))
        if substance and not is_empty_item(substance):
            entry = {"substance": substance}
            if reaction:
                entry["reaction"] = clean_text(body[link.end() if link else reaction.start() :])
            found.append(entry)
    return found
