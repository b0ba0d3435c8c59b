"""Quality: evaluations against references, challenges of current answers, and what a confidence was weighed from.

Revision: 0004
Before: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.store.roles import API_ROLE

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTS = ("n_conversations", "n_questions", "n_right", "n_wrong", "n_missed", "n_claims_made", "n_confidences")
_RATES = (
    "precision", "recall", "f1", "state_accuracy", "false_answer_rate", "unsupported_rate", "ece", "brier",
    "word_error_rate",
)  # fmt: skip
_TABLES = (
    "evaluations", "evaluation_tallies", "cohorts", "cohort_uploads", "challenges", "challenge_replicates",
    "challenge_comparisons",
)  # fmt: skip


def upgrade() -> None:
    _create_evaluations()
    _create_cohorts()
    _create_challenges()
    op.add_column("extraction_attempts", sa.Column("challenge_id", sa.UUID(), nullable=True))
    op.create_index(op.f("ix_extraction_attempts_challenge_id"), "extraction_attempts", ["challenge_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_extraction_attempts_challenge_id"), "extraction_attempts", "challenges", ["challenge_id"], ["id"]
    )
    op.add_column("question_answers", sa.Column("signs", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("question_answers", sa.Column("confidence_version", sa.Text(), nullable=True))
    op.execute(f"grant select on {', '.join(_TABLES)} to {API_ROLE}")


def downgrade() -> None:
    op.drop_column("question_answers", "confidence_version")
    op.drop_column("question_answers", "signs")
    # The older version takes every call for the upload's own and scores those of its last attempt: attempt 0 is never
    # the last, and the money stays counted.
    op.execute("update extraction_attempts set attempt = 0 where challenge_id is not null")
    op.drop_constraint(op.f("fk_extraction_attempts_challenge_id"), "extraction_attempts", type_="foreignkey")
    op.drop_index(op.f("ix_extraction_attempts_challenge_id"), table_name="extraction_attempts")
    op.drop_column("extraction_attempts", "challenge_id")
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_evaluations() -> None:
    op.create_table(
        "evaluations",
        *_id(),
        sa.Column(
            "evaluated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("references_sha256", sa.Text(), nullable=False),
        *_integers("n_references", "n_missing", "n_ambiguous", *_COUNTS),
        *(sa.Column(name, sa.Float(), nullable=True) for name in _RATES),
        *(
            sa.Column(name, postgresql.JSONB(), nullable=False)
            for name in ("reliability", "claims_dropped", "versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_table(
        "evaluation_tallies",
        *_id(),
        sa.Column("evaluation_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_integers("n_right", "n_wrong", "n_missed"),
        sa.CheckConstraint("kind in ('question', 'state')", name=op.f("ck_evaluation_tallies_kind")),
        _key("evaluation_tallies", "evaluation_id", "evaluations", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_tallies")),
    )
    _index("evaluation_tallies", "evaluation_id")


def _create_cohorts() -> None:
    op.create_table(
        "cohorts",
        *_id(),
        sa.Column("frozen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("chosen_by", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohorts")),
    )
    op.create_table(
        "cohort_uploads",
        sa.Column("cohort_id", sa.UUID(), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        sa.Column("transcription_id", sa.UUID(), nullable=False),
        *_integers("place"),
        sa.Column("answer_ids", postgresql.JSONB(), nullable=False),
        _key("cohort_uploads", "cohort_id", "cohorts", ondelete="CASCADE"),
        _key("cohort_uploads", "upload_id", "conversation_uploads"),
        _key("cohort_uploads", "transcription_id", "conversation_transcriptions", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cohort_id", "upload_id", name=op.f("pk_cohort_uploads")),
    )
    _index("cohort_uploads", "upload_id", "transcription_id")


def _create_challenges() -> None:
    op.create_table(
        "challenges",
        *_id(),
        sa.Column("cohort_id", sa.UUID(), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        *_integers("n_replicates"),
        sa.Column("figures", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        _key("challenges", "cohort_id", "cohorts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenges")),
    )
    _index("challenges", "cohort_id")
    _create_part_of_challenge(
        "challenge_replicates",
        *_integers("replicate", "n_claims_made", "n_claims_accepted"),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("latency_s", sa.Float(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
    )
    _create_part_of_challenge(
        "challenge_comparisons",
        sa.Column("question_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("challenger_states", postgresql.JSONB(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        *_integers("n_pairs", "n_pairs_same"),
    )


def _create_part_of_challenge(table: str, *columns: "sa.Column[object]") -> None:
    op.create_table(
        table,
        *_id(),
        sa.Column("challenge_id", sa.UUID(), nullable=False),
        sa.Column("upload_id", sa.UUID(), nullable=False),
        *columns,
        _key(table, "challenge_id", "challenges", ondelete="CASCADE"),
        _key(table, "upload_id", "conversation_uploads"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    _index(table, "challenge_id", "upload_id")


def _id() -> "list[sa.Column[object]]":
    return [sa.Column("id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False)]


def _integers(*names: str) -> "list[sa.Column[object]]":
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _key(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
