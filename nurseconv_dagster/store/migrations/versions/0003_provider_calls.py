"""Calls of hosted models in two steps, breakers shared by all processes, replies that were paid for, hops of answers.

Revision: 0003
Before: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.store.roles import API_ROLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CALLS = "extraction_attempts"
_COUNTS = ("n_claims_made", "n_claims_accepted", "n_claims_with_numbers", "n_claims_with_faithful_numbers")
_NEW_COLUMNS = ("unit", "credential", "privacy", "is_cached", "reserved_usd", "expires_at")


def upgrade() -> None:
    _open_calls_in_two_steps()
    _create_provider_breakers()
    _create_provider_replies()
    op.add_column(
        "question_answers",
        sa.Column("hops", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
    )
    # Metrics tell which breaker is open. Replies hold words: no reader's role sees them.
    op.execute(f"grant select on provider_breakers to {API_ROLE}")


def downgrade() -> None:
    op.drop_column("question_answers", "hops")
    op.drop_table("provider_replies")
    op.drop_table("provider_breakers")
    op.drop_index("ix_extraction_attempts_started", table_name=_CALLS)
    op.drop_index(op.f("ix_extraction_attempts_called_at"), table_name=_CALLS)
    op.drop_constraint(op.f("ck_extraction_attempts_outcome"), _CALLS, type_="check")
    # The older version knows no call without an end: what it reserved stays as its cost, so no day gets cheaper.
    op.execute(
        "update extraction_attempts set outcome = 'error', error_class = 'CallNeverEnded', "
        "cost_usd = coalesce(cost_usd, reserved_usd) where outcome = 'started'"
    )
    op.execute("update extraction_attempts set latency_s = 0 where latency_s is null")
    op.alter_column(_CALLS, "latency_s", nullable=False)
    for name in (*_COUNTS, "n_claims_dropped"):
        op.alter_column(_CALLS, name, server_default=None)
    for name in reversed(_NEW_COLUMNS):
        op.drop_column(_CALLS, name)


def _open_calls_in_two_steps() -> None:
    op.add_column(_CALLS, sa.Column("unit", sa.Text(), nullable=True))
    op.add_column(_CALLS, sa.Column("credential", sa.Text(), nullable=True))
    op.add_column(_CALLS, sa.Column("privacy", sa.Text(), nullable=True))
    op.add_column(_CALLS, sa.Column("is_cached", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(_CALLS, sa.Column("reserved_usd", sa.Float(), nullable=True))
    op.add_column(_CALLS, sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column(_CALLS, "latency_s", nullable=True)
    for name in _COUNTS:
        op.alter_column(_CALLS, name, server_default="0")
    op.alter_column(_CALLS, "n_claims_dropped", server_default=sa.text("'{}'::jsonb"))
    op.create_check_constraint(
        op.f("ck_extraction_attempts_outcome"), _CALLS, "outcome in ('started', 'ok', 'error', 'skipped')"
    )
    op.create_index(op.f("ix_extraction_attempts_called_at"), _CALLS, ["called_at"], unique=False)
    op.create_index(
        "ix_extraction_attempts_started",
        _CALLS,
        ["provider", "credential"],
        unique=False,
        postgresql_where=sa.text("outcome = 'started'"),
    )


def _create_provider_breakers() -> None:
    op.create_table(
        "provider_breakers",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("n_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n_openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_proven", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probe_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("provider", "credential", name=op.f("pk_provider_breakers")),
    )


def _create_provider_replies() -> None:
    op.create_table(
        "provider_replies",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("finish", sa.Text(), nullable=False),
        sa.Column("usage", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["conversation_uploads.id"], name=op.f("fk_provider_replies_upload_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_provider_replies")),
    )
    op.create_index(op.f("ix_provider_replies_upload_id"), "provider_replies", ["upload_id"], unique=False)
