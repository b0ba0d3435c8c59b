"""A claim is checked: it becomes an accepted claim with evidence and a typed value, or a reason why it was dropped.

What lives here: `check_claim()`, `Accepted`, `Dropped`; nothing a provider says is believed before it went through.
When to add here: a check that one claim must pass by itself.
What to keep out: comparing claims with one another (`merging.py`), calling providers (`chain.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nurseconv_dagster.extraction.answers import Claim, Evidence, State
from nurseconv_dagster.extraction.confidence import GRADE_VALUES
from nurseconv_dagster.extraction.evidence import find_quote
from nurseconv_dagster.extraction.polarity import is_blanket_denial, is_corrected, is_negative
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.reading import parse_value
from nurseconv_dagster.extraction.surroundings import SCALARS, Piece, look_around
from nurseconv_dagster.extraction.tokens import tokenise
from nurseconv_dagster.extraction.values import check_value, find_unproven, has_numbers
from nurseconv_dagster.speech.transcripts import Transcript

DENIABLE_TYPES = frozenset({"list", "text"})
_NEEDS_VALUE = SCALARS | {"panel", "list"}  # the other types keep the words themselves
ASKED_IN_VAIN: frozenset[State] = frozenset({"asked_no_answer", "declined", "unable"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A claim that passed.

    Args:
        state: as proven by the evidence; may differ from the claimed one ("no known allergies" is denied).
        value: typed; null where there is none or it could not be typed.
        is_valid: type, unit and plausible range fit; true where there is no value to judge.
        evidence: best first.
        probability: the provider's own, or null.
        doubts: why the words may not mean what they seem to, names of `confidence.DOUBTS`.
        review_reasons: why a person should look, whatever the confidence.
        has_numbers: its value holds a number that evidence must prove.
        is_faithful: every number it was claimed with stands in the evidence.
    """

    question: Question
    state: State
    value: Any
    is_valid: bool
    evidence: tuple[Evidence, ...]
    probability: float | None
    doubts: frozenset[str]
    review_reasons: tuple[str, ...] = ()
    has_numbers: bool = False
    is_faithful: bool = True


@dataclass(frozen=True, slots=True)
class Dropped:
    """A claim that did not pass.

    Args:
        reason: stable code, counted in `extraction_attempts`.
        has_numbers: its value held a number.
        is_faithful: its numbers were not the reason.
    """

    reason: str
    has_numbers: bool = False
    is_faithful: bool = True


def check_claim(claim: Claim, question: Question, transcript: Transcript) -> Accepted | Dropped:
    """The claim as its evidence supports it, or why it is dropped.

    Args:
        claim: state, value, quotes, probability, as a provider gave them.
        question: the question it is about.
        transcript: what its quotes must stand in.
    """
    found = [find_quote(transcript, quote, segment_ids) for quote, segment_ids in claim.quotes]
    evidence = _best_first([item for item in found if item is not None])
    if not evidence:
        has_number = has_numbers(question, claim.value)
        return Dropped("quote_not_found", has_number, is_faithful=not has_number)
    if claim.state in ASKED_IN_VAIN:
        return _accept_unanswered(claim, question, transcript, evidence)
    if claim.state == "conflicting":
        return _accept_conflict(claim, question, evidence)
    if claim.state not in ("answered", "denied"):
        return Dropped("state_not_allowed")
    pieces = _keep_latest(
        [look_around(item, question, transcript) for item in evidence], question, transcript.full_text
    )
    if question.value_type in DENIABLE_TYPES and (claim.state == "denied" or _is_denial(question, pieces)):
        return _accept_denial(claim, question, pieces)
    return _accept_answer(claim, question, pieces)


def has_turns(transcript: Transcript) -> bool:
    """False for a typed note that names no speaker: in it nobody asks anybody."""
    return not transcript.is_typed or any(segment.role is not None for segment in transcript.segments)


def denial_topic(question: Question) -> frozenset[str]:
    """The words that name a question's topic: a denial of nothing else is a denial of the whole."""
    return frozenset(token.norm for cue in question.cues for token in tokenise(cue))


def _best_first(evidence: Sequence[Evidence]) -> list[Evidence]:
    unique = {(item.start_char, item.end_char): item for item in reversed(evidence)}
    return sorted(unique.values(), key=lambda item: (-GRADE_VALUES[item.grade], item.start_char))


def _keep_latest(pieces: list[Piece], question: Question, text: str) -> list[Piece]:
    """Of a question with one value only what the speaker did not take back in favour of a later piece."""
    if question.value_type not in SCALARS:
        return pieces
    spans = [(piece.evidence.start_char, piece.evidence.end_char) for piece in pieces]
    return [
        piece
        for piece, (_, end) in zip(pieces, spans, strict=True)
        if not any(end <= later and is_corrected(text, end, later) for later, _ in spans)
    ]


def _accept_unanswered(
    claim: Claim, question: Question, transcript: Transcript, evidence: list[Evidence]
) -> Accepted | Dropped:
    """Asked, but not answered: needs turns, since in a typed note without them nobody asks anybody."""
    if not has_turns(transcript):
        return Dropped("state_needs_turns")
    return Accepted(question, claim.state, None, True, tuple(evidence), claim.probability, frozenset())


def _accept_conflict(claim: Claim, question: Question, evidence: list[Evidence]) -> Accepted | Dropped:
    if len(evidence) < 2:
        return Dropped("conflict_needs_two_quotes")
    return Accepted(question, "conflicting", None, True, tuple(evidence), claim.probability, frozenset())


def _is_denial(question: Question, pieces: Sequence[Piece]) -> bool:
    """True when an answer's whole evidence says no and the catalogue takes a no for an answer."""
    if not question.schema.get("x-deniable", False):
        return False
    quotes = [piece.evidence.quote for piece in pieces]
    if question.schema.get("x-split") == "sentences" or question.value_type == "text":
        return all(is_blanket_denial(quote, denial_topic(question)) for quote in quotes)
    return all(is_negative(quote) and parse_value(question, (quote,)) is None for quote in quotes)


def _accept_denial(claim: Claim, question: Question, pieces: Sequence[Piece]) -> Accepted | Dropped:
    negative = [piece for piece in pieces if piece.is_negated or is_negative(piece.evidence.quote)]
    if not negative:
        return Dropped("denial_not_in_evidence")
    reasons: tuple[str, ...] = ()
    doubts = frozenset().union(*(piece.doubts for piece in negative)) - {"negation_in_context"}
    if not any(is_blanket_denial(piece.evidence.quote, denial_topic(question)) for piece in negative):
        reasons, doubts = ("partial_denial",), doubts | {"uncertain"}
    value: list[Any] | None = [] if question.value_type == "list" else None
    evidence = tuple(piece.evidence for piece in negative)
    return Accepted(question, "denied", value, True, evidence, claim.probability, doubts, reasons)


def _accept_answer(claim: Claim, question: Question, pieces: Sequence[Piece]) -> Accepted | Dropped:
    quotes = [piece.evidence.quote for piece in pieces]
    # A choice under a "no" ("Would you want CPR?" "No.") cannot be read from the words: only a claimed one holds.
    is_turned = question.value_type == "choice" and any(piece.is_negated for piece in pieces)
    if is_turned and claim.value is None:
        return Dropped("bad_value")
    # A value given for "allergic to penicillin" is worth nothing once the quote is "not allergic to penicillin".
    holds = is_turned or not any(piece.is_widened for piece in pieces)
    is_given = claim.value is not None and claim.state == "answered" and holds
    value, problem = _prove(question, claim.value, quotes) if is_given else (None, "")
    if problem and value is None:
        return Dropped(problem, has_numbers(question, claim.value), is_faithful=problem != "number_not_in_evidence")
    if value is None or check_value(question, value)[1] == "wrong_type":
        value = parse_value(question, quotes)
    if value is None and question.value_type in _NEEDS_VALUE:
        return Dropped("bad_value", has_numbers(question, claim.value))
    is_valid, flaw = check_value(question, value) if value is not None else (True, "")
    holds_number = has_numbers(question, value) or (is_given and has_numbers(question, claim.value))
    return Accepted(
        question=question,
        state="answered",
        value=None if flaw == "wrong_type" else value,
        is_valid=is_valid,
        evidence=tuple(piece.evidence for piece in pieces),
        probability=claim.probability,
        doubts=frozenset().union(*(piece.doubts for piece in pieces), {"uncertain"} if is_turned else ()),
        review_reasons=tuple(reason for reason in (problem, "" if is_valid else "invalid_value") if reason),
        has_numbers=holds_number,
        is_faithful=problem != "number_not_in_evidence",
    )


def _prove(question: Question, value: Any, quotes: Sequence[str]) -> tuple[Any, str]:
    """The value, or of a list the items that the evidence proves, and why something was left out, else ""."""
    if not isinstance(value, list):
        problem = find_unproven(question, value, quotes)
        return (None, problem) if problem else (value, "")
    problems = [find_unproven(question, item, quotes) for item in value]
    kept = [item for item, problem in zip(value, problems, strict=True) if not problem]
    return kept or None, next((problem for problem in problems if problem), "")
