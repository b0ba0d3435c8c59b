"""How well was it heard? Transcription quality and information density.

What lives here: `transcription_quality()`, `information_density()`.
When to add here: another measure that needs the audio's seconds.
What to keep out: who speaks how much (`dynamics.py`); typed text has no score here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nurseconv_dagster.extraction.answers import REVIEWER
from nurseconv_dagster.scoring.asked import Item
from nurseconv_dagster.scoring.intervals import clip, length_s, spans_of
from nurseconv_dagster.scoring.means import Scored, weighted_mean
from nurseconv_dagster.scoring.rubric import Rubric
from nurseconv_dagster.scoring.rubric_parts import Density, Transcription, TranscriptionPart
from nurseconv_dagster.speech.transcripts import Segment, Transcript


def transcription_quality(transcript: Transcript, rubric: Rubric) -> Scored:
    """0.50 certainty + 0.20 unflagged + 0.15 sure words + 0.15 SNR; null for typed text and without speech.

    A part that was not measured (no SNR, no timed words) drops out.

    Source: docs/scoring.md, transcription quality; exp(avg_logprob) is the geometric mean of the token probabilities.
    """
    if transcript.is_typed or not transcript.segments:
        return Scored(None)
    rules = rubric.transcription
    words = [word.probability for segment in transcript.segments for word in segment.words]
    n_sure = sum(probability >= rules.unsure_word_below for probability in words)
    parts: dict[TranscriptionPart, float | None] = {
        "certainty": weighted_mean(
            (_length_s(segment), math.exp(min(segment.avg_logprob, 0.0)))
            for segment in transcript.segments
            if segment.avg_logprob is not None and _length_s(segment) > 0
        ),
        "unflagged": weighted_mean(
            (_length_s(segment), 0.0 if segment.flags else 1.0)
            for segment in transcript.segments
            if _length_s(segment) > 0
        ),
        "sure_words": n_sure / len(words) if words else None,
        "snr": _snr_share(transcript.snr_db, rules),
    }
    value = weighted_mean((rules.weights[name], part) for name, part in parts.items())
    return Scored(
        value, {**{str(name): part for name, part in parts.items()}, "n_words": len(words), "snr_db": transcript.snr_db}
    )


def information_density(transcript: Transcript, items: Iterable[Item], target: float, rubric: Rubric) -> Scored:
    """min(1, verified facts per minute of speech / target); null for typed text and without speech.

    Args:
        target: facts per minute that a good conversation of the profile holds, > 0.

    Source: docs/scoring.md, information density.
    """
    if transcript.duration_s is None:
        return Scored(None)
    gap_s = rubric.dynamics.word_gap_s
    spans = [span for segment in transcript.segments for span in spans_of(segment, gap_s)]
    minutes = length_s(clip(spans, transcript.duration_s)) / 60
    if minutes <= 0 or target <= 0:
        return Scored(None)
    n_facts = sum(n_verified_facts(item, rubric.density) for item in items)
    per_minute = n_facts / minutes
    parts = {"n_facts": n_facts, "speech_minutes": minutes, "facts_per_minute": per_minute, "target": target}
    return Scored(min(1.0, per_minute / target), parts)


def n_verified_facts(item: Item, rules: Density) -> int:
    """How many facts an item holds: the items of a list, the known fields of a panel, else one.

    Verified means found in the transcript, or said by a reviewer, and of valid type, unit and range.
    """
    answer = item.answer
    if answer is None or not item.is_answered or not answer.is_valid:
        return 0
    if not answer.evidence and answer.provider != REVIEWER:
        return 0
    return max(1, _n_facts(answer.answer_value, rules))


def _n_facts(value: Any, rules: Density) -> int:
    if isinstance(value, list | tuple):
        return len(value)
    if isinstance(value, dict):
        return sum(known is not None for key, known in value.items() if not rules.is_about_another(key))
    return 1


def _length_s(segment: Segment) -> float:
    return 0.0 if segment.start_s is None or segment.end_s is None else segment.end_s - segment.start_s


def _snr_share(snr_db: float | None, rules: Transcription) -> float | None:
    if snr_db is None:
        return None
    return min(max((snr_db - rules.snr_low_db) / (rules.snr_high_db - rules.snr_low_db), 0.0), 1.0)
