"""The accepted claims about one question become one answer: agreement, contradiction, choice.

What lives here: `decide()` and the rules for when two claims agree or contradict.
When to add here: a rule between claims.
What to keep out: checks of a single claim (`checking.py`), calling providers (`chain.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from nurseconv_dagster.extraction.answers import Evidence, State
from nurseconv_dagster.extraction.checking import Accepted, denial_topic
from nurseconv_dagster.extraction.confidence import Signs, Weights, sign_values, weigh_signs
from nurseconv_dagster.extraction.polarity import is_blanket_denial, is_corrected, time_marks
from nurseconv_dagster.extraction.reading import parse_value
from nurseconv_dagster.extraction.surroundings import SCALARS
from nurseconv_dagster.extraction.values import normalise_value

Agreement = Literal["agree", "alone", "disagree"]
SignValues = Mapping[str, float | None]
_AGREEMENT_VALUES: dict[Agreement, float] = {"agree": 1.0, "alone": 0.5, "disagree": 0.0}  # Source: docs/scoring
# Without an answer the most telling state wins.
_UNANSWERED: tuple[State, ...] = ("declined", "unable", "asked_no_answer")
_ALWAYS_REVIEWED = frozenset({"role_unknown", "role_mismatch", "third_party"})
_REST_WORDS = frozenset({"other", "else", "besides", "except"})  # "no other allergies" contradicts nothing


@dataclass(frozen=True, slots=True)
class Candidate:
    """An accepted claim and whose it is: an index into the providers that were asked."""

    provider: int
    accepted: Accepted


@dataclass(frozen=True, slots=True)
class Decision:
    """What is true of a question after all claims were weighed.

    Args:
        provider: index of the provider whose claim stands; null when nobody claimed anything.
        confidence: 0..1 for answered, denied and conflicting, else null.
        review_reasons: stable codes, empty when nobody need look.
        signs: what the confidence was weighed from, by name; null without a confidence.
    """

    state: State
    value: Any
    is_valid: bool
    confidence: float | None
    evidence: tuple[Evidence, ...]
    provider: int | None
    review_reasons: tuple[str, ...]
    signs: SignValues | None = None


def decide(
    candidates: Sequence[Candidate], text: str, threshold: float, weights: Weights, *, needs_consensus: bool = False
) -> Decision:
    """One decision from every accepted claim about one question.

    Args:
        candidates: in the order of the providers.
        text: the whole transcript.
        threshold: `CONFIDENCE_THRESHOLD`; a claim below it does not make a conflict.
        weights: of the confidence.
        needs_consensus: two opinions were asked for because a wrong answer harms; two different answers are then a
            conflict, and an answer that only one of them found is doubtful.
    """
    stated = [c for c in candidates if c.accepted.state in ("answered", "denied")]
    conflicts = [c for c in candidates if c.accepted.state == "conflicting"]
    if conflicts:
        return _decide_conflict(conflicts[0], stated, weights)
    if not stated:
        return _decide_unanswered(candidates)
    stated = _without_taken_back(stated, text)
    agreement = _agreement(stated)
    if needs_consensus and agreement == "alone":
        agreement = "disagree"
    scored = sorted(((_score(c, agreement, weights), c) for c in stated), key=lambda pair: -pair[0])
    contradiction = _find_contradiction([c for score, c in scored if score >= threshold], text)
    best, others = scored[0][1], [c for _, c in scored[1:]]
    if contradiction is not None:
        return _conflicting(contradiction, best, "disagree", weights)
    if needs_consensus and (other := _find_other_opinion(best, others)) is not None:
        both = (best.accepted.evidence[0], other.accepted.evidence[0])
        return _conflicting(both, best, "disagree", weights)
    return _settle(best, others, agreement, threshold, weights)


def _settle(
    best: Candidate, others: Sequence[Candidate], agreement: Agreement, threshold: float, weights: Weights
) -> Decision:
    accepted, signs = best.accepted, _signs(best, agreement, weights)
    confidence = weigh_signs(signs, weights.of_sign)
    is_critical = accepted.question.is_safety_critical
    reasons = [*accepted.review_reasons]
    reasons += sorted(doubt for doubt in accepted.doubts if is_critical or doubt in _ALWAYS_REVIEWED)
    if is_critical and agreement == "disagree":
        reasons.append("providers_disagree")
    if is_critical and confidence < threshold:
        reasons.append("low_confidence")
    value, evidence = accepted.value, accepted.evidence
    joined = others if agreement == "agree" else [other for other in others if _continues(other, best)]
    if joined:
        value, evidence = _join(accepted, [other.accepted for other in joined])
    return Decision(
        accepted.state,
        value,
        accepted.is_valid,
        confidence,
        evidence,
        best.provider,
        tuple(dict.fromkeys(reasons)),
        signs,
    )


def _find_other_opinion(best: Candidate, others: Sequence[Candidate]) -> Candidate | None:
    return next((c for c in others if c.provider != best.provider and not _agree(best.accepted, c.accepted)), None)


def _continues(other: Candidate, best: Candidate) -> bool:
    """True for what the same provider found in another part of the talk, of questions that ask for several things."""
    is_same = (other.provider, other.accepted.state) == (best.provider, best.accepted.state)
    return is_same and best.accepted.question.value_type not in SCALARS


def _decide_unanswered(candidates: Sequence[Candidate]) -> Decision:
    for state in _UNANSWERED:
        for candidate in candidates:
            if candidate.accepted.state == state:
                return Decision(state, None, True, None, candidate.accepted.evidence, candidate.provider, ())
    return Decision("not_asked", None, True, None, (), None, ())


def _decide_conflict(claimed: Candidate, stated: Sequence[Candidate], weights: Weights) -> Decision:
    return _conflicting(claimed.accepted.evidence, claimed, "disagree" if stated else "alone", weights)


def _conflicting(evidence: tuple[Evidence, ...], best: Candidate, agreement: Agreement, weights: Weights) -> Decision:
    signs = _signs(best, agreement, weights)
    confidence = weigh_signs(signs, weights.of_sign)
    return Decision("conflicting", None, True, confidence, evidence, best.provider, ("conflict",), signs)


def _score(candidate: Candidate, agreement: Agreement, weights: Weights) -> float:
    return weigh_signs(_signs(candidate, agreement, weights), weights.of_sign)


def _signs(candidate: Candidate, agreement: Agreement, weights: Weights) -> SignValues:
    accepted = candidate.accepted
    heard = [item.word_probability for item in accepted.evidence if item.word_probability is not None]
    signs = Signs(
        grade=accepted.evidence[0].grade,
        acoustic=sum(heard) / len(heard) if heard else None,
        provider=accepted.probability,
        agreement=_AGREEMENT_VALUES[agreement],
        is_valid=accepted.is_valid,
        doubts=accepted.doubts,
    )
    return sign_values(signs, weights)


def _agreement(stated: Sequence[Candidate]) -> Agreement:
    pairs = [(a, b) for a, b in combinations(stated, 2) if a.provider != b.provider]
    if not pairs:
        return "alone"
    return "agree" if all(_agree(a.accepted, b.accepted) for a, b in pairs) else "disagree"


def _agree(one: Accepted, other: Accepted) -> bool:
    """The same state, and the same or overlapping value, or the same words as evidence for no different value."""
    if one.state != other.state:
        return False
    if one.state == "denied":
        return True
    if one.question.value_type in SCALARS:
        return _is_same(one.value, other.value)
    return _overlap_in_value(one.value, other.value) or _overlap_in_text(one.evidence, other.evidence)


def _overlap_in_value(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return bool({_item_key(item) for item in one} & {_item_key(item) for item in other})
    if isinstance(one, dict) and isinstance(other, dict):
        shared = (one.keys() & other.keys()) - {"said"}
        return bool(shared) and all(_is_same(one[key], other[key]) for key in shared)
    return _is_same(one, other)


def _is_same(one: Any, other: Any) -> bool:
    return bool(normalise_value(one) == normalise_value(other))


def _item_key(item: Any) -> str:
    """What makes two list items the same: the words, or an object's first field (drug, substance)."""
    return str(normalise_value(next(iter(item.values())) if isinstance(item, dict) else item))


def _overlap_in_text(one: Sequence[Evidence], other: Sequence[Evidence]) -> bool:
    return any(a.start_char < b.end_char and b.start_char < a.end_char for a in one for b in other)


def _join(best: Accepted, others: Sequence[Accepted]) -> tuple[Any, tuple[Evidence, ...]]:
    """What agreeing claims say together: items of all lists, fields of all panels, else the best's; evidence of all."""
    value, evidence = best.value, list(best.evidence)
    for other in others:
        if isinstance(value, list) and isinstance(other.value, list) and other.is_valid:
            known = {_item_key(item) for item in value}
            value = [*value, *(item for item in other.value if _item_key(item) not in known)]
        elif isinstance(value, dict) and isinstance(other.value, dict) and other.is_valid:
            value = {**other.value, **value}
        evidence += [item for item in other.evidence if not _overlap_in_text([item], evidence)]
    return value, tuple(evidence)


def _without_taken_back(stated: Sequence[Candidate], text: str) -> list[Candidate]:
    """Claims less those that the speaker corrected into another claim: of thirty and "no wait, forty" the forty."""
    return [
        one
        for one in stated
        if not any(
            not _agree(one.accepted, other.accepted) and _precedes_correction(one.accepted, other.accepted, text)
            for other in stated
        )
    ]


def _precedes_correction(one: Accepted, other: Accepted, text: str) -> bool:
    end = max(item.end_char for item in one.evidence)
    start = min(item.start_char for item in other.evidence)
    return end <= start and is_corrected(text, end, start)


def _find_contradiction(candidates: Sequence[Candidate], text: str) -> tuple[Evidence, ...] | None:
    """The pieces of evidence that contradict one another and were not taken back, at least two; else null."""
    accepted = [candidate.accepted for candidate in candidates]
    if not accepted:
        return None
    if accepted[0].question.value_type in SCALARS:
        return _find_two_values(accepted, text)
    denials = [item for claim in accepted if claim.state == "denied" for item in claim.evidence]
    positives = [item for claim in accepted if claim.state == "answered" for item in claim.evidence]
    topic = denial_topic(accepted[0].question)
    blanket = [item for item in denials if is_blanket_denial(item.quote, topic) and not _speaks_of_rest(item.quote)]
    for denial in blanket:
        for positive in positives:
            if not _overlap_in_text([denial], [positive]) and not _is_taken_back(text, denial, positive):
                return (positive, denial)
    return None


def _find_two_values(accepted: Sequence[Accepted], text: str) -> tuple[Evidence, ...] | None:
    readings: list[tuple[Any, Evidence]] = []
    for claim in accepted:
        for item in claim.evidence:
            own = parse_value(claim.question, (item.quote,))
            if own is not None and not _overlap_in_text([item], [known for _, known in readings]):
                readings.append((normalise_value(own), item))
    for (one, first), (other, second) in combinations(readings, 2):
        is_same_time = time_marks(text, first.start_char, first.end_char) == time_marks(
            text, second.start_char, second.end_char
        )
        if one != other and is_same_time and not _is_taken_back(text, first, second):
            return (first, second)
    return None


def _is_taken_back(text: str, one: Evidence, other: Evidence) -> bool:
    first, second = sorted((one, other), key=lambda item: item.start_char)
    return is_corrected(text, first.end_char, second.start_char)


def _speaks_of_rest(quote: str) -> bool:
    return not _REST_WORDS.isdisjoint(quote.lower().replace(",", " ").replace(".", " ").split())
