"""A talk as words that may be parts of names, and how far a name goes on from its first word.

What lives here: `NameWord`, `Reading`, `read_text()`.
When to add here: another sign that a word is, or goes on, a name.
What to keep out: what introduces a name (`introductions.py`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from nurseconv_dagster.extraction.privacy.lexicon import is_given, is_listed, is_ordinary, is_plain_name
from nurseconv_dagster.extraction.words import word_set

TITLES = word_set("mr mrs ms miss dr doctor nurse prof professor pastor reverend rabbi imam uncle aunt grandma grandpa")
_PARTICLES = word_set("de la del der den van von di da al el bin ibn st")
_CREDENTIALS = word_set("rn lpn lvn np pa md do cna rt pt ot rd msw bsn dnp pharmd apn crna")
_WORD = re.compile(r"[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*", re.IGNORECASE)
_NEVER = word_set("i a ok")
_LONGEST_NAME = 4  # words
_UNCASED_BELOW = 0.005  # share of capital letters: a typist or an engine that writes none


@dataclass(frozen=True, slots=True)
class NameWord:
    """One word of letters, without a possessive 's.

    Args:
        text: as written.
        start: offset into the talk, code points.
        end: one past the last code point.
    """

    text: str
    start: int
    end: int

    @property
    def is_title(self) -> bool:
        """True when it begins with a capital: "Rosa", "McDonald", "ROSA"."""
        return self.text[0].isupper()


@dataclass(frozen=True, slots=True)
class Reading:
    """A talk and its words.

    Args:
        text: the talk.
        words: in order.
        is_uncased: next to no capital letters, so that a small letter says nothing.
    """

    text: str
    words: tuple[NameWord, ...]
    is_uncased: bool

    def index_at(self, offset: int) -> int:
        """Index of the first word that begins at or after an offset; `len(words)` when there is none."""
        return bisect_left(self.words, offset, key=lambda word: word.start)

    def gap_before(self, i: int) -> str:
        """What stands between a word and the one before."""
        return self.text[self.words[i - 1].end : self.words[i].start] if i else "\n"

    def follows_title(self, i: int) -> bool:
        """True after "Mrs.", "Doctor" and the like."""
        return i > 0 and self.words[i - 1].text.casefold() in TITLES and self.gap_before(i) in (" ", ". ")

    def could_be_name(self, i: int, *, is_trusted: bool) -> bool:
        """True when the word at an index can begin a name.

        Args:
            i: index of the word.
            is_trusted: the words before say that a name comes ("my name is").
        """
        if not 0 <= i < len(self.words) or self.words[i].text.casefold() in _NEVER | TITLES | _CREDENTIALS:
            return False
        word = self.words[i].text
        if is_plain_name(word):
            return True
        if not self.words[i].is_title:
            return self.is_uncased and is_trusted and not is_ordinary(word)
        is_short_form = word.isupper() and len(word) < 4
        return (not is_short_form and not is_ordinary(word)) or (is_trusted and is_listed(word))

    def name_from(self, i: int, *, is_trusted: bool) -> range:
        """The words of the name that begins at an index: given names, initials, particles, family names."""
        end = i + 1
        while end < len(self.words) and end - i < _LONGEST_NAME and self._goes_on(end, is_trusted=is_trusted):
            end += 1
        while end - 1 > i and self.words[end - 1].text.casefold() in _PARTICLES:
            end -= 1
        return range(i, end)

    def _goes_on(self, i: int, *, is_trusted: bool) -> bool:
        word, gap = self.words[i], self.gap_before(i)
        after_initial = len(self.words[i - 1].text) == 1
        if gap not in (" ", "-") and not (after_initial and gap == ". "):
            return False
        if word.text.casefold() in _CREDENTIALS | TITLES | _NEVER:
            return False
        if word.text.casefold() in _PARTICLES:
            return self.could_be_name(i + 1, is_trusted=True) or self.words[i].is_title
        if len(word.text) == 1:
            return word.is_title and self.text[word.end : word.end + 1] == "."
        if word.is_title:
            return not is_ordinary(word.text) or (is_listed(word.text) and not is_given(word.text))
        return is_plain_name(word.text) or (self.is_uncased and is_trusted and not is_ordinary(word.text))


def read_text(text: str) -> Reading:
    """The talk's words, and whether it is written without capitals."""
    letters = [letter for letter in text if letter.isalpha()]
    share = sum(letter.isupper() for letter in letters) / len(letters) if letters else 0.0
    words = tuple(NameWord(match.group(), match.start(), match.end()) for match in _WORD.finditer(text))
    return Reading(text, words, share < _UNCASED_BELOW)
