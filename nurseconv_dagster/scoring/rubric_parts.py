"""The parts of a rubric, as typed values, each with the limits that a value must keep.

What lives here: one class per section of `rubric.yaml`, named like it.
When to add here: a weight or threshold of a new score; add it to `rubric.yaml` and docs/scoring.md too.
What to keep out: reading the file (`rubric.py`), and the bands of published charts (`news2.py`): nobody tunes those.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Category = Literal[
    "patient_info", "social", "medical_history", "diagnosis", "medications", "allergies", "assessment", "neuro",
    "systems", "skin", "devices", "function", "safety", "treatment", "discharge", "follow_up", "education",
]  # fmt: skip
Group = Literal["patient_info", "medical_history", "assessment", "treatment"]
OverallPart = Literal["completeness", "evidence_coverage", "confidence", "safety", "communication", "transcription"]
TranscriptionPart = Literal["certainty", "unflagged", "sure_words", "snr"]
CommunicationPart = Literal["aidet", "teach_back", "plain_language"]
AidetElement = Literal["acknowledge", "introduce", "duration", "explanation", "thank"]


def _compile(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return re.compile(value, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0, le=100)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_compile)]


class Part(BaseModel):
    """A section of the file: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


def need_all(found: Any, wanted: tuple[str, ...]) -> None:
    """Refuses what lacks one of the wanted names."""
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")


def need_sum_of_one(weights: dict[Any, float]) -> None:
    """Refuses weights that do not add up to 1: somebody has changed one and forgotten the others."""
    total = math.fsum(weights.values())
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise ValueError(f"the weights add up to {total:g}; they must add up to 1")


class Overall(Part):
    """The overall score's weights, floor, cap and gate."""

    weights: dict[OverallPart, Weight]
    floor: float = Field(gt=0, le=1)
    cap_with_conflict: float = Field(ge=0, le=100)
    min_transcription_quality: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        need_all(self.weights, get_args(OverallPart))
        need_sum_of_one(self.weights)
        return self


class Transcription(Part):
    """The transcription quality's weights and thresholds."""

    weights: dict[TranscriptionPart, Weight]
    unsure_word_below: Share
    snr_low_db: float
    snr_high_db: float

    @model_validator(mode="after")
    def _whole(self) -> Self:
        need_all(self.weights, get_args(TranscriptionPart))
        need_sum_of_one(self.weights)
        if self.snr_high_db <= self.snr_low_db:
            raise ValueError("snr_high_db must be above snr_low_db")
        return self


class Density(Part):
    """Which parts of a value say how to read another part and are no fact of their own."""

    no_fact_keys: frozenset[str]
    no_fact_suffixes: tuple[str, ...]

    def is_about_another(self, key: str) -> bool:
        """True for the name of a part that is no fact of its own."""
        return key in self.no_fact_keys or key.endswith(self.no_fact_suffixes)


class Dynamics(Part):
    """Thresholds and word lists of the conversation dynamics."""

    pause_s: Seconds
    overlap_s: Seconds
    word_gap_s: Seconds
    min_role_share: Share
    back_channel_words: int = Field(ge=1, le=10)
    back_channels: frozenset[str]
    open_questions: tuple[Pattern, ...]
    closed_questions: tuple[Pattern, ...]


class PlainLanguage(Part):
    """From which reading grade to which plain language falls from 1 to 0."""

    min_words: int = Field(ge=1)
    plain_grade: float
    hard_grade: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.hard_grade <= self.plain_grade:
            raise ValueError("hard_grade must be above plain_grade")
        return self


class Communication(Part):
    """The communication score's weights and patterns."""

    weights: dict[CommunicationPart, Weight]
    opening_turns: int = Field(ge=1)
    aidet: dict[AidetElement, tuple[Pattern, ...]]
    teach_back_question: str
    teach_back: tuple[Pattern, ...]
    plain_language: PlainLanguage

    @model_validator(mode="after")
    def _whole(self) -> Self:
        need_all(self.weights, get_args(CommunicationPart))
        need_sum_of_one(self.weights)
        need_all(self.aidet, get_args(AidetElement))
        return self


class SafetyItem(Part):
    """One question of the safety score."""

    question: str
    weight: Weight
    must_be_yes: bool = False


class Safety(Part):
    """The safety score's questions, and what a contradiction costs."""

    items: tuple[SafetyItem, ...] = Field(min_length=1)
    per_contradiction: Share

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        ids = [item.question for item in self.items]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return self


class Language(Part):
    """The language of the rubric's word lists."""

    code: str = Field(min_length=2)
    min_common_share: Share
    common_words: frozenset[str]
