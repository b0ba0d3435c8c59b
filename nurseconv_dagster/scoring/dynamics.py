"""How was it spoken? Shares, turns, pauses, interruptions, pace, questions.

What lives here: `conversation_dynamics()`.
When to add here: another figure that needs both who spoke and when.
What to keep out: any judgement of the figures. They describe; none of them enters the overall score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from nurseconv_dagster.scoring.intervals import ROUNDING_S, Interval, clip, gaps_s, length_s, spans_of, union
from nurseconv_dagster.scoring.rubric import Rubric
from nurseconv_dagster.scoring.rubric_parts import Dynamics
from nurseconv_dagster.scoring.turns import Turn, is_in_language, questions, turns_of, voice, without_back_channels
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript

Spans = dict[int, list[Interval]]


def conversation_dynamics(transcript: Transcript, rubric: Rubric) -> dict[str, Any] | None:
    """The figures by name; null for typed text, without speech, and when too little of it has a role.

    Shares are 0..1, lengths seconds, rates per minute. Figures by role hold the roles that spoke. What the word lists
    are needed for is null in another language than theirs.

    Source: docs/scoring.md, conversation dynamics.
    """
    rules, segments = rubric.dynamics, transcript.segments
    if transcript.duration_s is None or transcript.duration_s <= 0:
        return None
    spans = {one.id: clip(spans_of(one, rules.word_gap_s), transcript.duration_s) for one in segments}
    if not any(spans.values()) or _role_share(segments, spans) < rules.min_role_share:
        return None
    speech = union(span for several in spans.values() for span in several)
    heard = without_back_channels(segments, rules)
    turns = turns_of(heard)
    pauses = gaps_s(speech, rules.pause_s)
    minutes = transcript.duration_s / 60
    in_language = is_in_language(transcript.language, turns, rubric.language)
    patient_questions = questions(turn for turn in turns if turn.role == "patient")
    has_patient = any(turn.role == "patient" for turn in turns)
    return {
        **_by_role(segments, spans),
        "turns_per_minute": len(turns) / minutes,
        "silence_ratio": max(0.0, 1 - length_s(speech) / transcript.duration_s),
        "n_pauses": len(pauses),
        "longest_pause_s": max(pauses, default=None),
        "interruptions": _interruptions(heard, spans, rules) if in_language else None,
        "longest_nurse_monologue_s": _longest_turn_s(turns, "nurse", spans),
        "open_question_share": _open_share(turns, rules) if in_language else None,
        "patient_questions_per_minute": len(patient_questions) / minutes if has_patient else None,
    }


def _role_share(segments: Sequence[Segment], spans: Spans) -> float:
    """Share of the spoken seconds that has a role."""
    total = sum(length_s(spans[one.id]) for one in segments)
    return sum(length_s(spans[one.id]) for one in segments if one.role is not None) / total


def _by_role(segments: Sequence[Segment], spans: Spans) -> dict[str, dict[str, float]]:
    """Talk share (of the sum over roles, so that the shares add up to 1) and words per minute of own speech."""
    spoken_s = {
        role: length_s(span for one in segments if one.role == role for span in spans[one.id])
        for role in get_args(Role)
        if any(one.role == role and spans[one.id] for one in segments)
    }
    n_words = {role: sum(len(one.text.split()) for one in segments if one.role == role) for role in spoken_s}
    total_s = sum(spoken_s.values())
    return {
        "talk_share": {role: seconds / total_s for role, seconds in spoken_s.items()},
        "words_per_minute": {role: 60 * n_words[role] / seconds for role, seconds in spoken_s.items()},
    }


def _interruptions(heard: Sequence[Segment], spans: Spans, rules: Dynamics) -> dict[str, int]:
    """How often each role began to speak into another voice's words and went on for `overlap_s` at least.

    Args:
        heard: without back-channels.
    """
    counts: dict[str, int] = {one.role: 0 for one in heard if one.role is not None}
    timed = sorted((one for one in heard if spans[one.id]), key=lambda one: spans[one.id][0][0])
    speaking: list[Segment] = []
    for segment in timed:
        start_s = spans[segment.id][0][0]
        speaking = [one for one in speaking if spans[one.id][-1][1] > start_s]
        if segment.role is not None and any(_talks_into(segment, one, spans, rules) for one in speaking):
            counts[segment.role] += 1
        speaking.append(segment)
    return counts


def _talks_into(later: Segment, earlier: Segment, spans: Spans, rules: Dynamics) -> bool:
    start_s, end_s = spans[later.id][0][0], spans[later.id][-1][1]
    began_s, ended_s = spans[earlier.id][0][0], spans[earlier.id][-1][1]
    if voice(later) == voice(earlier) or began_s >= start_s:
        return False
    return min(end_s, ended_s) - start_s >= rules.overlap_s - ROUNDING_S


def _longest_turn_s(turns: Sequence[Turn], role: Role, spans: Spans) -> float | None:
    """Seconds of speech in the role's longest turn, pauses not counted; null when the role has none."""
    lengths = (length_s(span for one in turn.segments for span in spans[one.id]) for turn in turns if turn.role == role)
    return max(lengths, default=None)


def _open_share(turns: Sequence[Turn], rules: Dynamics) -> float | None:
    """Share of the nurse's questions that cannot be answered in a word; null when the nurse asked none."""
    asked = questions(turn for turn in turns if turn.role == "nurse")
    if not asked:
        return None
    n_open = sum(
        any(pattern.search(one) for pattern in rules.open_questions)
        and not any(pattern.search(one) for pattern in rules.closed_questions)
        for one in asked
    )
    return n_open / len(asked)
