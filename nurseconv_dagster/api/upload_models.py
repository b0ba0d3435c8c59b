"""The shapes of what the API says about uploads.

What lives here: the receipt of a new upload, a line and a page of the list, the result document with its parts.
When to add here: a field; none is ever removed.
What to keep out: filling them (`upload_documents`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.progress import Status, TaskError

Disposition = Literal["accepted", "duplicate", "amended", "awaiting_review"]
SaidStatus = Literal[Status, "awaiting_review"]


class UploadReceipt(BaseModel):
    """A file was taken."""

    id: UUID
    filename: str
    status: SaidStatus
    created_at: datetime = Field(description="when it arrived the first time")
    task_id: UUID
    disposition: Disposition = Field(
        description="accepted; duplicate: known already, nothing changed; amended: known, its metadata changed; "
        "awaiting_review: known, and a person decides, since this key may not change it"
    )


class UploadSummary(BaseModel):
    """One line of the list."""

    id: UUID = Field(examples=[examples.UPLOAD_ID])
    filename: str
    status: Status
    created_at: datetime
    kind: Literal["audio", "text"]
    priority: Literal["normal", "high"]
    stage: str
    unit: str | None
    profile: str | None
    duration_s: float | None
    overall_score: float | None
    answers_requiring_review: int | None
    error: TaskError | None


class UploadPage(BaseModel):
    """A page of the list, newest first."""

    items: list[UploadSummary]
    next_cursor: str | None = Field(description="give it as `cursor` for the next page; null on the last one")


class Upload(UploadSummary):
    """The upload itself."""

    task_id: UUID
    content_type: str
    file_size_bytes: int
    damage: list[str] = Field(description="facts about damage, for people; empty when there is none")
    nurse_id: str | None
    encounter_id: str | None
    language: str | None = Field(description="as the sender said")
    consent: bool | None
    updated_at: datetime
    processing_started_at: datetime | None
    processing_completed_at: datetime | None


class Word(BaseModel):
    """One word with its time."""

    text: str
    start: float | None
    end: float | None
    probability: float | None


class Segment(BaseModel):
    """One utterance."""

    id: int
    start: float | None = Field(description="seconds; null in a typed text", examples=[0.0])
    end: float | None = Field(examples=[5.2])
    text: str
    speaker: str | None
    role: Literal["nurse", "patient", "family", "other"] | None
    words: list[Word] | None = Field(None, description="with transcription=words")


class Transcription(BaseModel):
    """The current transcript."""

    id: UUID
    outcome: Literal["speech", "no_speech"]
    text: str
    segments: list[Segment]
    language: str | None
    language_probability: float | None
    model_name: str
    model_revision: str
    duration_s: float | None
    confidence_score: float | None


class Proof(BaseModel):
    """The transcript's own words behind an answer."""

    quote: str
    grade: Literal["exact", "normalised", "fuzzy"]
    segment_ids: list[int]
    start_char: int
    end_char: int
    start_s: float | None
    end_s: float | None
    role: str | None
    similarity: float = Field(description="0..1 against the words that were claimed")
    word_probability: float | None = Field(description="mean over its words; null in a typed text")


class QuestionResult(BaseModel):
    """One question of the profile and what became of it."""

    id: UUID = Field(description="of the answer, for POST /api/v1/answers/{id}/reviews")
    question_id: str = Field(examples=["chief_complaint"])
    question_text: str
    category: str
    state: Literal[
        "answered", "denied", "not_asked", "asked_no_answer", "declined", "unable", "conflicting", "not_applicable"
    ]
    answer_text: str | None = Field(description="null unless answered or denied", examples=["chest pain"])
    answer_value: Any = Field(None, description="as the question's schema in GET /api/v1/questions has it")
    value_type: str
    confidence_score: float | None = Field(examples=[0.95])
    timestamp_start: float | None = Field(description="seconds", examples=[10.5])
    timestamp_end: float | None = Field(examples=[12.3])
    is_confident: bool
    is_valid: bool
    is_required: bool
    is_safety_critical: bool
    needs_review: bool
    review_reasons: list[str]
    evidence: list[Proof]
    provider: str
    model_name: str


class Score(BaseModel):
    """The current scores: 0..1, `overall_score` 0..100; null where there is nothing to judge."""

    model_config = ConfigDict(extra="allow")

    completeness_score: float | None = Field(examples=[0.85])
    confidence_score: float | None = Field(examples=[0.92])
    patient_info_score: float | None = Field(examples=[0.78])
    medical_history_score: float | None
    assessment_score: float | None
    treatment_score: float | None
    information_density_score: float | None
    transcription_quality_score: float | None
    overall_score: float | None = Field(examples=[81.5])
    questions_answered: int
    questions_total: int
    high_confidence_answers: int
    answers_requiring_review: int
    score_version: str
    catalogue_version: str
    calculated_at: datetime


class UploadResults(BaseModel):
    """An upload with everything that is known of it."""

    upload: Upload
    transcription: Transcription | None = Field(description="null until there is one, or with transcription=none")
    qa_results: list[QuestionResult] = Field(description="every question of the profile; empty until they were put")
    score: Score | None = Field(description="null until there is one")
