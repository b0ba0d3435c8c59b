"""An enumeration in speech, taken apart: where one item ends, and what of it only introduces it.

What lives here: `clean_text()`, `split_items()`, `split_sentences()`, `stated_items()`.
When to add here: another introduction ("I have a history of"), another separator.
What to keep out: what an item means (`reading_lists.py`, `reading_medicines.py`).
"""

from __future__ import annotations

import re

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.polarity import is_negative, negation_before
from nurseconv_dagster.extraction.tokens import tokenise

_EDGES = ' \t\n.,;:!?-–—"“”'
_INTRODUCTIONS = re.compile(
    r"^(?:(?:um+|uh+|er|well|so|and|or|also|then|oh|okay|ok|yes|yeah|yep|like|just|maybe|plus|but)\b[\s,]*"
    r"|(?:my|the|her|his) (?:full )?name(?:['’]s| is)\s+|(?:they |you can )?call me\s+|i go by\s+"
    r"|(?:this is|it['’]s|i['’]m|i am|she['’]s|he['’]s)\s+(?=(?-i:[A-Z][a-z]))"
    r"|(?:i|we|she|he|they|patient|the patient)(?:['’]ve| have| has|['’]s|['’]m| am| is)? "
    r"(?:also |been |just |now |still )*"
    r"(?:had|having|have|has|got|getting|get|feeling|feel|reports?|taking|takes?|complains? of|complaining of)\s+"
    r"|(?:i|she|he|they) (?:have|has|had)\s+|(?:i|she|he)(?:['’]ve| have| has) (?:got|had)\s+"
    r"|(?:some|a|an|the|any|my|with|of|a little|a bit of|a lot of|lots of)\s+"
    r"|(?:a |past )?(?:medical )?history of\s+|(?:was |been )?diagnosed with\s+|admitted (?:with|for)\s+)",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[\s,]+(?:too|as well|also|and|or|right now|i think|i guess|sir|ma['’]?am)$", re.IGNORECASE)
_BETWEEN_ITEMS = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)[,;.!?\n]+|\s+(?:and|or|plus|as well as|along with)\s+", re.IGNORECASE
)
_SENTENCES = re.compile(r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)\s+|[\n;]+")
# "Skin's fine", "she's healthy": nothing to list.
_NORMAL = re.compile(r"\b(?:fine|intact|healthy|normal|unremarkable)\b", re.IGNORECASE)
_EMPTY_ITEMS = re.compile(
    r"(?:i do|i am|i have|it is|that's it|that is all|that's all|thank you|sure|right|please)?", re.I
)


def clean_text(text: str) -> str:
    """The words without introductions ("I have a history of"), fillers at the edges, and closing punctuation."""
    before = None
    text = text.strip(_EDGES)
    while text != before:
        before = text
        text = _TAIL.sub("", _INTRODUCTIONS.sub("", text)).strip(_EDGES)
    return text


def split_items(text: str) -> list[tuple[str, int]]:
    """The items of an enumeration, each with its offset; what joins a number ("a hundred and two") does not cut."""
    numbers = find_numbers(text)
    cuts = [
        match.span()
        for match in _BETWEEN_ITEMS.finditer(text)
        if not any(number.start < match.start() and match.end() <= number.end for number in numbers)
        and not re.fullmatch(r"\d[.,]\d", text[max(0, match.start() - 1) : match.end() + 1])
    ]
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(text)]
    return [(text[start:end], start) for start, end in zip(starts, ends, strict=True) if text[start:end].strip(_EDGES)]


def stated_items(quote: str) -> list[tuple[str, int]]:
    """Items that are stated: neither negated, nor normal, nor part of a question."""
    return [
        (item, at)
        for item, at in split_items(quote)
        if not is_negative(item)
        and not _NORMAL.search(item)
        and negation_before(quote, at + _indent(item)) is None
        and not _is_asked(quote, at + len(item))
    ]


def _indent(item: str) -> int:
    """Where the item's own words begin, after "but a"."""
    return max(item.find(clean_text(item)), 0)


def _is_asked(quote: str, end: int) -> bool:
    closing = re.search(r"[.!?\n]", quote[end:])
    return closing is not None and closing.group() == "?"


def split_sentences(quote: str) -> list[str]:
    """The quote's sentences without its questions, cleaned."""
    return [clean_text(sentence) for sentence in _SENTENCES.split(quote) if not sentence.rstrip().endswith("?")]


def is_empty_item(text: str) -> bool:
    """True for words that answer but name nothing: "I do", "that's all"."""
    return _EMPTY_ITEMS.fullmatch(text) is not None or not tokenise(text)
