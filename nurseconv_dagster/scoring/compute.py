"""All scores of one conversation.

What lives here: `compute_scores()`, which calls each formula once and lays the results into `Scores`.
When to add here: a new score, once its module is there.
What to keep out: formulas.
"""

from __future__ import annotations

from typing import Any

from nurseconv_dagster.extraction.answers import Extraction
from nurseconv_dagster.extraction.questions import Profile
from nurseconv_dagster.scoring.asked import Item, items_of
from nurseconv_dagster.scoring.communication import communication
from nurseconv_dagster.scoring.completeness import category_score, completeness
from nurseconv_dagster.scoring.confidence import evidence_coverage, mean_confidence, number_faithfulness
from nurseconv_dagster.scoring.dynamics import conversation_dynamics
from nurseconv_dagster.scoring.means import Scored
from nurseconv_dagster.scoring.news2 import news2
from nurseconv_dagster.scoring.overall import overall
from nurseconv_dagster.scoring.rubric import Rubric
from nurseconv_dagster.scoring.safety import contradictions, safety
from nurseconv_dagster.scoring.scores import Scores
from nurseconv_dagster.scoring.transcription import information_density, transcription_quality
from nurseconv_dagster.speech.transcripts import Transcript

SCORE_NAMES = (
    "completeness_score", "required_completeness", "safety_completeness", "confidence_score", "patient_info_score",
    "medical_history_score", "assessment_score", "treatment_score", "evidence_coverage", "number_faithfulness",
    "transcription_quality_score", "information_density_score", "communication_score", "safety_score", "overall_score",
)  # fmt: skip


def compute_scores(
    transcript: Transcript, extraction: Extraction, profile: Profile, catalogue_version: str, rubric: Rubric
) -> Scores:
    """The scores; the same input gives the same scores, always. A recording without speech has counts and null scores.

    Args:
        transcript: what was said.
        extraction: the answers and the calls that led to them.
        profile: the questions the upload was asked; it decides what counts, with which weight.
        catalogue_version: the version that `profile` was taken from.
        rubric: weights, thresholds, word lists.
    """
    items = items_of(profile, extraction.answers)
    by_id = {item.question.id: item for item in items}
    has_speech = transcript.outcome == "speech"
    scored = _score_each(transcript, extraction, profile, items, rubric) if has_speech else {}
    values: dict[str, Any] = {name: scored[name].value if has_speech else None for name in SCORE_NAMES}
    return Scores(
        **values,
        **_counts(items),
        components={name: score.parts for name, score in scored.items()},
        dynamics=conversation_dynamics(transcript, rubric) if has_speech else None,
        news2=news2(by_id) if has_speech else None,
        score_version=rubric.score_version,
        catalogue_version=catalogue_version,
    )


def _score_each(
    transcript: Transcript, extraction: Extraction, profile: Profile, items: tuple[Item, ...], rubric: Rubric
) -> dict[str, Scored]:
    by_id = {item.question.id: item for item in items}
    scored = {
        "completeness_score": completeness(items, rubric),
        "required_completeness": completeness((item for item in items if item.question.is_required), rubric),
        "safety_completeness": completeness((item for item in items if item.question.is_safety_critical), rubric),
        "patient_info_score": category_score(items, "patient_info", rubric),
        "medical_history_score": category_score(items, "medical_history", rubric),
        "assessment_score": category_score(items, "assessment", rubric),
        "treatment_score": category_score(items, "treatment", rubric),
        "confidence_score": mean_confidence(items),
        "evidence_coverage": evidence_coverage(extraction.calls),
        "number_faithfulness": number_faithfulness(extraction.calls),
        "transcription_quality_score": transcription_quality(transcript, rubric),
        "information_density_score": information_density(transcript, items, profile.target_facts_per_minute, rubric),
        "communication_score": communication(transcript, by_id, rubric),
        "safety_score": safety(by_id, rubric),
    }
    conflicts = contradictions(by_id, only_safety_critical=True)
    return {
        **scored,
        "overall_score": overall(
            {
                "completeness": scored["completeness_score"].value,
                "evidence_coverage": scored["evidence_coverage"].value,
                "confidence": scored["confidence_score"].value,
                "safety": scored["safety_score"].value,
                "communication": scored["communication_score"].value,
                "transcription": scored["transcription_quality_score"].value,
            },
            conflicts,
            rubric,
        ),
    }


def _counts(items: tuple[Item, ...]) -> dict[str, int]:
    answers = [item.answer for item in items if item.answer is not None and item.is_answered]
    return {
        "questions_answered": len(answers),
        "questions_total": len(items),
        "high_confidence_answers": sum(answer.is_confident for answer in answers),
        "answers_requiring_review": sum(item.answer is not None and item.answer.needs_review for item in items),
    }
