"""Words that read like orders to a program instead of a conversation of care, and where they stand.

What lives here: `find_passages()`, `find_suspicious()`, and the wordings that are known for orders.
When to add here: another wording, with a test that no real talk is flagged by it; words go to `suspicion.py`.
What to keep out: any consequence (`withholding.py`, `chain.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nurseconv_dagster.extraction.evidence import Span
from nurseconv_dagster.extraction.suspicion import ENOUGH, PERHAPS, suspicion
from nurseconv_dagster.speech.transcripts import Segment, Transcript

_MODEL = (
    r"(?:ai|a\.i\.|assistant|chat ?bot|chat ?gpt|gpt|gemini|claude|language model|llm|bot|copilot|"
    r"model(?!\s+(?:patient|student|citizen|train|of)\b))"
)
_FIELD = r"(?:[a-z]+(?:_[a-z]+)+|patient name|patient age|chief complaint|pain level|vital signs|treatment plan)"
_STATE = (
    r"(?:answered|denied|not[_ ]asked|asked[_ ]no[_ ]answer|declined|unable|conflicting|not[_ ]applicable|true|false|"
    r"null|none|correct|complete|confident)"
)
_RULES = r"(?:instructions?|prompts?|directions?|rules?|guidelines?|commands?|directives?|programming|guardrails?)"
_EARLIER = (
    r"(?:previous|prior|above|preceding|earlier|former|foregoing|initial|original|last|other|all|any|these|"
    r"those|system)"
)
_DROP = r"\b(?:ignore|disregard|forget|override|bypass|discard|neglect|do not follow|don['’]?t follow|stop following)\b"
_LAY_ASIDE = (
    rf"{_DROP}[\w\s,'’]{{0,30}}\b{_EARLIER}\b[\w\s,'’]{{0,25}}\b{_RULES}\b",
    rf"{_DROP}\s+(?:\w+\s+){{0,2}}your\s+(?:\w+\s+)?{_RULES}\b",
    rf"{_DROP}[\w\s,'’]{{0,20}}\b(?:everything|anything|all|what(?:ever)?)\b[\w\s]{{0,15}}"
    r"\b(?:above|before this|so far|you were (?:told|instructed|programmed))\b",
    r"\b(?:new|updated|revised|real|actual|additional|hidden|secret)\s+(?:system\s+)?"
    r"(?:instructions?|prompts?|directives?)\s*(?:[:.]|(?:are|is|for|follow|begin)\b)",
    r"\b(?:reveal|repeat|show|print|leak|tell me|what (?:is|are|was|were))\b[\w\s,]{0,20}\b(?:your|the)\s+"
    r"(?:system|hidden|secret|initial|original)\s+(?:prompts?|instructions?|messages?|rules?)\b",
)
_PLAY_A_PART = (
    r"\b(?:you are|you['’]re|act as|pretend (?:to be|you are|you['’]re)|behave (?:like|as)|become)\s+(?:now\s+)?"
    rf"(?:(?:an?|the|in)\s+)?(?:\w+\s+){{0,3}}{_MODEL}\b",
    r"\byou are now\s+(?:an?|the|in|acting|operating|running|required|instructed|free)\b[\w\s]{0,40}"
    r"\b(?:mode|assistant|program|system|bot|model|character|persona|restrictions?|unrestricted|output|respond|"
    r"answer)\b",
    r"\b(?:developer|debug|admin(?:istrator)?|god|jailbreak|dan|maintenance|unrestricted|sudo)\s+mode\b",
    r"\b(?:attention|dear|hey|hello|note to|message (?:to|for)|instructions? (?:to|for))\s+"
    rf"(?:the\s+)?(?:\w+\s+)?{_MODEL}\b",
    r"\b(?:as|if you are) an?\s+(?:\w+\s+)?(?:ai|language model|llm)\b",
)
_CHAT_FORMAT = (
    r"(?:^|[\n.!?>\]\"'*]\s*)[#*\[<|]*\s*(?:system|assistant|developer)"
    r"(?:\s+(?:prompt|message|instructions?|override|note))?\s*[\]>|*]*\s*:",
    r"\b(?:system|assistant|developer|user)\s+(?:prompt|override|message)\b|\bsystem colon\b",
    r"<\|?\s*/?\s*(?:im_start|im_end|system|assistant|user|endoftext|instructions?|transcript|inst)\b[^>\n]{0,20}>",
    r"\[/?INST\]|<</?SYS>>|```|#{2,}\s*(?:instruction|system|response)",
    r"\bend of (?:the\s+)?(?:transcript|conversation|prompt|context|input)\b[\s\S]{0,40}"
    r"\b(?:instruction|now|system|task|new)",
)
_DICTATED = (
    r"\b(?:respond|reply|output|answer|print|write|return|say|emit|generate|produce)\b[\w\s,]{0,25}"
    r"\b(?:with|in|as|only|the following|this|exactly)\b[\w\s,]{0,15}"
    r"\b(?:json|yaml|xml|markdown|html|code ?block|following (?:text|answers?|values?)|exact(?:ly)? (?:text|"
    r"words|phrase))\b",
    r"\b(?:respond|reply)\s+(?:(?:only|always|just)\s+)*(?:with|by saying)\s+(?:only\b|exactly\b|nothing but\b|"
    r"the\b|[\"'“‘])",
    r"\b(?:mark|set|flag|label|record|fill in|code|answer)\b[\w\s,]{0,15}\b(?:all|every|each|any|the remaining|"
    r"the other)\b"
    r"[\w\s,]{0,20}\b(?:questions?|answers?|fields?|items?|entries)\b[\w\s,]{0,15}\b(?:as|to|with)\b",
    rf"\b(?:mark|set|flag|label|treat|report)\s+(?:the\s+)?{_FIELD}\s+(?:question\s+|field\s+)?(?:as|to|equal to)\s+"
    rf"[\"'“]?{_STATE}\b",
    r"\b(?:correct|right|true|expected|only|final|proper)\s+(?:answer|value|response|reply)\s+(?:to|for|"
    r"of)\s+(?:the\s+)?"
    rf"(?:{_FIELD}|questions?|every|all|each|field)\b",
    r"\b(?:answer|value)\s+(?:to|for|of)\s+(?:the\s+)?(?:field\s+|question\s+)?[a-z]+_[a-z_]+\b",
    r"\b(?:set|give|assign|report|use|make)\b[\w\s,]{0,20}\b(?:confidence|probability)(?:\s+(?:score|level|"
    r"value)s?)?\s+"
    r"(?:to|of|as|at|equals?)\s+(?:one|1|0?\.\d|zero|100|high|(?:the )?maximum)\b",
    r"\b(?:do not|don['’]?t|never)\s+(?:extract|summari[sz]e|analy[sz]e|include in (?:the|your) (?:answer|"
    r"output|summary))\b",
)
_REPLY = (
    r"[{\[]\s*[\"'“]\w+[\"'”]\s*:|[\"“]\w+[\"”]\s*:\s*(?:[\"“\[{\d]|true|false|null)|\bopen (?:curly )?(?:brace|"
    r"bracket)\b",
    r"(?:^|[\s,;{])(?:state|question_id|answer_value|answer_text|confidence_score|quotes?)\s*[=:]\s*[\"'“\[{]",
    rf"\b[a-z]+(?:_[a-z]+)+\s*(?:=|:|is|equals)\s*[\"'“]?{_STATE}\b",
)

_SENTENCE = re.compile(r"\S.*?(?:[.?!]+[\"'”’)]*(?=\s|$)|$)", re.DOTALL)
_BREATH = 20  # words; what is longer was said without a stop, or heard without one
_WINDOW = 10  # words of it that are looked at together
_A_PART = 0.5
_SUSPICIOUS = re.compile(
    "|".join((*_LAY_ASIDE, *_PLAY_A_PART, *_CHAT_FORMAT, *_DICTATED, *_REPLY)), re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Passage:
    """Sentences, or a part of a long one, that could be an order to a program: `full_text[start_char:end_char]`.

    Args:
        is_order: they read like one; the others only could be one.
    """

    start_char: int
    end_char: int
    is_order: bool


def find_passages(transcript: Transcript) -> tuple[Passage, ...]:
    """What could be an order to a program, in order; few ordinary sentences, and none of them `is_order`.

    Args:
        transcript: a whole conversation or note.
    """
    text = transcript.full_text
    parts = [part for segment in transcript.segments for part in _parts(segment)]
    spans, scores = [span for span, _ in parts], [score for _, score in parts]
    for i, (one, other) in enumerate(pairwise(spans)):  # an order may run over the end of a sentence or of a segment
        if max(scores[i : i + 2]) < ENOUGH and suspicion(text[one[0] : other[1]]) >= ENOUGH:
            scores[i : i + 2] = [PERHAPS if score >= _A_PART else score for score in scores[i : i + 2]]
    for i in (*range(1, len(spans)), *range(len(spans) - 2, -1, -1)):  # and what touches one may belong to it
        for j in (i - 1, i + 1):
            if 0 <= j < len(spans) and scores[j] >= PERHAPS > scores[i] >= _A_PART and not _stops(text, spans, i, j):
                scores[i] = PERHAPS
    known = [match.span() for match in _SUSPICIOUS.finditer(text)]
    return tuple(
        Passage(start, end, is_order)
        for (start, end), score in zip(spans, scores, strict=True)
        if (is_order := score >= ENOUGH or any(a < end and start < b for a, b in known)) or score >= PERHAPS
    )


def find_suspicious(transcript: Transcript) -> tuple[int, ...]:
    """Ids of the segments whose words read like an order to a program, in order; empty for ordinary talks."""
    orders = [passage for passage in find_passages(transcript) if passage.is_order]
    return tuple(
        segment.id
        for segment in transcript.segments
        if any(segment.start_char < order.end_char and order.start_char < segment.end_char for order in orders)
    )


def _stops(text: str, spans: Sequence[Span], i: int, j: int) -> bool:
    """Whether the first of two neighbours ends with a stop, so that the other is another sentence."""
    return text[spans[min(i, j)][1] - 1] in ".?!"


def _parts(segment: Segment) -> Iterator[tuple[Span, float]]:
    """The sentences of a segment with their suspicion; one that goes on and on without a stop in stretches."""
    for sentence in _SENTENCE.finditer(segment.text):
        start = segment.start_char + sentence.start()
        words = [(start + word.start(), start + word.end()) for word in re.finditer(r"\S+", sentence.group())]
        if len(words) <= _BREATH:
            yield (words[0][0], words[-1][1]), suspicion(sentence.group())
            continue
        scores = _score_words(sentence.group().split())
        edges = [i for i in range(1, len(words)) if (scores[i] > 0) != (scores[i - 1] > 0)]
        for first, last in pairwise([0, *edges, len(words)]):
            yield (words[first][0], words[last - 1][1]), max(scores[first:last])


def _score_words(words: Sequence[str]) -> list[float]:
    """For each word of a long sentence the most suspicious few words that it stands among; 0 for ordinary ones."""
    scores = [0.0] * len(words)
    for first in range(0, len(words) - _WINDOW + 1, 2):
        score = suspicion(" ".join(words[first : first + _WINDOW]))
        if score >= PERHAPS:
            scores[first : first + _WINDOW] = [max(score, old) for old in scores[first : first + _WINDOW]]
    return scores
