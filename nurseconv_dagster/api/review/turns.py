"""The transcript as it is shown: turns of one speaker, cut into words that know their place and second.

What lives here: `turns_of()`.
When to add here: something that a reader of the transcript must see.
What to keep out: which words are lit; the page does that by their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nurseconv_dagster.api.review.labels import ROLES
from nurseconv_dagster.speech.transcripts import Segment, Transcript

_UNCLEAR = 0.5  # words heard with a probability below it are marked
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Args:
        start_char: its place in the full text, code points; end_char is one past its end.
        start_s: null where nobody timed it.
        is_unclear: the program was not sure that it heard this word.
    """

    text: str
    start_char: int
    end_char: int
    start_s: float | None = None
    end_s: float | None = None
    is_unclear: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says until another does.

    Args:
        role: nurse, patient, family, other; null when unknown.
        label: for people; "" when unknown.
        start_s: null for typed text.
    """

    role: str | None
    label: str
    start_s: float | None
    tokens: tuple[Token, ...]


def turns_of(transcript: Transcript) -> list[Turn]:
    """Turns in the order they were spoken; a speaker nobody knows gets one for each segment."""
    turns: list[Turn] = []
    last: Segment | None = None
    for segment in transcript.segments:
        tokens = tuple(_tokens(segment, transcript.full_text))
        who = (segment.role, segment.speaker)
        if last is not None and who == (last.role, last.speaker) and who != (None, None):
            turns[-1] = Turn(turns[-1].role, turns[-1].label, turns[-1].start_s, turns[-1].tokens + tokens)
        else:
            start_s = None if transcript.is_typed else segment.start_s
            turns.append(Turn(segment.role, ROLES.get(segment.role or "", ""), start_s, tokens))
        last = segment
    return turns


def _tokens(segment: Segment, text: str) -> Iterator[Token]:
    """Timed words, and between them what has no time."""
    at = segment.start_char
    for word in segment.words:
        yield from _untimed(text, at, word.start_char)
        is_unclear = word.probability < _UNCLEAR
        yield Token(
            text[word.start_char : word.end_char], word.start_char, word.end_char, word.start_s, word.end_s, is_unclear
        )
        at = word.end_char
    yield from _untimed(text, at, segment.end_char)


def _untimed(text: str, start: int, end: int) -> Iterator[Token]:
    for found in _WORD.finditer(text, start, end):
        yield Token(found[0], found.start(), found.end())
