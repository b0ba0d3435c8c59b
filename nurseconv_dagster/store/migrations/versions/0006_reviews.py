"""The answer that a verdict made, and a quick way to the answers that wait for one.

Revision: 0006
Before: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMN = "resulting_answer_id"


def upgrade() -> None:
    op.add_column("answer_reviews", sa.Column(_COLUMN, sa.UUID(), nullable=True))
    op.create_foreign_key(
        op.f("fk_answer_reviews_resulting_answer_id"), "answer_reviews", "question_answers", [_COLUMN], ["id"]
    )
    op.create_unique_constraint(op.f("uq_answer_reviews_resulting_answer_id"), "answer_reviews", [_COLUMN])
    op.create_index(
        "ix_question_answers_review",
        "question_answers",
        ["upload_id"],
        unique=False,
        postgresql_where=sa.text("is_current and needs_review"),
    )


def downgrade() -> None:
    op.drop_index("ix_question_answers_review", table_name="question_answers")
    op.drop_column("answer_reviews", _COLUMN)
