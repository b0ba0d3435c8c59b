"""The word lists behind names: given and family names, and ordinary words that only look like one.

What lives here: reading `given_names.txt`, `family_names.txt`, `ordinary_words.txt`, and `is_*` questions about a word.
When to add here: a question about a single word; a missing name or word goes into its file.
What to keep out: where a word stands (`names.py`).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from nurseconv_dagster.extraction.drugs import is_drug
from nurseconv_dagster.extraction.words import FILLERS, word_list

Sex = str  # "f", "m"
_SHORTENED = re.compile(r"(?:n't|'(?:m|s|d|ll|re|ve|t))\Z")


@cache
def given_names() -> dict[str, Sex]:
    """Name in lower case -> sex of most bearers."""
    names: dict[str, Sex] = {}
    for line in _lines("given_names.txt"):
        words, _, sex = line.partition("|")
        for word in words.split():
            names.setdefault(word, sex.strip())
    return names


@cache
def family_names() -> tuple[str, ...]:
    """Names in lower case, each once, in the order of the file."""
    return tuple(dict.fromkeys(word_list(" ".join(_lines("family_names.txt")))))


@cache
def _family_set() -> frozenset[str]:
    return frozenset(family_names())


_WORD_ENDS = (
    "ing", "tion", "ness",
    "itis", "osis", "emia", "aemia", "algia", "pathy", "ectomy", "plasty", "cardia", "rrhea", "rrhoea", "uria",
    "plegia",
)  # fmt: skip


@cache
def _ordinary() -> frozenset[str]:
    return frozenset(word_list(" ".join(_lines("ordinary_words.txt")))) | FILLERS


def is_given(word: str) -> bool:
    """True when the word is listed as a given name, in any case."""
    return word.casefold() in given_names()


def is_listed(word: str) -> bool:
    """True when the word is listed as a given or a family name, in any case."""
    return is_given(word) or word.casefold().replace("'", "").replace("’", "") in _family_set()


def is_ordinary(word: str) -> bool:
    """True for words that are not a name by themselves: everyday words, months, eponyms, illnesses, medicines."""
    folded = _SHORTENED.sub("", word.casefold().replace("’", "'"))
    return len(folded) < 2 or folded in _ordinary() or is_drug(folded) or folded.endswith(_WORD_ENDS)


def is_plain_name(word: str) -> bool:
    """True for listed names that are nothing else: "rosa", "alvarez"; not "will", "young", "bell"."""
    return is_listed(word) and not is_ordinary(word)


def _lines(file: str) -> list[str]:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
