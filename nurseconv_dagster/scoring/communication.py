"""How did the nurse speak to the patient? AIDET, teach-back, plain language.

What lives here: `communication()`.
When to add here: another element of communication that leaves evidence in the words.
What to keep out: the patterns and weights (the rubric); tone of voice, which nobody measures here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from nurseconv_dagster.scoring.asked import Item, covered
from nurseconv_dagster.scoring.means import Scored, weighted_mean
from nurseconv_dagster.scoring.plain_language import plain_language
from nurseconv_dagster.scoring.rubric import Rubric
from nurseconv_dagster.scoring.rubric_parts import AidetElement, CommunicationPart, Pattern
from nurseconv_dagster.scoring.turns import Turn, is_in_language, sentences, turns_of, words_of
from nurseconv_dagster.speech.transcripts import Transcript

_OPENING: frozenset[AidetElement] = frozenset({"acknowledge", "introduce"})
_MAX_SEGMENT_IDS = 3
_MIN_WORDS_TOLD_BACK = 3


def communication(transcript: Transcript, items: Mapping[str, Item], rubric: Rubric) -> Scored:
    """0.5*AIDET elements seen/5 + 0.3*teach-back + 0.2*plain language; null parts drop out, null when none is left.

    AIDET and plain language need a nurse and somebody cared for (patient or family), both known by role, and the
    language of the rubric's patterns: between two nurses there is nobody to introduce oneself to.

    Args:
        items: Q by question id.

    Source: docs/scoring.md, communication. AIDET: Studer Group, Acknowledge, Introduce, Duration, Explanation, Thank.
    """
    rules = rubric.communication
    turns = turns_of(transcript.segments)
    nurse = [turn for turn in turns if turn.role == "nurse"]
    with_patient = bool(nurse) and any(turn.role in ("patient", "family") for turn in turns)
    can_judge = with_patient and is_in_language(transcript.language, nurse, rubric.language)
    seen = _aidet_seen(nurse, rubric) if can_judge else None
    plain = plain_language(nurse, rules.plain_language) if can_judge else Scored(None)
    parts: dict[CommunicationPart, float | None] = {
        "aidet": None if seen is None else sum(bool(ids) for ids in seen.values()) / len(seen),
        "teach_back": _teach_back(items, turns if can_judge else [], rubric),
        "plain_language": plain.value,
    }
    value = weighted_mean((rules.weights[name], part) for name, part in parts.items())
    evidence = {f"{element}_segment_ids": ids for element, ids in (seen or {}).items()}
    return Scored(value, {**{str(name): part for name, part in parts.items()}, **plain.parts, **evidence})


def _aidet_seen(nurse: Sequence[Turn], rubric: Rubric) -> dict[AidetElement, list[int]]:
    """The segments that show each element, at most three; an empty list means that it was not seen."""
    rules = rubric.communication
    return {
        element: _segments_with(patterns, nurse[: rules.opening_turns] if element in _OPENING else nurse)
        for element, patterns in sorted(rules.aidet.items())
    }


def _segments_with(patterns: Sequence[Pattern], turns: Sequence[Turn]) -> list[int]:
    found: list[int] = []
    for turn in turns:
        for start, end in sentences(turn.text):
            match = _first_match(patterns, turn.text[start:end])
            if match is not None:
                found += turn.segment_ids(start + match[0], start + match[1])
    return sorted(set(found))[:_MAX_SEGMENT_IDS]


def _first_match(patterns: Sequence[Pattern], sentence: str) -> tuple[int, int] | None:
    for pattern in patterns:
        match = pattern.search(sentence)
        if match is not None:
            return match.span()
    return None


def _teach_back(items: Mapping[str, Item], turns: Sequence[Turn], rubric: Rubric) -> float | None:
    """What the answer earns, or 1 where the turns show it; null when the profile does not ask for teach-back.

    The turns show it when the nurse asks to hear it back and the next voice is the patient's or the family's, with more
    than a word or two.
    """
    rules = rubric.communication
    item = items.get(rules.teach_back_question)
    if item is None:
        return None
    for asked, reply in pairwise(turns):
        told_back = reply.role in ("patient", "family") and len(words_of(reply.text)) >= _MIN_WORDS_TOLD_BACK
        if asked.role == "nurse" and told_back and _first_match(rules.teach_back, asked.text) is not None:
            return 1.0
    return covered(item, rubric, must_be_yes=True)
