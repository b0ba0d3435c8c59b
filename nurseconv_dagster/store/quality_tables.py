"""The tables of quality: evaluations against references, and challenges of the current answers. Counts, never words.

What lives here: `evaluations` with their tallies, `cohorts` with their uploads, `challenges` with their replicates and
comparisons.
When to add here: a figure of quality, together with a migration that goes forward and back.
What to keep out: queries (`evaluations`, `challenges`).
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from nurseconv_dagster.store.columns import metadata, moment, one_of, row_id, upload_id

COUNTS = ("n_conversations", "n_questions", "n_right", "n_wrong", "n_missed", "n_claims_made", "n_confidences")
RATES = (
    "precision", "recall", "f1", "state_accuracy", "false_answer_rate", "unsupported_rate", "ece", "brier",
    "word_error_rate",
)  # fmt: skip


def _of(table: str, *, deleted_with: bool = False, primary: bool = False) -> Column[object]:
    """The row of another table that a row belongs to."""
    name, target = (
        table.removesuffix("s") + "_id",
        ForeignKey(f"{table}.id", ondelete="CASCADE" if deleted_with else None),
    )
    return Column(name, UUID(as_uuid=True), target, nullable=False, index=not primary, primary_key=primary)


evaluations = Table(
    "evaluations",
    metadata,
    row_id(),
    moment("evaluated_at", required=True),
    Column("references_sha256", Text, nullable=False),
    Column("n_references", Integer, nullable=False),
    Column("n_missing", Integer, nullable=False),
    Column("n_ambiguous", Integer, nullable=False),
    *(Column(name, Integer, nullable=False) for name in COUNTS),
    *(Column(name, Float) for name in RATES),
    Column("reliability", JSONB, nullable=False),
    Column("claims_dropped", JSONB, nullable=False),
    Column("versions", JSONB, nullable=False),
)

evaluation_tallies = Table(
    "evaluation_tallies",
    metadata,
    row_id(),
    _of("evaluations", deleted_with=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("n_right", Integer, nullable=False),
    Column("n_wrong", Integer, nullable=False),
    Column("n_missed", Integer, nullable=False),
    one_of("kind", ("question", "state"), "kind"),
)

cohorts = Table(
    "cohorts", metadata, row_id(), moment("frozen_at", required=True), Column("chosen_by", JSONB, nullable=False)
)

# A transcript that is erased leaves its cohorts; what was counted of it stays.
cohort_uploads = Table(
    "cohort_uploads",
    metadata,
    _of("cohorts", deleted_with=True, primary=True),
    Column("upload_id", UUID(as_uuid=True), ForeignKey("conversation_uploads.id"), primary_key=True, index=True),
    Column("place", Integer, nullable=False),
    Column(
        "transcription_id",
        UUID(as_uuid=True),
        ForeignKey("conversation_transcriptions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("answer_ids", JSONB, nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    row_id(),
    _of("cohorts"),
    moment("started_at", required=True),
    moment("completed_at"),
    Column("run_id", Text),
    Column("changes", JSONB, nullable=False),
    Column("n_replicates", Integer, nullable=False),
    Column("figures", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
)

challenge_replicates = Table(
    "challenge_replicates",
    metadata,
    row_id(),
    _of("challenges", deleted_with=True),
    upload_id(),
    Column("replicate", Integer, nullable=False),
    Column("error_code", Text),
    Column("latency_s", Float, nullable=False),
    Column("cost_usd", Float, nullable=False),
    Column("n_claims_made", Integer, nullable=False),
    Column("n_claims_accepted", Integer, nullable=False),
)

challenge_comparisons = Table(
    "challenge_comparisons",
    metadata,
    row_id(),
    _of("challenges", deleted_with=True),
    upload_id(),
    Column("question_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("challenger_states", JSONB, nullable=False),
    Column("changes", JSONB, nullable=False),
    Column("n_pairs", Integer, nullable=False),
    Column("n_pairs_same", Integer, nullable=False),
)
