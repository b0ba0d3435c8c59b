"""The tables of hosted models: each call, what is known of each provider's health, and replies paid for before.

What lives here: `extraction_attempts`, `provider_breakers`, `provider_replies`.
When to add here: a column about calls, together with a migration that goes forward and back.
What to keep out: queries (`call_desk`, `breakers`, `budgets`, `results`).
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from nurseconv_dagster.store.columns import metadata, moment, one_of, row_id, upload_id

OUTCOMES = ("started", "ok", "error", "skipped")

# A hosted call's row is written when the call begins and settled when it ends, so a call whose process died is still
# there with what was reserved for it. Readers on this machine write theirs at the end, with the answers.
extraction_attempts = Table(
    "extraction_attempts",
    metadata,
    row_id(),
    upload_id(),
    Column("attempt", Integer, nullable=False),
    # Null for the upload's own work. A challenge's calls are none of its answers': they count in no score.
    Column("challenge_id", UUID(as_uuid=True), ForeignKey("challenges.id"), index=True),
    Column("unit", Text),
    Column("provider", Text, nullable=False),
    Column("credential", Text),
    Column("model_name", Text, nullable=False),
    Column("privacy", Text),
    Column("outcome", Text, nullable=False),
    Column("error_class", Text),
    Column("question_ids", JSONB, nullable=False),
    Column("is_cached", Boolean, nullable=False, server_default=text("false")),
    Column("latency_s", Float),
    Column("n_claims_made", Integer, nullable=False, server_default="0"),
    Column("n_claims_accepted", Integer, nullable=False, server_default="0"),
    Column("n_claims_dropped", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("n_claims_with_numbers", Integer, nullable=False, server_default="0"),
    Column("n_claims_with_faithful_numbers", Integer, nullable=False, server_default="0"),
    Column("n_tokens_in", Integer),
    Column("n_tokens_out", Integer),
    Column("n_tokens_cached", Integer),
    Column("n_tokens_thinking", Integer),
    Column("reserved_usd", Float),
    Column("cost_usd", Float),
    Column("price_version", Text),
    moment("called_at", required=True),
    moment("expires_at"),
    one_of("outcome", OUTCOMES, "outcome"),
    Index(None, "called_at"),
    Index(
        "ix_extraction_attempts_started",
        "provider",
        "credential",
        postgresql_where=text("outcome = 'started'"),
    ),
)

provider_breakers = Table(
    "provider_breakers",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("credential", Text, primary_key=True),
    Column("n_failures", Integer, nullable=False, server_default="0"),
    Column("n_openings", Integer, nullable=False, server_default="0"),
    Column("is_proven", Boolean, nullable=False, server_default=text("false")),
    moment("opened_at"),
    moment("opened_until"),
    moment("probe_until"),
    Column("reason", Text),
    moment("updated_at", required=True),
)

provider_replies = Table(
    "provider_replies",
    metadata,
    Column("key", Text, primary_key=True),
    upload_id(),
    Column("reply", Text, nullable=False),
    Column("finish", Text, nullable=False),
    Column("usage", JSONB, nullable=False),
    Column("model_name", Text, nullable=False),
    moment("created_at", required=True),
)
