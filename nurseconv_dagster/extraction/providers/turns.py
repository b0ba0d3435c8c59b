"""Who says what after whom: a transcript in sentences, and which of them answer which question.

What lives here: `Sentence`, `Exchange` (a prompt and its reply), `read_talk()`.
When to add here: another sign that somebody asks, or that a reply is over.
What to keep out: topics (`topics.py`), what a reply means (`asked.py`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from nurseconv_dagster.speech.transcripts import Role, Transcript

_SENTENCE_END = re.compile(r"(?:[.?!…]+[\"'”’)]*(?=\s|$)|;(?=\s)|\n)")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:mr|mrs|ms|dr|st|vs|approx|[a-z]|[ap]\.m|e\.g|i\.e)\.$", re.IGNORECASE)
_REQUEST = re.compile(
    r"^(?:(?:okay|ok|so|and|now|right|alright|all right|good|great|well|then|just|please|"
    r"can you|could you|would you)\W+)*"
    r"(?:tell me|describe|talk to me|remind me|let me know|give me|confirm|verify|state|spell|rate|point to|show me|"
    r"walk me through|go ahead and tell|take me through|what about|how about|"
    r"i just need your|first your name|your (?:full )?name|"
    r"(?:your )?date of birth|just the name band)\b",
    re.IGNORECASE,
)
_REQUEST_INSIDE = re.compile(r"\b(?:confirm|verify|tell me|give me|state|spell) (?:your|the|his|her)\b", re.IGNORECASE)
# The asker takes the word back: what follows is no longer the reply.
_UPTAKE = re.compile(
    r"^(?:okay|ok|all ?right|alright|great|good|perfect|lovely|thank you|thanks|i see|"
    r"got it|gotcha|wonderful|excellent|"
    r"understood|sorry to hear|i'm sorry|that's (?:okay|fine|good|great)|no problem|"
    r"brilliant|noted|right then|sounds good|"
    r"fair enough|absolutely|sure thing|we'll|let me|let's|i'll|i'm going to|so,? (?:i|we|"
    r"you|let|the|from|what|how))\b",
    re.IGNORECASE,
)
_LONGEST_REPLY = 5  # sentences, where nobody is labelled


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or the words between two line ends.

    Args:
        start: offset into `full_text`, code points.
        end: one past the last code point.
        text: the words.
        role: who says it; null when unknown.
        line: which line of `full_text` it stands in: a line is one speaker's turn, or everything.
        is_prompt: it asks for something.
    """

    start: int
    end: int
    text: str
    role: Role | None
    line: int
    is_prompt: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt and what came back; no sentences when nothing did."""

    prompt: Sentence
    reply: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Talk:
    """A transcript as sentences and exchanges.

    Args:
        text: the transcript's `full_text`.
        sentences: in order, never overlapping.
        exchanges: in order; a sentence replies to one prompt at most.
        has_roles: at least two roles speak.
    """

    text: str
    sentences: tuple[Sentence, ...]
    exchanges: tuple[Exchange, ...]
    has_roles: bool

    def sentence_at(self, place: int) -> int:
        """The index of the sentence that holds an offset, or the last one before it."""
        return max(0, bisect_right([sentence.start for sentence in self.sentences], place) - 1)

    def exchange_of(self, sentence: Sentence) -> Exchange | None:
        """The exchange in whose reply the sentence stands."""
        return next((exchange for exchange in self.exchanges if sentence in exchange.reply), None)


def read_talk(transcript: Transcript) -> Talk:
    """Sentences and exchanges of a transcript."""
    sentences = tuple(_sentences(transcript))
    has_roles = len({sentence.role for sentence in sentences if sentence.role}) > 1
    exchanges = tuple(
        Exchange(sentence, _reply(sentences, i, has_roles=has_roles))
        for i, sentence in enumerate(sentences)
        if sentence.is_prompt
    )
    return Talk(transcript.full_text, sentences, exchanges, has_roles)


def _sentences(transcript: Transcript) -> list[Sentence]:
    text = transcript.full_text
    role_starts = [segment.start_char for segment in transcript.segments]
    found: list[Sentence] = []
    at, line = 0, 0
    for end in _ends(text):
        body = text[at:end]
        words = body.strip()
        if words:
            start = at + len(body) - len(body.lstrip())
            segment = transcript.segments[max(0, bisect_right(role_starts, start) - 1)]
            found.append(Sentence(start, start + len(words), words, segment.role, line, _is_prompt(words)))
        line += text.count("\n", at, end)
        at = end
    return found


def _ends(text: str) -> list[int]:
    ends = [
        match.end()
        for match in _SENTENCE_END.finditer(text)
        if match.group() != "." or not _ABBREVIATION.search(text[max(0, match.start() - 8) : match.end()])
    ]
    return [*ends, len(text)]


def _is_prompt(words: str) -> bool:
    if words.rstrip("\"'”’)").endswith(("?", "...", "…")):
        return True
    return _REQUEST.match(words) is not None or _REQUEST_INSIDE.search(words) is not None


def _reply(sentences: tuple[Sentence, ...], at: int, *, has_roles: bool) -> tuple[Sentence, ...]:
    following = sentences[at + 1 :]
    return _labelled_reply(sentences[at], following) if has_roles else _unlabelled_reply(following)


def _labelled_reply(prompt: Sentence, following: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
    """The next turn of somebody else; nothing when the asker asks on before anybody speaks."""
    reply: list[Sentence] = []
    for sentence in following:
        if sentence.line == prompt.line:
            if sentence.is_prompt and not reply:
                return ()
            continue
        if reply and sentence.line != reply[0].line:
            break
        reply.append(sentence)
    return tuple(reply)


def _unlabelled_reply(following: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
    """The sentences up to the next prompt or until the asker seems to take the word back."""
    reply: list[Sentence] = []
    for sentence in following[:_LONGEST_REPLY]:
        if sentence.is_prompt or (reply and _UPTAKE.match(sentence.text)):
            break
        reply.append(sentence)
    return tuple(reply)
