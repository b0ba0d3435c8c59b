"""The tables, as SQLAlchemy Core: the contract that users query.

What lives here: every table of the app's database but those of hosted models, of quality and of access
(`provider_tables`, `quality_tables`, `access_tables`, reached from here so that `metadata` is whole). A test compares
Alembic's migrations with it.
When to add here: a column, together with a migration that goes forward and back.
What to keep out: queries.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger, Boolean, Column, DateTime, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB, UUID

from nurseconv_dagster.store import access_tables, columns, provider_tables, quality_tables  # noqa: F401 - for metadata
from nurseconv_dagster.store.columns import moment, one_of, row_id, upload_id

metadata = columns.metadata
extraction_attempts = provider_tables.extraction_attempts
evaluations = quality_tables.evaluations

STATUSES = ("pending", "processing", "completed", "failed", "rejected", "cancelled", "erased")
STAGES = ("uploads", "transcriptions", "answers", "scores", "done")
STATES = (
    "answered", "denied", "not_asked", "asked_no_answer", "declined", "unable", "conflicting", "not_applicable",
)  # fmt: skip

conversation_uploads = Table(
    "conversation_uploads",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("original_filename", Text, nullable=False),
    Column("content_sha256", Text, nullable=False, index=True),
    Column("identity_key", Text, nullable=False, unique=True),
    Column("object_key", Text),
    Column("file_size_bytes", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("duration_s", Float),
    Column("damage", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("status", Text, nullable=False, index=True, server_default="pending"),
    Column("stage", Text, nullable=False, server_default="uploads"),
    Column("priority", Text, nullable=False, server_default="normal"),
    Column("restart_from", Text),
    moment("cancel_requested_at"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("n_failures", Integer, nullable=False, server_default="0"),
    Column("runs_alone", Boolean, nullable=False, server_default=text("false")),
    moment("not_before"),
    Column("run_key", Text, index=True),
    Column("run_id", Text),
    moment("requested_at"),
    moment("lease_until"),
    Column("partition_no", BigInteger, unique=True),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("nurse_id", Text),
    Column("unit", Text),
    Column("encounter_id", Text),
    Column("profile", Text),
    Column("language", Text),
    Column("consent", Boolean),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("processing_started_at"),
    moment("processing_completed_at"),
    Column("reported_version", DateTime(timezone=True)),
    Column("correlation_id", Text),
    Column("traceparent", Text),
    one_of("status", STATUSES, "status"),
    one_of("stage", STAGES, "stage"),
    one_of("restart_from", STAGES[:-1], "restart_from"),
    one_of("kind", ("audio", "text"), "kind"),
    one_of("priority", ("normal", "high"), "priority"),
    Index(None, "created_at"),
    Index("ix_conversation_uploads_open", "stage", postgresql_where=text("status in ('pending', 'processing')")),
)

upload_receipts = Table(
    "upload_receipts",
    metadata,
    row_id(),
    upload_id(),
    Column("source", Text, nullable=False),
    Column("location", Text),
    Column("version", Text),
    moment("received_at", required=True),
    Column("received_by", Text),
    Column("original_filename", Text, nullable=False),
    Column("sidecar", JSONB),
    Column("disposition", Text, nullable=False),
    Column("correlation_id", Text),
    Index(None, "location", "received_at"),
)

# A caller's key, as a hash: it stands for one upload for ever, whatever else is sent with it.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_sha256", Text, primary_key=True),
    upload_id(),
    moment("created_at", required=True),
)

conversation_transcriptions = Table(
    "conversation_transcriptions",
    metadata,
    row_id(),
    upload_id(),
    Column("run_no", Integer, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("full_text", Text, nullable=False),
    Column("segments", JSONB, nullable=False),
    Column("language", Text),
    Column("language_probability", Float),
    Column("model_name", Text, nullable=False),
    Column("model_revision", Text, nullable=False),
    Column("compute_type", Text, nullable=False),
    Column("processing_time_s", Float, nullable=False),
    Column("duration_s", Float),
    Column("snr_db", Float),
    Column("confidence_score", Float),
    moment("created_at", required=True),
    UniqueConstraint("upload_id", "run_no"),
    Index("uq_conversation_transcriptions_current", "upload_id", unique=True, postgresql_where=text("is_current")),
    one_of("outcome", ("speech", "no_speech"), "outcome"),
)

question_answers = Table(
    "question_answers",
    metadata,
    row_id(),
    upload_id(),
    Column("transcription_id", UUID(as_uuid=True), ForeignKey("conversation_transcriptions.id"), nullable=False),
    Column("run_no", Integer, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("question_id", Text, nullable=False),
    Column("question_text", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("value_type", Text, nullable=False),
    Column("is_phi", Boolean, nullable=False),
    Column("is_required", Boolean, nullable=False),
    Column("is_safety_critical", Boolean, nullable=False),
    Column("weight", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("answer_text", Text),
    Column("answer_value", JSONB(none_as_null=True)),
    Column("is_valid", Boolean, nullable=False),
    Column("confidence_score", Float),
    Column("is_confident", Boolean, nullable=False),
    Column("needs_review", Boolean, nullable=False),
    Column("review_reasons", JSONB, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("context_start_char", Integer),
    Column("context_end_char", Integer),
    Column("timestamp_start_s", Float),
    Column("timestamp_end_s", Float),
    Column("evidence_quote", Text),
    Column("evidence_grade", Text),
    Column("speaker_role", Text),
    Column("provider", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("prompt_sha256", Text, nullable=False),
    Column("catalogue_version", Text, nullable=False),
    Column("processing_time_s", Float, nullable=False),
    Column("hops", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("signs", JSONB(none_as_null=True)),
    Column("confidence_version", Text),
    moment("created_at", required=True),
    UniqueConstraint("upload_id", "question_id", "run_no"),
    Index("uq_question_answers_current", "upload_id", "question_id", unique=True, postgresql_where=text("is_current")),
    one_of("state", STATES, "state"),
    Index("ix_question_answers_review", "upload_id", postgresql_where=text("is_current and needs_review")),
)

SCORE_COLUMNS = (
    "completeness_score", "required_completeness", "safety_completeness", "confidence_score", "patient_info_score",
    "medical_history_score", "assessment_score", "treatment_score", "evidence_coverage", "number_faithfulness",
    "transcription_quality_score", "information_density_score", "communication_score", "safety_score", "overall_score",
)  # fmt: skip

conversation_scores = Table(
    "conversation_scores",
    metadata,
    row_id(),
    upload_id(),
    Column("run_no", Integer, nullable=False),
    Column("is_current", Boolean, nullable=False),
    *(Column(name, Float) for name in SCORE_COLUMNS),
    Column("questions_answered", Integer, nullable=False),
    Column("questions_total", Integer, nullable=False),
    Column("high_confidence_answers", Integer, nullable=False),
    Column("answers_requiring_review", Integer, nullable=False),
    Column("components", JSONB, nullable=False),
    Column("dynamics", JSONB(none_as_null=True)),
    Column("news2", JSONB(none_as_null=True)),
    Column("score_version", Text, nullable=False),
    Column("catalogue_version", Text, nullable=False),
    moment("calculated_at", required=True),
    UniqueConstraint("upload_id", "run_no"),
    Index("uq_conversation_scores_current", "upload_id", unique=True, postgresql_where=text("is_current")),
)

processing_jobs = Table(
    "processing_jobs",
    metadata,
    row_id(),
    Column("job_type", Text, nullable=False),
    Column("run_id", Text),
    upload_id(nullable=True),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("progress", Float, nullable=False, server_default="0"),
    moment("started_at", required=True),
    moment("completed_at"),
    Column("duration_s", Float),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("worker", Text),
    one_of("status", ("running", "completed", "failed", "abandoned"), "status"),
)

answer_reviews = Table(
    "answer_reviews",
    metadata,
    row_id(),
    Column("question_answer_id", UUID(as_uuid=True), ForeignKey("question_answers.id"), nullable=False, index=True),
    upload_id(),
    Column("verdict", Text, nullable=False),
    Column("resulting_answer_id", UUID(as_uuid=True), ForeignKey("question_answers.id"), unique=True),
    Column("corrected_value", JSONB(none_as_null=True)),
    Column("reviewer", Text, nullable=False),
    moment("reviewed_at", required=True),
    Column("notes", Text),
    one_of("verdict", ("confirmed", "corrected", "not_asked"), "verdict"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", Text, primary_key=True),
    moment("beat_at", required=True),
    Column("versions", JSONB, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=True),
    moment("at", required=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("details", JSONB, nullable=False),
    Column("chain_no", BigInteger, unique=True),
    Column("previous_hash", Text),
    Column("row_hash", Text),
)
