"""Word lists, written as a sentence of words so that they stay readable.

What lives here: `word_list()`, `word_set()` and the fillers, which every reader of speech must step over.
When to add here: another filler; any other list belongs beside the rule that uses it.
What to keep out: lists long enough for a file of their own (`drugs.txt`).
"""

from __future__ import annotations


def word_list(text: str) -> list[str]:
    """The words of a text, in order."""
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """The words of a text, each once."""
    return frozenset(text.split())


FILLERS = word_set("um umm uh uhh uhm er erm ah hm hmm mm mhm")
