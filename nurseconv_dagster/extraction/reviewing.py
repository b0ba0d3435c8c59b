"""What a reviewer says of an answer becomes the answer that replaces it.

What lives here: `confirm()`, `correct()`, `mark_not_asked()`, the `Correction` they are told, `states_for()`, and
`same_outcome()`, which tells whether two answers say the same.
When to add here: another verdict, or a rule that a person's correction must keep.
What to keep out: who reviews, what is current, what is due for review (the store).

A person has listened: the answer needs no quote, its confidence is 1, and nobody need look at it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from nurseconv_dagster.errors import ReviewRefusedError
from nurseconv_dagster.extraction.answers import REVIEWER, STATES_WITH_EVIDENCE, Answer, Evidence, State
from nurseconv_dagster.extraction.checking import ASKED_IN_VAIN, DENIABLE_TYPES, has_turns
from nurseconv_dagster.extraction.evidence import Span, make_evidence
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.rendering import write_answer
from nurseconv_dagster.extraction.values import check_value, normalise_value
from nurseconv_dagster.speech.transcripts import Transcript

ReviewVerdict = Literal["confirmed", "corrected", "not_asked"]

_CERTAIN = 1.0  # Source: docs/scoring.md, confidence of a reviewer's answer
_SLIPS = {  # what check_value() finds in a value of the right type
    "out_of_range": "lies outside the plausible range",
    "not_below": "has a lower measurement that is not below its upper one",
}
_RULES = {  # a JSON schema's keywords, said to a person; never with the value itself
    "type": "must be of type {}",
    "enum": "must be one of {}",
    "required": "needs {}",
    "minLength": "must not be empty",
    "minProperties": "needs at least one measurement",
    "pattern": "must match {}",
    "additionalProperties": "has a field that this question does not know",
}


@dataclass(frozen=True, slots=True)
class Correction:
    """What a reviewer says an answer should be.

    Args:
        state: one of `states_for()`.
        value: in the shape of the question's schema; null unless answered.
        spans: stretches of the transcript that prove it, as (start_char, end_char), best first; may be empty.
        accepts_implausible: the value is meant, though it lies outside its plausible range.
    """

    state: State
    value: Any = None
    spans: tuple[Span, ...] = ()
    accepts_implausible: bool = False


def states_for(value_type: str, transcript: Transcript) -> tuple[State, ...]:
    """The states that a correction of such a question in such a talk may have."""
    asked: tuple[State, ...] = ("asked_no_answer", "declined", "unable") if has_turns(transcript) else ()
    denied: tuple[State, ...] = ("denied",) if value_type in DENIABLE_TYPES else ()
    return ("answered", *denied, *asked, "conflicting", "not_applicable")


def confirm(judged: Answer) -> Answer:
    """The answer as it stands, vouched for: its evidence stays, nobody need look again."""
    return _vouched(judged)


def mark_not_asked(judged: Answer) -> Answer:
    """The question was not asked: neither value nor evidence is left."""
    return _vouched(replace(judged, state="not_asked", answer_text=None, answer_value=None, is_valid=True, evidence=()))


def correct(
    judged: Answer, question: Question, transcript: Transcript, correction: Correction, catalogue_version: str
) -> Answer:
    """The answer as the reviewer says it should be.

    Args:
        judged: what stood there.
        question: the same question in the catalogue of today, whose schema the value must fit.
        transcript: what `correction.spans` point into.
        correction: the reviewer's word.
        catalogue_version: of `question`.

    Raises:
        ReviewRefusedError: permanent; state, value or spans do not fit. With the code `value_implausible` the same
            correction is taken once it says that the value is meant.
    """
    allowed = states_for(question.value_type, transcript)
    if correction.state not in allowed:
        raise ReviewRefusedError(
            f"the state {correction.state!r} cannot be given here; allowed: {', '.join(allowed)}. "
            "For a question that was not asked use the verdict not_asked."
        )
    evidence = _find_evidence(judged, transcript, correction.spans)
    value, is_valid = _judge_value(question, correction)
    if correction.state == "conflicting" and len(evidence) < 2:
        raise ReviewRefusedError("conflicting needs two pieces of evidence, one for each side; mark both.")
    answer = replace(
        judged,
        state=correction.state,
        answer_text=write_answer(question, correction.state, value, evidence),
        answer_value=value,
        is_valid=is_valid,
        evidence=evidence if correction.state in STATES_WITH_EVIDENCE | ASKED_IN_VAIN else (),
        catalogue_version=catalogue_version,
    )
    return _vouched(answer)


def same_outcome(one: Answer, other: Answer) -> bool:
    """True when both say the same of the question: state and value, or the words where no value could be typed."""
    return _outcome(one) == _outcome(other)


def _outcome(answer: Answer) -> tuple[State, Any]:
    return answer.state, normalise_value(answer.answer_text if answer.answer_value is None else answer.answer_value)


def _vouched(answer: Answer) -> Answer:
    has_confidence = answer.state in STATES_WITH_EVIDENCE
    return replace(
        answer,
        confidence_score=_CERTAIN if has_confidence else None,
        is_confident=has_confidence,
        needs_review=False,
        review_reasons=(),
        provider=REVIEWER,
        model_name="",
        prompt_sha256="",
        processing_time_s=0.0,
        hops=(),
        signs=None,
        confidence_version=None,
    )


def _find_evidence(judged: Answer, transcript: Transcript, spans: Sequence[Span]) -> tuple[Evidence, ...]:
    """Evidence that stood there already stays what it was; a new stretch is the reviewer's own pick."""
    known = {(item.start_char, item.end_char): item for item in judged.evidence}
    return tuple(known.get(span) or _pick(transcript, span) for span in dict.fromkeys(spans))


def _pick(transcript: Transcript, span: Span) -> Evidence:
    start, end = span
    text = transcript.full_text
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise ReviewRefusedError(
            f"the evidence from character {start} to {end} is no stretch of words of this transcript, "
            f"which has {len(text)} characters."
        )
    lead = len(text[start:end]) - len(text[start:end].lstrip())
    return make_evidence(transcript, (start + lead, start + len(text[start:end].rstrip())), "exact")


def _judge_value(question: Question, correction: Correction) -> tuple[Any, bool]:
    """The value to keep and whether it is plausible."""
    value = _trim(correction.value)
    if correction.state == "denied":
        return ([] if question.value_type == "list" else None), True
    if correction.state != "answered":
        if value is not None:
            raise ReviewRefusedError(f"a question in the state {correction.state} has no value; leave it out.")
        return None, True
    is_valid, slip = check_value(question, value)
    if slip in _SLIPS and correction.accepts_implausible:
        return value, False
    if slip in _SLIPS:
        raise ReviewRefusedError(
            f"the value {_SLIPS[slip]}; look again, and say that it is meant if it is.", code="value_implausible"
        )
    if not is_valid:
        raise ReviewRefusedError(f"the value does not fit the question: {_explain(question, value)}.")
    return value, True


def _trim(value: Any) -> Any:
    """Without blanks around any text in it, so that a text of blanks is an empty one."""
    if isinstance(value, dict):
        return {key: _trim(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_trim(item) for item in value]
    return value.strip() if isinstance(value, str) else value


def _explain(question: Question, value: Any) -> str:
    """Where a value breaks its schema and what is allowed there."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(question.schema).iter_errors(value)), None)
    if error is None:
        return "a measurement needs its unit"
    where = ".".join(str(step) for step in error.absolute_path) or "it"
    wanted = error.validator_value
    shown = ", ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
    return f"{where} {_RULES.get(str(error.validator), 'must keep the rule {}').format(shown)}"
