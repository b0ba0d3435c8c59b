"""What might be the answer: stretches that the reader, a reply or a rule offers, and what speaks for each of them.

What lives here: `Candidate`, `find_candidates()`, and the features by which candidates are weighed.
When to add here: another sign that a stretch is, or is not, the answer; then fit the weights again.
What to keep out: the weights (`weighing.py`), running the model (`span_model.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.providers.asked import (
    Reply,
    asked_exchanges,
    classify_reply,
    strip_affirmation,
    strip_fillers,
)
from nurseconv_dagster.extraction.providers.rules.findings import Finding
from nurseconv_dagster.extraction.providers.span_model import MISSED_MARGIN
from nurseconv_dagster.extraction.providers.subject import doubt
from nurseconv_dagster.extraction.providers.topics import Topic, topic_of
from nurseconv_dagster.extraction.providers.turns import Exchange, Sentence, Talk
from nurseconv_dagster.extraction.questions import Question

FLOOR = MISSED_MARGIN  # margin of a stretch that no span of the reader touches
_CEILING = 12.0
_WORTH_A_LOOK = -4.0
_MOST_SPANS = 8
_CLAUSE_END = re.compile(r"[,;:.?!]\s|\s(?:and|but|so|because)\s|\s-\s")
_SHORT_TYPES = frozenset({"integer", "number", "quantity", "choice", "boolean"})
_NUMBER_TYPES = frozenset({"integer", "number", "quantity", "panel"})


@dataclass(frozen=True, slots=True)
class Support:
    """A span of the reader, in the transcript's offsets.

    Args:
        start: offset into `full_text`.
        end: one past the last code point.
        margin: mean over the wordings that were asked.
    """

    start: int
    end: int
    margin: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch that may be the answer.

    Args:
        start: offset into `full_text`.
        end: one past the last code point.
        margin: of the best span of the reader that it overlaps.
        features: named, about -1..2 each.
    """

    start: int
    end: int
    margin: float
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class _View:
    """One question's view of the talk: where its topic is asked, what came back, what the rules say."""

    talk: Talk
    question: Question
    topic: Topic
    asked: tuple[tuple[Exchange, Reply], ...]
    supports: tuple[Support, ...]
    findings: tuple[Finding, ...]


def find_candidates(
    talk: Talk,
    question: Question,
    supports: Sequence[Support],
    findings: Sequence[Finding],
    *,
    kin: frozenset[str] = frozenset(),
    asked_of_others: Sequence[tuple[int, int]] = (),
) -> tuple[Candidate, ...]:
    """Every stretch worth weighing for one question; none that speaks of somebody else or is denied.

    Args:
        talk: the conversation.
        question: which question.
        supports: the reader's spans for it.
        findings: what the rules found for it.
        kin: from `patient_kin()`.
        asked_of_others: replies (begin, end) to prompts that ask for other topics and not for this one.
    """
    topic = topic_of(question)
    asked = tuple((exchange, classify_reply(exchange)) for exchange in asked_exchanges(talk, topic))
    view = _View(talk, question, topic, asked, tuple(supports), tuple(findings))
    places = dict.fromkeys(_places(view))
    return tuple(
        _weighable(view, place, asked_of_others)
        for place in places
        if place[1] > place[0] and doubt(talk, question.id, *place, kin) is None and not _is_no_statement(view, place)
    )


def _places(view: _View) -> Iterator[tuple[int, int]]:
    worth = sorted((s for s in view.supports if s.margin > _WORTH_A_LOOK), key=lambda s: -s.margin)[:_MOST_SPANS]
    for support in worth:
        sentence = view.talk.sentences[view.talk.sentence_at(support.start)]
        yield support.start, support.end
        yield _clause(view.talk.text, sentence, support.start, support.end)
        yield _bare_sentence(sentence, support.end)
        near = [s for s in worth if s.margin > 0 and sentence.start <= s.start and s.end <= sentence.end]
        if len(near) > 1:
            yield min(s.start for s in near), max(s.end for s in near)
    for exchange, reply in view.asked:
        if reply.kind in ("content", "no"):
            yield reply.start, reply.end
            sentence = view.talk.sentences[view.talk.sentence_at(reply.start)]
            yield _clause(view.talk.text, sentence, reply.start, reply.start + 1)
            yield reply.start, exchange.reply[-1].end
    for finding in view.findings:
        yield from finding.spans


def _is_no_statement(view: _View, place: tuple[int, int]) -> bool:
    """True for words of a question to which nobody said yes, and for words elsewhere when the patient declined.

    A name is said in questions, too.
    """
    sentence = view.talk.sentences[view.talk.sentence_at(place[0])]
    if any(reply.kind == "declined" for _, reply in view.asked) and not _is_content_reply(view, sentence):
        return True
    if view.question.id == "patient_name":
        return False
    prompted = next((e for e in view.talk.exchanges if e.prompt == sentence and sentence.text.endswith("?")), None)
    return prompted is not None and place[1] <= sentence.end and classify_reply(prompted).kind not in ("yes", "content")


def _is_content_reply(view: _View, sentence: Sentence) -> bool:
    return any(sentence in exchange.reply and reply.kind in ("content", "no") for exchange, reply in view.asked)


def _clause(text: str, sentence: Sentence, start: int, end: int) -> tuple[int, int]:
    """The clause of a stretch, without fillers: widened to the nearest commas and joining words."""
    before = list(_CLAUSE_END.finditer(text, sentence.start, start))
    after = _CLAUSE_END.search(text, max(end - 1, sentence.start), sentence.end)
    first = before[-1].end() if before else sentence.start
    first += strip_fillers(text[first:start])
    last = after.start() if after else sentence.end
    return min(first, start), max(end, last - _n_closing(text[first:last]))


def _bare_sentence(sentence: Sentence, end: int) -> tuple[int, int]:
    offset = strip_fillers(sentence.text)
    offset += strip_affirmation(sentence.text[offset:])
    start = sentence.start + offset
    last = sentence.end - _n_closing(sentence.text)
    return (start, max(last, min(end, sentence.end))) if start < last else (sentence.start, sentence.end)


def _n_closing(words: str) -> int:
    return len(words) - len(words.rstrip(" .,;!?…"))


def _weighable(view: _View, place: tuple[int, int], asked_of_others: Sequence[tuple[int, int]]) -> Candidate:
    start, end = place
    sentence = view.talk.sentences[view.talk.sentence_at(start)]
    margin = _margin(view.supports, start, end)
    features = {
        **_reader_features(view, start, end, margin),
        **_place_features(view, sentence, start, end, asked_of_others),
        **_extent_features(view, sentence, start, end),
        **_rule_features(view, start, end),
    }
    return Candidate(start, end, margin, features)


def _margin(supports: Iterable[Support], start: int, end: int) -> float:
    return max((s.margin for s in supports if s.start < end and s.end > start), default=FLOOR)


def _reader_features(view: _View, start: int, end: int, margin: float) -> dict[str, float]:
    clipped = min(max(margin, FLOOR), _CEILING)
    best = max((s.margin for s in view.supports), default=FLOOR)
    exact = any(s.start == start and s.end == end and s.margin >= margin - 0.01 for s in view.supports)
    return {
        "margin": clipped / 4,
        "margin_above_zero": max(clipped, 0.0) / 4,
        "behind_best": min(max(best, FLOOR) - clipped, 10.0) / 4,
        "is_readers_span": float(exact),
        "no_span": float(margin <= FLOOR),
    }


def _place_features(
    view: _View, sentence: Sentence, start: int, end: int, asked_of_others: Sequence[tuple[int, int]]
) -> dict[str, float]:
    words = view.talk.text[sentence.start : max(end, sentence.end)]
    in_reply = [reply for exchange, reply in view.asked if sentence in exchange.reply]
    is_content = _is_content_reply(view, sentence)
    is_first = any(reply.start <= end and reply.end >= start for reply in in_reply)
    answered_elsewhere = any(reply.kind in ("content", "no") for _, reply in view.asked) and not in_reply
    not_given = any(reply.kind in ("declined", "unable") for _, reply in view.asked)
    told = view.topic.is_told_in(words)
    prompted = next((e for e in view.talk.exchanges if e.prompt == sentence), None)
    return {
        "in_reply": float(is_content),
        "first_in_reply": float(is_first),
        "told": float(told),
        "told_in_span": float(view.topic.is_told_in(view.talk.text[start:end])),
        "neither": float(not told and not in_reply),
        "answered_elsewhere": float(answered_elsewhere),
        "not_given": float(not_given),
        "reply_to_other": float(not in_reply and any(a < end and b > start for a, b in asked_of_others)),
        "in_prompt": float(sentence.is_prompt),
        "affirmed": float(prompted is not None and classify_reply(prompted).kind == "yes"),
        "by_patient": float(sentence.role == "patient"),
    }


def _extent_features(view: _View, sentence: Sentence, start: int, end: int) -> dict[str, float]:
    words = view.talk.text[start:end]
    n_words = len(words.split())
    whole = min(n_words / max(len(sentence.text.split()), 1), 1.0)
    is_short_type = view.question.value_type in _SHORT_TYPES
    lacks_number = view.question.value_type in _NUMBER_TYPES and not find_numbers(words)
    length = math.log1p(n_words) / 2
    return {
        "length": length,
        "length_squared": length * length,
        "length_of_short_type": length * is_short_type,
        "length_of_list": length * (view.question.value_type == "list"),
        "whole_sentence": whole,
        "lacks_number": float(lacks_number),
    }


def _rule_features(view: _View, start: int, end: int) -> dict[str, float]:
    best = max(view.findings, key=lambda finding: finding.probability, default=None)
    if best is None:
        return {"no_rule": 1.0, "rule_agrees": 0.0, "rule_elsewhere": 0.0, "is_rules_span": 0.0}
    touches = any(a < end and b > start for a, b in best.spans)
    return {
        "no_rule": 0.0,
        "rule_agrees": best.probability * touches,
        "rule_elsewhere": best.probability * (not touches),
        "is_rules_span": float((start, end) in best.spans),
    }
