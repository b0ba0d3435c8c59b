"""What is stated outright: the patterns of `patterns.py` and the lexicon of medicines, tried on a talk.

What lives here: `find_statements()` and what a match must pass to count.
When to add here: another reason why a match does not count.
What to keep out: the patterns, numbers (`measurements.py`), persons (`people.py`), replies to questions (`replies.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from nurseconv_dagster.extraction.drugs import is_drug
from nurseconv_dagster.extraction.providers.rules.findings import Finding, FindingState, RuleKind
from nurseconv_dagster.extraction.providers.rules.patterns import PATTERNS, StatementPattern
from nurseconv_dagster.extraction.providers.subject import doubt, patient_kin
from nurseconv_dagster.extraction.providers.turns import Sentence, Talk

_APPOINTMENT = re.compile(
    r"\b(?:follow[- ]?up|appointments?|appt|see (?:you|the|dr|mr|your)|come back|come out|"
    r"back (?:in|on)|be back|round again|booked|book (?:in|an)|speak again|call you back|"
    r"ring you|next visit|clinic|review|check ?up|give us a (?:ring|call)|look at (?:him|"
    r"her|you)|at the (?:gp|clinic|surgery))\b",
    re.IGNORECASE,
)
_DOSE = re.compile(
    r"\s*(?:,?\s*(?:\d+(?:\.\d+)?|[\w-]+)?\s*(?:mg|mcg|g|ml|units?|milligrams?|micrograms?|"
    r"tablets?|puffs?|drops?|mics)\b|,?\s*(?:once|twice|three times|four times|every|each|"
    r"daily|at (?:night|bedtime|noon)|in the (?:morning|evening)|"
    r"(?:a|per) day|nightly|bid|tid|qid|prn|as needed|IV|PO|q\d+h|when I need it|a week|"
    r"with food|\w+ hours?|morning|evening|night|bedtime|for \w+ days)\b)*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]+")
_NOT_A_DRUG_LIST = re.compile(
    r"\ballerg|\breact|\bhives|\brash\b|\bprescribe|\bswitch\b|\bstop\b|\bwe['’]ll\b|\bsick\b|\bcan['’]t have\b",
    re.IGNORECASE,
)


def find_statements(talk: Talk) -> Iterator[Finding]:
    """Everything that the patterns and the lexicon of medicines find: one finding for each question and kind."""
    kin = patient_kin(talk)
    found: dict[tuple[str, RuleKind, FindingState], list[tuple[int, int]]] = defaultdict(list)
    for pattern in PATTERNS:
        for match in pattern.pattern.finditer(talk.text):
            place = _trim(talk.text, *match.span("x"))
            if _stands(talk, pattern, place, kin):
                found[pattern.question_id, pattern.kind, pattern.state].append(place)
    for (question_id, kind, state), spans in found.items():
        yield Finding(question_id, kind, _distinct(spans), state)
    medicines = tuple(place for sentence in talk.sentences for place in _medicines(talk, sentence, kin))
    if medicines:
        yield Finding("medications", "stated", medicines[:6])


def _stands(talk: Talk, pattern: StatementPattern, place: tuple[int, int], kin: frozenset[str]) -> bool:
    sentence = talk.sentences[talk.sentence_at(place[0])]
    if sentence.role in pattern.not_by or sentence.text.endswith("?") or place[1] - place[0] < 2:
        return False
    if pattern.question_id == "follow_up" and not _APPOINTMENT.search(sentence.text):
        return False
    is_denial = pattern.state == "denied"
    return is_denial or doubt(talk, pattern.question_id, *place, kin) is None


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without blanks and commas around it, and with the rest of a word that a limit has cut."""
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    words = text[start:end]
    return start + len(words) - len(words.lstrip(" ,")), end - (len(words) - len(words.rstrip(" ,")))


def _distinct(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    kept: list[tuple[int, int]] = []
    for start, end in spans:
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end))
    return tuple(kept[:4])


def _medicines(talk: Talk, sentence: Sentence, kin: frozenset[str]) -> Iterator[tuple[int, int]]:
    """The stretch of a sentence from its first medicine to the last one's dose."""
    if sentence.text.endswith("?") or _NOT_A_DRUG_LIST.search(sentence.text):
        return
    exchange = talk.exchange_of(sentence)
    if exchange and _NOT_A_DRUG_LIST.search(exchange.prompt.text):
        return
    words = [match for match in _WORD.finditer(sentence.text) if is_drug(match.group())]
    if not words:
        return
    dose = _DOSE.match(sentence.text, words[-1].end())
    start, end = sentence.start + words[0].start(), sentence.start + (dose.end() if dose else words[-1].end())
    if doubt(talk, "medications", start, end, kin) is None:
        yield _trim(talk.text, start, end)
