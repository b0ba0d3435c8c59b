"""Keys of the API's callers: one key stands for one upload.

Revision: 0007
Before: 0006
"""

import sqlalchemy as sa
from alembic import op

from nurseconv_dagster.store.roles import API_ROLE

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["conversation_uploads.id"], name=op.f("fk_idempotency_keys_upload_id")),
        sa.PrimaryKeyConstraint("key_sha256", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_upload_id"), "idempotency_keys", ["upload_id"], unique=False)
    op.execute(f"grant select, insert on idempotency_keys to {API_ROLE}")


def downgrade() -> None:
    op.drop_table("idempotency_keys")
