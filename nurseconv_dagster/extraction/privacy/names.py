"""Names of people: where a talk introduces them, and every later place where they are said.

What lives here: `find_names()`: introductions give the names, then each mention of one of them is a finding.
When to add here: another way to read on from where a name begins.
What to keep out: the phrases that introduce a name (`introductions.py`), lists (`lexicon.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nurseconv_dagster.extraction.privacy.findings import Finding, Part, Role
from nurseconv_dagster.extraction.privacy.introductions import find_introductions
from nurseconv_dagster.extraction.privacy.lexicon import given_names, is_given, is_listed, is_ordinary
from nurseconv_dagster.extraction.privacy.name_words import Reading, read_text

_SPELLED = re.compile(r"(?<![\w'’])[A-Za-z](?:(?:\s?-\s?|[.,]?\s)[A-Za-z](?![\w'’])){2,}")


def find_names(text: str, known: Sequence[str]) -> list[Finding]:
    """Each word of each name, wherever it is said.

    Args:
        text: the whole talk.
        known: names from elsewhere (the upload's metadata), in any form.
    """
    reading = read_text(text)
    spans = [*find_introductions(reading), *_known_spans(reading, known)]
    seeds, small = _seeds(reading, spans)
    for word in _known_words(known):
        seeds.setdefault(word.casefold(), _role(word, is_last=False))
    findings = list(_mentions(reading, seeds, small))
    findings += [
        Finding("name", (Part("initial", reading.words[i].start, reading.words[i].end),))
        for span in spans
        for i in span
        if len(reading.words[i].text) == 1
    ]
    return findings + list(_spelled(text, seeds))


def _known_words(known: Sequence[str]) -> Iterator[str]:
    """The words of known names; codes with digits are no names, ordinary words count only with a capital."""
    for name in known:
        if not re.search(r"\d", name):
            for word in read_text(name).words:
                if len(word.text) > 1 and (word.is_title or not is_ordinary(word.text)):
                    yield word.text


def _known_spans(reading: Reading, known: Sequence[str]) -> Iterator[range]:
    """Places where a known name of several words is said in full, so that "will frost" is found in small letters."""
    folded = [word.text.casefold() for word in reading.words]
    for name in known:
        wanted = [word.text.casefold() for word in read_text(name).words]
        if len(wanted) > 1 and not re.search(r"\d", name):
            for i in range(len(folded) - len(wanted) + 1):
                if folded[i : i + len(wanted)] == wanted:
                    yield range(i, i + len(wanted))


def _seeds(reading: Reading, spans: Iterable[range]) -> tuple[dict[str, Role], set[str]]:
    """Role of each word of a name, and those that were introduced in small letters."""
    seeds: dict[str, Role] = {}
    small: set[str] = set()
    for span in spans:
        for i in span:
            word = reading.words[i]
            if len(word.text) < 2:
                continue
            is_family_place = i > span[0] or reading.follows_title(i)
            is_last = (i == span[-1] and len(span) > 1) or (is_family_place and not is_given(word.text))
            role = _role(word.text, is_last=is_last)
            if seeds.get(word.text.casefold(), "given") == "given":
                seeds[word.text.casefold()] = role
            if word.text.islower():
                small.add(word.text.casefold())
    return seeds, small


def _role(word: str, *, is_last: bool) -> Role:
    if is_last or not is_given(word):
        return "family" if is_last or is_listed(word) else "given"
    return "given_f" if given_names()[word.casefold()] == "f" else "given_m"


def _mentions(reading: Reading, seeds: dict[str, Role], small: set[str]) -> Iterator[Finding]:
    """Every mention; a name that is also a word ("Will") in small letters only if it was introduced so."""
    for word in reading.words:
        folded = word.text.casefold()
        if folded in seeds and (not word.text.islower() or folded in small or not is_ordinary(folded)):
            yield Finding("name", (Part(seeds[folded], word.start, word.end),))


def _spelled(text: str, seeds: dict[str, Role]) -> Iterator[Finding]:
    for match in _SPELLED.finditer(text):
        if re.sub(r"[^A-Za-z]", "", match.group()).casefold() in seeds:
            yield Finding("name", (Part("spelled", match.start(), match.end()),))
