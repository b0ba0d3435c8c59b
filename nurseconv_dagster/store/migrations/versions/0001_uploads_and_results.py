"""Uploads, receipts, transcripts, answers and scores.

Revision: 0001
Before: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "conversation_uploads",
    "upload_receipts",
    "conversation_transcriptions",
    "question_answers",
    "conversation_scores",
)


def upgrade() -> None:
    _create_conversation_uploads()
    _create_upload_receipts()
    _create_conversation_transcriptions()
    _create_question_answers()
    _create_conversation_scores()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_conversation_uploads() -> None:
    op.create_table(
        "conversation_uploads",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("original_filename", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("identity_key", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=True),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column(
            "damage", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("stage", sa.Text(), server_default="uploads", nullable=False),
        sa.Column("priority", sa.Text(), server_default="normal", nullable=False),
        sa.Column("restart_from", sa.Text(), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("runs_alone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_key", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("partition_no", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("nurse_id", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("encounter_id", sa.Text(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("consent", sa.Boolean(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("processing_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processing_completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_version", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('audio', 'text')", name=op.f("ck_conversation_uploads_kind")),
        sa.CheckConstraint("priority in ('normal', 'high')", name=op.f("ck_conversation_uploads_priority")),
        sa.CheckConstraint(
            "restart_from in ('uploads', 'transcriptions', 'answers', 'scores')",
            name=op.f("ck_conversation_uploads_restart_from"),
        ),
        sa.CheckConstraint(
            "stage in ('uploads', 'transcriptions', 'answers', 'scores', 'done')",
            name=op.f("ck_conversation_uploads_stage"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'processing', 'completed', 'failed', 'rejected', 'cancelled', 'erased')",
            name=op.f("ck_conversation_uploads_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_uploads")),
        sa.UniqueConstraint("identity_key", name=op.f("uq_conversation_uploads_identity_key")),
        sa.UniqueConstraint("partition_no", name=op.f("uq_conversation_uploads_partition_no")),
    )
    op.create_index(
        op.f("ix_conversation_uploads_content_sha256"), "conversation_uploads", ["content_sha256"], unique=False
    )
    op.create_index(op.f("ix_conversation_uploads_created_at"), "conversation_uploads", ["created_at"], unique=False)
    op.create_index(
        "ix_conversation_uploads_open",
        "conversation_uploads",
        ["stage"],
        unique=False,
        postgresql_where=sa.text("status in ('pending', 'processing')"),
    )
    op.create_index(op.f("ix_conversation_uploads_run_key"), "conversation_uploads", ["run_key"], unique=False)
    op.create_index(op.f("ix_conversation_uploads_status"), "conversation_uploads", ["status"], unique=False)


def _create_upload_receipts() -> None:
    op.create_table(
        "upload_receipts",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("received_by", sa.Text(), nullable=True),
        sa.Column("original_filename", sa.Text(), nullable=False),
        sa.Column("sidecar", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["conversation_uploads.id"], name=op.f("fk_upload_receipts_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_receipts")),
    )
    op.create_index(
        op.f("ix_upload_receipts_location_received_at"), "upload_receipts", ["location", "received_at"], unique=False
    )
    op.create_index(op.f("ix_upload_receipts_upload_id"), "upload_receipts", ["upload_id"], unique=False)


def _create_conversation_transcriptions() -> None:
    op.create_table(
        "conversation_transcriptions",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("full_text", sa.Text(), nullable=False),
        sa.Column("segments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("language_probability", sa.Float(), nullable=True),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_revision", sa.Text(), nullable=False),
        sa.Column("compute_type", sa.Text(), nullable=False),
        sa.Column("processing_time_s", sa.Float(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("snr_db", sa.Float(), nullable=True),
        sa.Column("confidence_score", sa.Float(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("outcome in ('speech', 'no_speech')", name=op.f("ck_conversation_transcriptions_outcome")),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["conversation_uploads.id"], name=op.f("fk_conversation_transcriptions_upload_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_transcriptions")),
        sa.UniqueConstraint("upload_id", "run_no", name=op.f("uq_conversation_transcriptions_upload_id_run_no")),
    )
    op.create_index(
        op.f("ix_conversation_transcriptions_upload_id"), "conversation_transcriptions", ["upload_id"], unique=False
    )
    op.create_index(
        "uq_conversation_transcriptions_current",
        "conversation_transcriptions",
        ["upload_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )


def _create_question_answers() -> None:
    op.create_table(
        "question_answers",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("transcription_id", sa.UUID(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("question_id", sa.Text(), nullable=False),
        sa.Column("question_text", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("value_type", sa.Text(), nullable=False),
        sa.Column("is_phi", sa.Boolean(), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("is_safety_critical", sa.Boolean(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer_text", sa.Text(), nullable=True),
        sa.Column("answer_value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("is_valid", sa.Boolean(), nullable=False),
        sa.Column("confidence_score", sa.Float(), nullable=True),
        sa.Column("is_confident", sa.Boolean(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("review_reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("context_start_char", sa.Integer(), nullable=True),
        sa.Column("context_end_char", sa.Integer(), nullable=True),
        sa.Column("timestamp_start_s", sa.Float(), nullable=True),
        sa.Column("timestamp_end_s", sa.Float(), nullable=True),
        sa.Column("evidence_quote", sa.Text(), nullable=True),
        sa.Column("evidence_grade", sa.Text(), nullable=True),
        sa.Column("speaker_role", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("prompt_sha256", sa.Text(), nullable=False),
        sa.Column("catalogue_version", sa.Text(), nullable=False),
        sa.Column("processing_time_s", sa.Float(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "state in ('answered', 'denied', 'not_asked', 'asked_no_answer', 'declined', 'unable', 'conflicting', "
            "'not_applicable')",
            name=op.f("ck_question_answers_state"),
        ),
        sa.ForeignKeyConstraint(
            ["transcription_id"], ["conversation_transcriptions.id"], name=op.f("fk_question_answers_transcription_id")
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["conversation_uploads.id"], name=op.f("fk_question_answers_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_answers")),
        sa.UniqueConstraint(
            "upload_id", "question_id", "run_no", name=op.f("uq_question_answers_upload_id_question_id_run_no")
        ),
    )
    op.create_index(op.f("ix_question_answers_upload_id"), "question_answers", ["upload_id"], unique=False)
    op.create_index(
        "uq_question_answers_current",
        "question_answers",
        ["upload_id", "question_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )


def _create_conversation_scores() -> None:
    op.create_table(
        "conversation_scores",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("completeness_score", sa.Float(), nullable=True),
        sa.Column("required_completeness", sa.Float(), nullable=True),
        sa.Column("safety_completeness", sa.Float(), nullable=True),
        sa.Column("confidence_score", sa.Float(), nullable=True),
        sa.Column("patient_info_score", sa.Float(), nullable=True),
        sa.Column("medical_history_score", sa.Float(), nullable=True),
        sa.Column("assessment_score", sa.Float(), nullable=True),
        sa.Column("treatment_score", sa.Float(), nullable=True),
        sa.Column("evidence_coverage", sa.Float(), nullable=True),
        sa.Column("number_faithfulness", sa.Float(), nullable=True),
        sa.Column("transcription_quality_score", sa.Float(), nullable=True),
        sa.Column("information_density_score", sa.Float(), nullable=True),
        sa.Column("communication_score", sa.Float(), nullable=True),
        sa.Column("safety_score", sa.Float(), nullable=True),
        sa.Column("overall_score", sa.Float(), nullable=True),
        sa.Column("questions_answered", sa.Integer(), nullable=False),
        sa.Column("questions_total", sa.Integer(), nullable=False),
        sa.Column("high_confidence_answers", sa.Integer(), nullable=False),
        sa.Column("answers_requiring_review", sa.Integer(), nullable=False),
        sa.Column("components", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dynamics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("news2", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("score_version", sa.Text(), nullable=False),
        sa.Column("catalogue_version", sa.Text(), nullable=False),
        sa.Column(
            "calculated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["conversation_uploads.id"], name=op.f("fk_conversation_scores_upload_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_scores")),
        sa.UniqueConstraint("upload_id", "run_no", name=op.f("uq_conversation_scores_upload_id_run_no")),
    )
    op.create_index(op.f("ix_conversation_scores_upload_id"), "conversation_scores", ["upload_id"], unique=False)
    op.create_index(
        "uq_conversation_scores_current",
        "conversation_scores",
        ["upload_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )
