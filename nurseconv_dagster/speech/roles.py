"""Which channel is the nurse: decided from the words, or left open.

What lives here: `assign_roles()`, the cues it counts, and how much evidence it wants.
When to add here: a cue that tells a nurse's turns from a patient's.
What to keep out: telling voices apart (channels); labels that a person typed (typed).

Only stereo recordings come here; a mono recording has one channel and keeps null roles. The cues are English; in other
languages only the questions count, which seldom suffices, so that roles stay null.
"""

from __future__ import annotations

import re
from dataclasses import replace

from nurseconv_dagster.speech.transcripts import Role, Segment

# (points, pattern); a cue counts once in a segment.
_NURSE_CUES = (
    (6.0, r"\b(i am|i'm|i'll be) (your|the|one of the) (\w+ )?nurse\b"),
    (6.0, r"\bmy name is\b.{0,40}\bnurse\b|\bthis is (nurse|your nurse)\b"),
    (3.0, r"\b(rate|describe|score) (your|the) pain\b|\bscale (of|from) (zero|0|one|1)\b"),
    (3.0, r"\bwhat (brings|brought) you\b|\bhow are you feeling\b|\bhow can i help\b"),
    (2.0, r"\bany (known )?(\w+ )?allerg|\ballergic to any"),
    (2.0, r"\byour (blood pressure|temperature|heart rate|pulse|oxygen|vital signs|date of birth|wound|chart)\b"),
    (1.5, r"\b(i'm going to|i am going to|i will|i'll|let me) (\w+ )?(check|measure|give|get|let the doctor)\b"),
    (1.5, r"\b(do|did|have|are|were|can|could|would) you\b.*\?"),
    (1.5, r"\b(what|when|where|how|which|who)\b.*\byou(r)?\b.*\?"),
    (0.5, r"\?\s*$"),
)
_PATIENT_CUES = (
    (4.0, r"\bthank you,? nurse\b"),
    (2.0, r"\bit (hurts|started|aches|burns|comes and goes)\b"),
    (2.0, r"\bi('m| am) (allergic|in pain|dizzy|nauseous|worried)\b"),
    (1.5, r"\bmy (chest|head|back|leg|arm|knee|hip|stomach|belly|foot|shoulder|throat|heart|wife|husband)\b"),
    (1.5, r"\b(i|i've|i have) (feel|felt|had|been|take|took|fell|hurt|can't|cannot|could not|noticed)\b"),
    (0.75, r"^(yes|yeah|yep|no|nope|not really|maybe)\b(?!.*\?)"),
)
# Points that one channel must be ahead, and its least share of all points: two people of one trade stay unlabelled.
_MIN_LEAD = 4.0
_MIN_SHARE = 0.7


def assign_roles(segments: list[Segment]) -> list[Segment]:
    """The same segments with nurse and patient as roles where the words tell them apart, else with null roles.

    Args:
        segments: of a stereo recording, each with its channel as speaker.
    """
    speakers = sorted({segment.speaker for segment in segments if segment.speaker})
    points = {speaker: _points([one.text for one in segments if one.speaker == speaker]) for speaker in speakers}
    nurse = _nurse_among(points)
    if nurse is None:
        return segments
    roles: dict[str, Role] = {speaker: "nurse" if speaker == nurse else "patient" for speaker in speakers}
    return [replace(segment, role=roles.get(segment.speaker or "")) for segment in segments]


def _nurse_among(points: dict[str, tuple[float, float]]) -> str | None:
    """The speaker who is the nurse, by the points of both channels; null when the evidence is weak.

    One channel that speaks like a nurse is evidence that the other is the patient, and the reverse.
    """
    if len(points) != 2:
        return None
    (first, (nurse_a, patient_a)), (second, (nurse_b, patient_b)) = points.items()
    for_first, for_second = nurse_a + patient_b, nurse_b + patient_a
    total = for_first + for_second
    if abs(for_first - for_second) < _MIN_LEAD or max(for_first, for_second) < _MIN_SHARE * total:
        return None
    return first if for_first > for_second else second


def _points(texts: list[str]) -> tuple[float, float]:
    """Points for being the nurse, points for being the patient."""
    return _count(_NURSE_CUES, texts), _count(_PATIENT_CUES, texts)


def _count(cues: tuple[tuple[float, str], ...], texts: list[str]) -> float:
    return sum(points for points, cue in cues for text in texts if re.search(cue, text, re.IGNORECASE))
