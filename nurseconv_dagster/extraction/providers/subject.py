"""Whose words are these, and do they hold: other people, what-ifs, things denied or given up.

What lives here: `doubt()`, the reason why a stretch of the talk may not stand as the patient's answer.
When to add here: another way to speak of somebody else, of what might be, or of what is over.
What to keep out: whether the topic is right (`topics.py`), the search for the stretch.
"""

from __future__ import annotations

import re
from typing import Literal

from nurseconv_dagster.extraction.polarity import negation_before
from nurseconv_dagster.extraction.providers.turns import Sentence, Talk

Doubt = Literal["someone_else", "hypothetical", "negated", "given_up"]

_KIN = (
    r"(?:mother|father|mom|mum|mam|mama|dad|ex-wife|ex-husband|sister|brother|son|daughter|"
    r"wife|husband|aunt|auntie|uncle|cousin|niece|"
    r"nephew|grand(?:mother|father|ma|pa|son|daughter|child)|nan|neighbou?r|friend|mate|partner|boyfriend|girlfriend|"
    r"boss|roommate|flatmate|co-?worker|parents?|kids?|children|sisters|brothers|friends|family|boy|girl|baby|toddler)"
)
_HAS = (
    r"(?:['’]s|has|had|have|gets?|got|takes?|took|is|was|are|were|died|uses?|used|smokes?|drinks?|suffers?|suffered|"
    r"can['’]?t|cannot|could|does|did|passed|broke|fell|went|needs?|swears|reacts?|says|said)\b"
)
_KIN_SUBJECT = re.compile(
    rf"\b(?:my|his|her|their|our|the)\s+(?:\w+\s+)?(?P<kin>{_KIN})\b(?:,[^,.]{{1,40}},)?"
    rf"(?:\s+(?:also|already|always|both|just|only|\w+ly))*\s*{_HAS}|\b(?:my|his|her|"
    rf"their)\s+(?P<owner>{_KIN})['’]s\s+\w+",
    re.IGNORECASE,
)
_FAMILY_HISTORY = re.compile(
    r"\bfamily history\b|\b(?:run|runs|running) in (?:the|my|your) family\b|"
    r"\bin the family\b|\b(?:anyone|anybody) else\b"
    r"|\bthe (?:lady|man|guy|woman|gentleman|patient|fellow|girl) (?:in|next|across|down|beside|over)\b|\bpoor thing\b"
    r"|\bfamily members?\b|\bsmokers? (?:at|in) (?:home|the house)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:I['’]?m|I am|I have|I['’]ve|I take|I had|I can['’]?t|I use|my own)\b", re.IGNORECASE)
_PATIENT_IS = re.compile(
    rf"\b(?:it['’]s|for|about|this is|calling about)?\s*my\s+(?:\w+\s+)?(?P<kin>{_KIN})\b", re.IGNORECASE
)
_WHO_IS_IT = re.compile(
    r"\b(?:calling about|who['’]?s unwell|who is unwell|what['’]s (?:going on|wrong)|name)\b", re.IGNORECASE
)
_IF = re.compile(
    r"\b(?:if|in case|unless|should) (?:you|she|he|they|it|there|that|this|any|anything|things|your|her|his|the|i)\b"
    r"|\b(?:could|can|may|might) (?:cause|make you|give you|lead to)\b|\bwatch (?:out )?for\b|\bside effects?\b",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"\b(?:stopped|stopping|discontinued|no longer|used to (?:take|be on|have|use)|came off|"
    r"come off|took (?:me|him|her) off|"
    r"taken off|no more|not (?:on|taking) .{0,20}any ?more|any more|allergic to)\b",
    re.IGNORECASE,
)
# Relatives belong in these answers: who helps, who is called, who else is ill.
_RELATIVES_BELONG = frozenset(
    {
        "emergency_contact", "home_safety_support", "medication_adherence", "adl_self_care", "social_needs",
        "infection_precautions", "patient_goals_concerns", "mobility_assistive_device", "follow_up", "teach_back_done",
        "discharge_instructions", "treatment_plan", "preferred_language_interpreter", "nutrition_diet", "code_status",
    }
)  # fmt: skip
_MAY_BE_CONDITIONAL = frozenset(
    {
        "warning_signs_taught", "pending_items_watch", "discharge_instructions", "treatment_plan", "follow_up",
        "teach_back_done", "code_status", "emergency_contact", "patient_name", "patient_age", "identity_verified",
        "preferred_language_interpreter", "home_safety_support", "patient_goals_concerns", "mobility_assistive_device",
    }
)  # fmt: skip
# "No X" says nothing of what is there: one thing denied is not the answer to a list.
_ITEMS = frozenset(
    {"symptoms", "allergies", "medications", "past_medical_history", "surgical_history", "diagnosis", "chief_complaint",
     "high_risk_medications"}
)  # fmt: skip


def patient_kin(talk: Talk) -> frozenset[str]:
    """What the caller calls the patient when somebody rings for a relative ("daughter", "boy"); mostly empty."""
    found = set()
    for exchange in talk.exchanges[:6]:
        if exchange.reply and _WHO_IS_IT.search(exchange.prompt.text):
            match = _PATIENT_IS.search(exchange.reply[0].text)
            if match and exchange.reply[0].role != "patient":
                found.add(match.group("kin").lower())
    return frozenset(found)


def doubt(talk: Talk, question_id: str, start: int, end: int, kin: frozenset[str] = frozenset()) -> Doubt | None:
    """Why the stretch may not be the patient's answer; null when nothing speaks against it.

    Args:
        talk: the conversation.
        question_id: what it is offered for.
        start: offset into the talk's text.
        end: one past the last code point.
        kin: from `patient_kin()`.
    """
    sentence = talk.sentences[talk.sentence_at(start)]
    if question_id not in _RELATIVES_BELONG and _is_someone_else(talk, sentence, end, kin):
        return "someone_else"
    if question_id not in _MAY_BE_CONDITIONAL and _IF.search(talk.text[sentence.start : end]):
        return "hypothetical"
    if question_id in _ITEMS and _is_negated(talk.text, start, end):
        return "negated"
    is_medicine = question_id in ("medications", "high_risk_medications")
    if is_medicine and _GIVEN_UP.search(talk.text[sentence.start : max(end, sentence.end)]):
        return "given_up"
    return None


def _is_someone_else(talk: Talk, sentence: Sentence, end: int, kin: frozenset[str]) -> bool:
    before = talk.text[sentence.start : end]
    for match in _KIN_SUBJECT.finditer(before):
        if (match.group("kin") or match.group("owner")).lower() not in kin:
            return True
    if sentence.role == "family" and _FIRST_PERSON.search(before):
        return True
    exchange = talk.exchange_of(sentence)
    asked = exchange.prompt.text if exchange else ""
    return _FAMILY_HISTORY.search(asked) is not None or _FAMILY_HISTORY.search(before) is not None


def _is_negated(text: str, start: int, end: int) -> bool:
    """True when a "no" before the stretch reaches into it and the stretch is not itself the denial."""
    at = negation_before(text, start)
    return at is not None and at < start and end > start
