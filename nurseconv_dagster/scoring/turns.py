"""Who speaks in turn: turns, sentences, questions, back-channels.

What lives here: `Turn`, `turns_of()`, `sentences()`, `without_back_channels()`, `is_in_language()`.
When to add here: another plain fact about the shape of a conversation.
What to keep out: what the facts are worth (`dynamics.py`, `communication.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from nurseconv_dagster.scoring.rubric_parts import Dynamics, Language
from nurseconv_dagster.speech.transcripts import Role, Segment

# A full stop after a title does not end a sentence, nor does one inside a number.
_SENTENCE_END = re.compile(r"(?<!\bmr)(?<!\bmrs)(?<!\bms)(?<!\bdr)(?<!\bst)[.?!]+[\"')]*(?=\s|$)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True)
class Turn:
    """What one voice says until another speaks.

    Args:
        segments: at least one, all of the same role and speaker, in order.
    """

    segments: tuple[Segment, ...]

    @property
    def role(self) -> Role | None:
        """Who speaks; null when unknown."""
        return self.segments[0].role

    @cached_property
    def text(self) -> str:
        """The segments' texts with a space between them, apostrophes made plain."""
        return " ".join(segment.text for segment in self.segments).replace("’", "'")

    def segment_ids(self, start: int, end: int) -> list[int]:
        """The ids of the segments that `text[start:end]` runs over."""
        ids: list[int] = []
        offset = 0
        for segment in self.segments:
            if offset < end and start < offset + len(segment.text):
                ids.append(segment.id)
            offset += len(segment.text) + 1
        return ids


def turns_of(segments: Iterable[Segment]) -> list[Turn]:
    """The segments in order, those of one voice in a row made a turn. A voice is a role and a speaker."""
    return [Turn(tuple(group)) for _, group in groupby(segments, key=voice)]


def voice(segment: Segment) -> tuple[str | None, str | None]:
    """What tells one person from another."""
    return segment.role, segment.speaker


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, its end mark included."""
    start = 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        while start < end and text[start].isspace():
            start += 1
        if start < end:
            yield start, end
        start = end


def questions(turns: Iterable[Turn]) -> list[str]:
    """The sentences that end in a question mark."""
    found = (turn.text[start:end] for turn in turns for start, end in sentences(turn.text))
    return [sentence for sentence in found if sentence.rstrip("\"')").endswith("?")]


def words_of(text: str) -> list[str]:
    """The words in lower case, without numbers and punctuation."""
    return [word.lower() for word in _WORD.findall(text)]


def without_back_channels(segments: Sequence[Segment], rules: Dynamics) -> list[Segment]:
    """The segments without those that only signal "I am listening" while another speaks.

    The same word after a question is an answer and stays.
    """
    kept: list[Segment] = []
    before: Segment | None = None
    for segment in segments:
        after_question = before is not None and voice(before) != voice(segment) and before.text.endswith("?")
        if after_question or not _only_signals(segment.text, rules):
            kept.append(segment)
            before = segment
    return kept


def _only_signals(text: str, rules: Dynamics) -> bool:
    bare = re.sub(r"[^\w\s'-]+", " ", text.lower().replace("’", "'"))
    words = bare.split()
    if not 1 <= len(words) <= rules.back_channel_words:
        return False
    return " ".join(words) in rules.back_channels or all(word in rules.back_channels for word in words)


def is_in_language(said: str | None, turns: Iterable[Turn], language: Language) -> bool:
    """Whether the rubric's word lists apply.

    Args:
        said: the transcript's language; null (typed text) is judged by the share of common words.
        turns: those that will be judged.
    """
    if said is not None:
        return said == language.code
    words = [word for turn in turns for word in words_of(turn.text)]
    n_common = sum(word in language.common_words for word in words)
    return bool(words) and n_common >= language.min_common_share * len(words)
