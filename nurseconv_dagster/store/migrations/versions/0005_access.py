"""Who may: keys of the API, sessions of the pages, rate limits.

Revision: 0005
Before: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.store.roles import API_ROLE

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_api_keys()
    _create_page_sessions()
    _create_rate_limits()
    op.execute(f"grant select, insert, update on api_keys to {API_ROLE}")
    op.execute(f"grant select, insert, update, delete on page_sessions, rate_limits to {API_ROLE}")


def downgrade() -> None:
    op.drop_table("rate_limits")
    op.drop_table("page_sessions")
    op.drop_table("api_keys")


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _created_at() -> sa.Column[object]:
    return sa.Column(
        "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("units", postgresql.JSONB(), nullable=False),
        _created_at(),
        _moment("expires_at"),
        _moment("rotated_at"),
        _moment("revoked_at"),
        _moment("last_used_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )


def _create_page_sessions() -> None:
    op.create_table(
        "page_sessions",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("secret_sha256", sa.Text(), nullable=True),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("units", postgresql.JSONB(), nullable=False),
        _created_at(),
        _moment("expires_at", nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_page_sessions_key_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_page_sessions")),
    )
    op.create_index(op.f("ix_page_sessions_key_id"), "page_sessions", ["key_id"], unique=False)
    op.create_index(op.f("ix_page_sessions_expires_at"), "page_sessions", ["expires_at"], unique=False)


def _create_rate_limits() -> None:
    op.create_table(
        "rate_limits",
        sa.Column("subject", sa.Text(), nullable=False),
        _moment("due_at", nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_rate_limits")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_rate_limits_due_at"), "rate_limits", ["due_at"], unique=False)
