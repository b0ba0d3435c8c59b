"""The scores of one conversation: the typed value that leaves the scoring room.

What lives here: `Scores`, field for field what `conversation_scores` stores.
When to add here: a score that is a column of its own. A part of a score goes into `components`.
What to keep out: the formulas (one module per group beside this one).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores 0..1, null when there is nothing to judge; `overall_score` 0..100.

    Args:
        components: every part of every score by name, nested by score; numbers, nulls and short lists of ids only.
        dynamics: talk shares, turns per minute, silence ratio, pauses, interruptions and so on; null without roles.
        news2: {"status": complete/partial, "score", "band", "missing": [...]}; null when no vital sign was stated or
            the patient is not known to be an adult.
        score_version: the rubric's version and hash.
    """

    completeness_score: float | None
    required_completeness: float | None
    safety_completeness: float | None
    confidence_score: float | None
    patient_info_score: float | None
    medical_history_score: float | None
    assessment_score: float | None
    treatment_score: float | None
    evidence_coverage: float | None
    number_faithfulness: float | None
    transcription_quality_score: float | None
    information_density_score: float | None
    communication_score: float | None
    safety_score: float | None
    overall_score: float | None
    questions_answered: int
    questions_total: int
    high_confidence_answers: int
    answers_requiring_review: int
    score_version: str
    catalogue_version: str
    components: dict[str, Any] = field(default_factory=dict)
    dynamics: dict[str, Any] | None = None
    news2: dict[str, Any] | None = None
