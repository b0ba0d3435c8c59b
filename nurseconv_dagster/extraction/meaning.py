"""What a quote may not lose on the way to its place in the transcript: numbers, units, negations, sides, drug names.

What lives here: `same_meaning()`, the guard of fuzzy evidence, and the words it watches.
When to add here: another kind of word that turns a statement round.
What to keep out: where negation reaches (`polarity.py`), searching (`evidence.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nurseconv_dagster.extraction.drugs import is_drug
from nurseconv_dagster.extraction.tokens import Token
from nurseconv_dagster.extraction.words import word_set

NEGATIONS = word_set(
    "no not nope nah never none nothing nobody neither nor without denies denied deny denying negative cannot "
    "cant wont dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt couldnt wouldnt shouldnt unable "
    "absent nkda nka"
)
SIDES = word_set("left right bilateral bilaterally both upper lower")
_FREQUENCIES = word_set(
    "once twice daily weekly monthly hourly nightly every morning evening night noon bedtime am pm bid tid qid prn"
)
# Little words that a quote may drop or add without saying something else. No pronoun, no verb, no "on", "off", "yes".
_LIGHT = word_set("a an the and so well just really actually okay ok like you know please that there then of in at")
_ENDING = re.compile(r"(?:ies|es|s|ed|d|ing)$")


def same_meaning(quote: Sequence[Token], span: Sequence[Token]) -> bool:
    """True when two stretches of words differ in little words and endings only, in the same order.

    Numbers, units, negations, sides, frequencies and drug names must be the very same.

    Args:
        quote: the words a provider gave.
        span: the transcript's words.
    """
    return _essence(quote) == _essence(span)


def watched_words(tokens: Sequence[Token]) -> set[str]:
    """The drug names and sides among the tokens: what a value may hold only if its evidence holds it."""
    return {token.norm for token in tokens if token.kind == "word" and (token.norm in SIDES or is_drug(token.norm))}


def _essence(tokens: Sequence[Token]) -> list[str]:
    """What must be the same in the same order: all but little words, ordinary words without their endings."""
    return [
        token.norm if token.kind != "word" or _is_watched(token.norm) else _stem(token.norm)
        for token in tokens
        if token.kind != "word" or token.norm not in _LIGHT
    ]


def _is_watched(word: str) -> bool:
    return word in NEGATIONS or word in SIDES or word in _FREQUENCIES or is_drug(word)


def _stem(word: str) -> str:
    return _ENDING.sub("", word) if len(word) > 4 else word
