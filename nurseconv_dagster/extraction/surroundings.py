"""What stands around a found quote, and what that does to its meaning.

What lives here: `look_around()`: a quote is widened to the "not" before it, to the "No." that answers its question, or
to the correction behind it, and doubts are noted (a relative, a hedge, the wrong speaker).
When to add here: another way in which true words can prove the opposite.
What to keep out: the language rules themselves (`polarity.py`), values and states (`checking.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from nurseconv_dagster.extraction.answers import Evidence
from nurseconv_dagster.extraction.evidence import make_evidence
from nurseconv_dagster.extraction.polarity import (
    answer_to_question,
    correction_after,
    is_about_someone_else,
    is_negative,
    is_uncertain,
    negation_before,
)
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript

SCALARS = frozenset({"integer", "number", "boolean", "choice", "quantity"})
# A question about the patient: what is said of a relative does not answer it.
_ABOUT_PATIENT = frozenset(
    {"medical_history", "diagnosis", "medications", "allergies", "assessment", "neuro", "systems", "skin", "function"}
)
# Where the nurse's own question is the thing to prove: "Can you confirm your date of birth?"
_PROCESS = frozenset({"patient_info", "education", "treatment", "discharge", "follow_up"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of evidence in its surroundings.

    Args:
        evidence: widened where its surroundings turn its meaning.
        is_negated: a negation before it or behind its question reaches it.
        is_widened: it says more than the provider quoted; a value given for the narrower quote no longer holds.
        doubts: names of `confidence.DOUBTS`.
    """

    evidence: Evidence
    is_negated: bool
    is_widened: bool
    doubts: frozenset[str]


def look_around(evidence: Evidence, question: Question, transcript: Transcript) -> Piece:
    """The evidence with what its surroundings do to it.

    Args:
        evidence: a found quote.
        question: what it is to prove.
        transcript: where it stands.
    """
    text = transcript.full_text
    start, end = evidence.start_char, evidence.end_char
    doubts = _doubts_of_speech(evidence, question, text) | _doubts_of_role(evidence, question)
    is_negated = False
    negation = None if is_negative(evidence.quote) else negation_before(text, start)
    if negation is not None:
        start, is_negated = negation, True
        doubts |= {"negation_in_context"}
    reply = answer_to_question(text, end)
    if reply is not None and reply[0] == "open":
        doubts |= {"quoted_from_question"} if question.category not in _PROCESS else set()
    elif reply is not None and not is_negative(evidence.quote):
        end, is_negated = reply[1], is_negated or reply[0] == "no"
    if question.value_type in SCALARS and (corrected := correction_after(text, end)) is not None:
        end = corrected
    is_widened = (start, end) != (evidence.start_char, evidence.end_char)
    if is_widened:
        evidence = make_evidence(transcript, (start, end), evidence.grade, evidence.similarity)
    return Piece(evidence, is_negated, is_widened, frozenset(doubts))


def _doubts_of_speech(evidence: Evidence, question: Question, text: str) -> set[str]:
    span = (evidence.start_char, evidence.end_char)
    is_patient_matter = evidence.role != "family" and question.category in _ABOUT_PATIENT
    doubts = {"third_party"} if is_patient_matter and is_about_someone_else(text, *span) else set()
    return doubts | ({"uncertain"} if is_uncertain(text, *span) else set())


def _doubts_of_role(evidence: Evidence, question: Question) -> set[str]:
    if not question.asked_of or evidence.role in question.asked_of:
        return set()
    return {"role_unknown" if evidence.role is None else "role_mismatch"}
