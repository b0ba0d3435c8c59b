"""Finding phrases of the catalogue in a quote.

What lives here: `find_phrase()`, `find_choices()`, `choose_latest()`, `plain_number()`.
When to add here: a way to look for words that two readers share.
What to keep out: what is done with the words found (`reading*.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from nurseconv_dagster.extraction.polarity import is_corrected, negation_before
from nurseconv_dagster.extraction.tokens import Token, norms, tokenise

Place = tuple[int, int]


def find_phrase(tokens: Sequence[Token], phrase: str) -> list[tuple[int, int]]:
    """Token indices (first, one past last) of every place where the phrase stands.

    Args:
        tokens: of the text.
        phrase: any words; compared like the text's own (case, numbers, units).
    """
    wanted, have = norms(tokenise(phrase)), norms(tokens)
    size = len(wanted)
    endings = {wanted, (*wanted[:-1], f"{wanted[-1]}s")} if wanted else set()  # "heart's going at", "two walkers"
    return [(i, i + size) for i in range(len(have) - size + 1) if have[i : i + size] in endings]


def find_choices(quote: str, choices: Mapping[str, Sequence[str]]) -> list[tuple[str, Place]]:
    """Choices whose words stand in the quote unnegated, with their characters, in order of place.

    A shorter phrase inside a longer one does not count: "not eating much" is no "eating".

    Args:
        quote: the transcript's words.
        choices: each value with its phrases.
    """
    tokens = tokenise(quote)
    hits = [
        (choice, first, last)
        for choice, phrases in choices.items()
        for phrase in phrases
        for first, last in find_phrase(tokens, phrase)
    ]
    hits.sort(key=lambda hit: (hit[1] - hit[2], hit[1]))
    kept: list[tuple[str, Place]] = []
    taken: set[int] = set()
    for choice, first, last in hits:
        if taken.isdisjoint(range(first, last)):
            taken.update(range(first, last))
            if negation_before(quote, tokens[first].start) is None:
                kept.append((choice, (tokens[first].start, tokens[last - 1].end)))
    return sorted(kept, key=lambda hit: hit[1])


def choose_latest(quote: str, places: Sequence[Place]) -> int:
    """Index of the place that counts: the first, or what replaced it in a correction.

    Args:
        quote: the text.
        places: start and end characters, in order, at least one.
    """
    chosen = 0
    for i in range(1, len(places)):
        if is_corrected(quote, places[chosen][1], places[i][0]):
            chosen = i
    return chosen


def plain_number(canonical: str) -> int | float:
    """A canonical number as JSON holds it: whole numbers as integers."""
    exact = Decimal(canonical)
    return int(exact) if exact == exact.to_integral_value() else float(exact)
