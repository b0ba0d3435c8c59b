"""Jobs, provider calls, reviews, heartbeats, the append-only audit log, and the readers' roles.

Revision: 0002
Before: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.store import roles

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_EARLIER_TABLES = (
    "alembic_version", "conversation_uploads", "upload_receipts", "conversation_transcriptions", "question_answers",
    "conversation_scores",
)  # fmt: skip
_TABLES = ("processing_jobs", "extraction_attempts", "answer_reviews", "heartbeats", "audit_log")

_APPEND_ONLY = """
create function audit_log_append_only() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.chain_no is null
        and (new.seq, new.at, new.actor, new.action, new.subject, new.details)
            is not distinct from (old.seq, old.at, old.actor, old.action, old.subject, old.details) then
        return new;
    end if;
    raise exception 'audit_log is append-only';
end $$
"""


def upgrade() -> None:
    _create_processing_jobs()
    _create_extraction_attempts()
    _create_answer_reviews()
    _create_heartbeats()
    _create_audit_log()
    op.execute(_APPEND_ONLY)
    op.execute(
        "create trigger audit_log_append_only before update or delete on audit_log "
        "for each row execute function audit_log_append_only()"
    )
    roles.create_roles(op.get_bind())
    roles.grant_tables(op.get_bind(), (*_EARLIER_TABLES, *_TABLES))
    roles.forbid_strangers(op.get_bind())


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.execute("drop function audit_log_append_only()")


def _create_processing_jobs() -> None:
    op.create_table(
        "processing_jobs",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("upload_id", sa.UUID(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Float(), server_default="0", nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status in ('running', 'completed', 'failed', 'abandoned')", name=op.f("ck_processing_jobs_status")
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["conversation_uploads.id"], name=op.f("fk_processing_jobs_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processing_jobs")),
    )
    op.create_index(op.f("ix_processing_jobs_upload_id"), "processing_jobs", ["upload_id"], unique=False)


def _create_extraction_attempts() -> None:
    op.create_table(
        "extraction_attempts",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("question_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("latency_s", sa.Float(), nullable=False),
        sa.Column("n_claims_made", sa.Integer(), nullable=False),
        sa.Column("n_claims_accepted", sa.Integer(), nullable=False),
        sa.Column("n_claims_dropped", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("n_claims_with_numbers", sa.Integer(), nullable=False),
        sa.Column("n_claims_with_faithful_numbers", sa.Integer(), nullable=False),
        sa.Column("n_tokens_in", sa.Integer(), nullable=True),
        sa.Column("n_tokens_out", sa.Integer(), nullable=True),
        sa.Column("n_tokens_cached", sa.Integer(), nullable=True),
        sa.Column("n_tokens_thinking", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("price_version", sa.Text(), nullable=True),
        sa.Column("called_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["conversation_uploads.id"], name=op.f("fk_extraction_attempts_upload_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extraction_attempts")),
    )
    op.create_index(op.f("ix_extraction_attempts_upload_id"), "extraction_attempts", ["upload_id"], unique=False)


def _create_answer_reviews() -> None:
    op.create_table(
        "answer_reviews",
        sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("question_answer_id", sa.UUID(), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("corrected_value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column(
            "reviewed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "verdict in ('confirmed', 'corrected', 'not_asked')", name=op.f("ck_answer_reviews_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["question_answer_id"], ["question_answers.id"], name=op.f("fk_answer_reviews_question_answer_id")
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["conversation_uploads.id"], name=op.f("fk_answer_reviews_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_reviews")),
    )
    op.create_index(
        op.f("ix_answer_reviews_question_answer_id"), "answer_reviews", ["question_answer_id"], unique=False
    )
    op.create_index(op.f("ix_answer_reviews_upload_id"), "answer_reviews", ["upload_id"], unique=False)


def _create_heartbeats() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("versions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("chain_no", sa.BigInteger(), nullable=True),
        sa.Column("previous_hash", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("chain_no", name=op.f("uq_audit_log_chain_no")),
    )
