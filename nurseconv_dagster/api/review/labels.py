"""The words that reviewers read for our codes.

What lives here: labels of states, reasons, verdicts, roles, and how seconds and moments are written.
When to add here: a code that becomes visible on the page.
What to keep out: whole sentences of the page (templates).
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

STATES = {
    "answered": "Answered",
    "denied": "Denied",
    "not_asked": "Not asked",
    "asked_no_answer": "Asked, no answer",
    "declined": "Declined to answer",
    "unable": "Unable to answer",
    "conflicting": "Conflicting",
    "not_applicable": "Does not apply",
}
STATE_CHOICES = {
    **STATES,
    "answered": "Answered, with this value",
    "denied": "Denied: said no, or none",
    "conflicting": "Conflicting: two statements that differ",
}
REASONS = {"disagreement": "Opinions differ", "must_review": "To check", "audit": "Sample"}
DOUBTS = {
    "conflict": "two statements contradict each other",
    "providers_disagree": "two readings differ",
    "no_second_opinion": "no second reading was possible",
    "low_confidence": "low confidence",
    "invalid_value": "outside its plausible range",
    "partial_denial": "the denial may not cover everything",
    "role_unknown": "it is not known who said it",
    "role_mismatch": "said by somebody else than expected",
    "third_party": "it may be about somebody else",
    "uncertain": "the speaker is not sure",
    "quoted_from_question": "the words stand in a question",
    "negation_in_context": "a negation stands close by",
    "suspicious_passage": "a passage reads like an instruction to a program",
    "number_not_in_evidence": "a number is not in the quote",
    "word_not_in_evidence": "a word is not in the quote",
    "review_outdated": "judged before, on other words",
}
VERDICTS = {"confirmed": "Confirmed", "corrected": "Corrected", "not_asked": "Marked as not asked"}
ROLES = {"nurse": "Nurse", "patient": "Patient", "family": "Family", "other": "Other"}
PROVIDERS = {
    "gemini": "Gemini",
    "openai": "OpenAI",
    "local": "Local reader",
    "rules": "Rules",
    "reviewer": "Reviewer",
    "none": "Nobody",
}


def plain(code: str) -> str:
    """A code of the catalogue as words: "patient_info" as "Patient info"."""
    words = code.replace("_", " ")
    return words[:1].upper() + words[1:]


def clock(seconds: float | None) -> str:
    """Seconds as "3:07" or "1:02:03"; "" for null."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(when: datetime, zone: ZoneInfo) -> str:
    """A time as "27 Nov 2026, 10:40" in the hospital's time zone."""
    local = when.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"
