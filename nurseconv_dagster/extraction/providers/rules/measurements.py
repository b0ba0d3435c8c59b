"""Numbers that are measured: vital signs, height and weight, pain, age.

What lives here: one finder for each, for spoken and written numbers.
When to add here: another measurement, or another way to say one.
What to keep out: the numbers' values and units (they are read later, from the quote).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.providers.asked import asked_exchanges
from nurseconv_dagster.extraction.providers.rules.findings import Finding
from nurseconv_dagster.extraction.providers.subject import doubt
from nurseconv_dagster.extraction.providers.topics import known_topic
from nurseconv_dagster.extraction.providers.turns import Exchange, Talk

_WORD_NUMBER = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred)"
)
_N = rf"(?:\d+(?:\.\d+)?|(?:a\s+)?\b{_WORD_NUMBER}\b(?:[\s-]+(?:and\s+)?(?:{_WORD_NUMBER}|oh|point)\b)*)"
_LINK = (
    r"(?:['’]s|\s+is|\s+are|\s+was|\s+were|\s+of|\s+at|\s+been|\s+have|:|\s+going|"
    r"\s+running|\s+around|\s+about|\s+now|\s+up|\s+to|\s+came|\s+back|\s+just|\s+rate|"
    r"\s+level|\s+a|\s+crept|\s+this\s+morning)*\s+"
)
_OXYGEN = (
    r"(?:\s*(?:%|per ?cent))?(?:,?\s+(?:on|with)\s+(?:room air|RA|air|"
    r"(?:\S+\s+){1,2}(?:liters?|litres?|percent|L)\b(?:\s+\w+ cannula)?))?"
)
_SIGNS = (
    rf"(?:(?:blood pressure|bp|pressures?){_LINK})?{_N}\s*(?:over|/)\s*{_N}\b",
    rf"(?:pulse|heart rate|heart['’]s|heart|hr)\b{_LINK}{_N}(?:\s+(?:and\s+)?(?:regular|irregular))?",
    rf"(?:temperature|temp|fever)\b{_LINK}{_N}(?:\s*(?:degrees|°|celsius|fahrenheit|[CF]\b))*",
    rf"(?:respirations?|respiratory rate|resps?|rr)\b{_LINK}{_N}",
    rf"(?:sats?|satting|saturations?|saturating|spo2|o2 sats?|oxygen saturation|oxygen level|"
    rf"oxygen|pulse ox|o2)\b{_LINK}{_N}{_OXYGEN}",
    rf"{_N}\s*(?:%|per ?cent)\s+on\s+(?:room air|RA\b|air\b|\S+\s+(?:liters?|litres?|L\b))(?:\s+\w+ cannula)?",
    rf"(?:blood sugar|sugar|glucose|blood glucose|finger ?stick)\b{_LINK}{_N}",
    rf"\bMAP\b{_LINK}{_N}",
)
_SIGN = re.compile(rf"\b(?:{'|'.join(_SIGNS)})", re.IGNORECASE)
_SHORTHAND = re.compile(r"\b[TPR]\s+\d+(?:\.\d+)?(?:\s*[CF]\b)?")
_NEAR_CHARS = 60
_IS_DATE = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}|\b(?:24/7|50/50)\b")
_NO_SIGN = re.compile(r"\bdrain|\bpain\b|\bout of\b|/ ?10\b", re.IGNORECASE)

_PAIN = re.compile(
    rf"\b(?:an?\s+)?{_N}\s*(?:out of|/)\s*(?:10|ten)\b|\bpain\s+(?:is|level|score|was|at|of|"
    rf"scale|of about)*\s*(?:an?\s+|about\s+an?\s+)?(?P<after>{_N})\b(?!\s*(?:mg|days?|"
    rf"weeks?|hours?|times))",
    re.IGNORECASE,
)
_NO_PAIN = re.compile(
    r"\b(?:no (?:real |actual )?pain|pain[- ]free|not in (?:any )?pain|den(?:ies|"
    r"ied)(?: any)? pain|without pain|not hurting|doesn['’]t hurt|"
    r"don['’]t have any pain|not a thing)\b",
    re.IGNORECASE,
)
_SCALE = re.compile(
    r"\b(?:scale|out of (?:10|ten)|number|rate|(?:zero|0|one|1) (?:to|is|means)|ten (?:is|"
    r"being)|how bad|how strong|pain level|pain score)\b",
    re.IGNORECASE,
)
_ARTICLE = r"(?:(?:about |maybe |probably |like |around )*an? )?"

_AGE = re.compile(
    rf"\b(?P<a>{_N})[- ]?(?:years?[- ]old|yrs?[- ]old|y\.?/?o\.?\b|year[- ]old)|\b(?:I['’]m|"
    rf"I am|turned|aged?)\s+(?:just\s+)?(?P<b>{_N})(?=\s*(?:[.,;!?]|$|years|and\b|now|this))|"
    rf"\b(?P<c>\d{{1,3}})\s?(?:M|F)\b(?=[ ,])",
    re.IGNORECASE,
)
# A report opens with name, room and age: "Mrs. Okafor, 66, DNR".
_AGE_IN_REPORT = re.compile(
    rf"\b(?:(?:Mr|Mrs|Ms|Miss)\.?\s+[A-Z]\w+|(?:[Rr]oom|[Bb]ed) \w+)(?:,| is|,? he['’]s|"
    rf",? she['’]s),?\s+(?P<age>{_N})(?=\s*,|\s+(?:comfort|full|DNR|came|year|here))"
)
_BIRTH_ONLY = re.compile(r"\b(?:date of birth|birthday|born|dob)\b", re.IGNORECASE)
_HEIGHT = (
    rf"(?:{_N}\s*(?:foot|feet|ft|['’])\s*(?:{_N}(?:\s*(?:inches|inch|in|[\"”]))?)?|"
    rf"{_N}\s*(?:centimet(?:er|re)s?|cm)\b(?:\s+tall)?)"
)
_WEIGHT = rf"(?:(?:wt|weight|weigh(?:s|ed|ing)?)\b{_LINK})?{_N}\s*(?:pounds?|lbs?|kilos?|kilograms?|kg|stone)\b"
_HEIGHT_WEIGHT = re.compile(rf"\b(?:{_HEIGHT}|{_WEIGHT})", re.IGNORECASE)


def find_measurements(talk: Talk) -> Iterator[Finding]:
    """Everything that is measured in the talk."""
    yield from _vital_signs(talk)
    yield from _pain(talk)
    yield from _age(talk)
    yield from _height_weight(talk)


def _vital_signs(talk: Talk) -> Iterator[Finding]:
    groups: list[list[tuple[int, int]]] = []
    for match in _SIGN.finditer(talk.text):
        start, end = match.span()
        if _IS_DATE.match(talk.text, start) or _NO_SIGN.search(talk.text[start : end + 4]):
            continue
        if doubt(talk, "vital_signs", start, end) or talk.sentences[talk.sentence_at(start)].text.endswith("?"):
            continue
        near = groups and start - groups[-1][-1][1] <= _NEAR_CHARS and "\n" not in talk.text[groups[-1][-1][1] : start]
        if near:
            groups[-1].append((start, end))
        else:
            groups.append([(start, end)])
    groups.sort(key=len, reverse=True)
    spans = tuple(_widen(talk, group[0][0], group[-1][1]) for group in groups[:4])
    if spans:
        yield Finding("vital_signs", "measured", spans)


def _widen(talk: Talk, start: int, end: int) -> tuple[int, int]:
    """One-letter signs of a written note ("T 98.1, P 72") count beside a sign that is written out."""
    for match in _SHORTHAND.finditer(talk.text, max(0, start - 40), min(len(talk.text), end + 40)):
        if "\n" not in talk.text[min(start, match.start()) : max(end, match.end())]:
            start, end = min(start, match.start()), max(end, match.end())
    return start, end


def _pain(talk: Talk) -> Iterator[Finding]:
    spans: list[tuple[int, int]] = []
    for exchange in asked_exchanges(talk, known_topic("pain_level")):
        if _SCALE.search(exchange.prompt.text):
            spans += _number_in_reply(talk, exchange, 10)
    for match in _PAIN.finditer(talk.text):
        place = match.span("after") if match.group("after") else match.span()
        numbers = find_numbers(talk.text[place[0] : place[1]])
        if numbers and numbers[0].value <= 10 and _holds(talk, "pain_level", place):
            spans.append(place)
    spans += [match.span() for match in _NO_PAIN.finditer(talk.text) if _holds(talk, "pain_level", match.span())]
    if spans:
        yield Finding("pain_level", "measured", (spans[0],))


def _number_in_reply(talk: Talk, exchange: Exchange, most: int) -> list[tuple[int, int]]:
    for sentence in exchange.reply[:2]:
        for number in find_numbers(sentence.text):
            if number.value <= most:
                start, end = sentence.start + number.start, sentence.start + number.end
                article = re.search(rf"\b{_ARTICLE}$", sentence.text[: number.start], re.IGNORECASE)
                return [(start - len(article.group()) if article else start, end)]
    return []


def _holds(talk: Talk, question_id: str, place: tuple[int, int]) -> bool:
    return (
        not talk.sentences[talk.sentence_at(place[0])].text.endswith("?") and doubt(talk, question_id, *place) is None
    )


def _age(talk: Talk) -> Iterator[Finding]:
    spans: list[tuple[int, int]] = []
    for exchange in asked_exchanges(talk, known_topic("patient_age")):
        if not _BIRTH_ONLY.search(exchange.prompt.text) or "how old" in exchange.prompt.text.lower():
            spans += [place for place in _number_in_reply(talk, exchange, 120) if _holds(talk, "patient_age", place)]
    for match in _AGE.finditer(talk.text):
        place = next(match.span(name) for name in ("a", "b", "c") if match.group(name))
        numbers = find_numbers(talk.text[place[0] : place[1]])
        if numbers and numbers[0].value <= 120 and _holds(talk, "patient_age", match.span()):
            spans.append(place)
    spans += [
        match.span("age")
        for match in _AGE_IN_REPORT.finditer(talk.text)
        if _holds(talk, "patient_age", match.span("age"))
    ]
    if spans:
        yield Finding("patient_age", "measured", (spans[0],))


def _height_weight(talk: Talk) -> Iterator[Finding]:
    found: list[tuple[int, int]] = []
    for match in _HEIGHT_WEIGHT.finditer(talk.text):
        place = match.span()
        words = talk.text[max(0, place[0] - 60) : place[1] + 30]
        if not re.search(r"tall|height|weigh|\bwt\b|\bht\b", words, re.IGNORECASE) or not _holds(
            talk, "height_weight", place
        ):
            continue
        if re.search(r"\b(?:gain|lose|lost|more than|lift)", words[:80], re.IGNORECASE):
            continue
        if found and place[0] - found[-1][1] < 25 and "\n" not in talk.text[found[-1][1] : place[0]]:
            found[-1] = (found[-1][0], place[1])
        else:
            found.append(place)
    if found:
        yield Finding("height_weight", "measured", tuple(found[:2]))
