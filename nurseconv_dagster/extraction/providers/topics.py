"""What each question is about, in people's words: was it asked here, is it told here.

What lives here: `Topic` and `topic_of()`, which joins `topics.yaml` with the cues and wordings of the catalogue.
When to add here: nothing; add words to `topics.yaml`, or cues to the catalogue.
What to keep out: replies (`asked.py`) and answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from nurseconv_dagster.extraction.questions import Question

_FILE = Path(__file__).parent / "topics.yaml"
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Topic:
    """How people speak of one question's topic.

    Args:
        ask: matches what asks for it.
        say: matches what tells it.
        unless: matches what asks for something else in similar words.
        is_wide: no list of words can tell where the topic is not spoken of.
    """

    ask: re.Pattern[str]
    say: re.Pattern[str]
    unless: re.Pattern[str] = _NEVER
    is_wide: bool = False

    def may_be_in(self, words: str) -> bool:
        """False when a stretch of the talk has no word for the topic, so that the reader need not look there."""
        return self.is_wide or self.is_told_in(words) or self.is_asked_in(words)

    def is_asked_in(self, words: str) -> bool:
        """True when the words, a question or a request, ask for the topic."""
        return self.ask.search(words) is not None and self.unless.search(words) is None

    def is_told_in(self, words: str) -> bool:
        """True when the words may tell something of the topic."""
        return self.say.search(words) is not None


def topic_of(question: Question) -> Topic:
    """The question's topic: by its id where `topics.yaml` knows it, else by the cues of the catalogue."""
    return _topic(question.id, question.cues)


def known_topic(question_id: str) -> Topic:
    """The topic of an id that `topics.yaml` lists."""
    return _known_topics()[question_id]


def topics_version() -> bytes:
    """The content of `topics.yaml`, for the hash that stands on every answer."""
    return _FILE.read_bytes()


@cache
def _topic(question_id: str, cues: tuple[str, ...]) -> Topic:
    known = _known_topics().get(question_id)
    if known is not None:
        return known
    cue_words = _any_of([re.escape(cue) for cue in cues])
    return Topic(cue_words, cue_words, is_wide=True)


@cache
def _known_topics() -> dict[str, Topic]:
    listed = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {
        key: Topic(
            _any_of(entry["ask"]), _any_of(entry["say"]), _any_of(entry.get("unless", [])), entry.get("is_wide", False)
        )
        for key, entry in listed.items()
    }


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    if not patterns:
        return _NEVER
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)", re.IGNORECASE)
