"""The id that an upload keeps from its request to the marts, and the span in which it came.

Revision: 0008
Before: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversation_uploads", sa.Column("correlation_id", sa.Text()))
    op.add_column("conversation_uploads", sa.Column("traceparent", sa.Text()))
    op.add_column("upload_receipts", sa.Column("correlation_id", sa.Text()))


def downgrade() -> None:
    op.drop_column("upload_receipts", "correlation_id")
    op.drop_column("conversation_uploads", "traceparent")
    op.drop_column("conversation_uploads", "correlation_id")
