"""The tables of access: keys of the API, sessions of the pages, and how fast each caller may come.

What lives here: `api_keys`, `page_sessions`, `rate_limits`.
When to add here: a column about who may, together with a migration that goes forward and back.
What to keep out: queries (`keys`, `sessions`, `rate_limits`); what was accessed (`audit_log`).
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from nurseconv_dagster.store.columns import deadline, metadata, moment

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("secret_sha256", Text, nullable=False),
    Column("scopes", JSONB, nullable=False),
    Column("units", JSONB, nullable=False),
    moment("created_at", required=True),
    moment("expires_at"),
    moment("rotated_at"),
    moment("revoked_at"),
    moment("last_used_at"),
)

page_sessions = Table(
    "page_sessions",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("key_id", Text, ForeignKey("api_keys.id"), index=True),
    Column("secret_sha256", Text),
    Column("scopes", JSONB, nullable=False),
    Column("units", JSONB, nullable=False),
    moment("created_at", required=True),
    deadline("expires_at"),
    Index(None, "expires_at"),
)

# Unlogged: a row is written with every request and is worth nothing after a minute. A crash of the server empties the
# table, and everybody may come again.
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("subject", Text, primary_key=True),
    deadline("due_at"),
    Index(None, "due_at"),
    prefixes=["UNLOGGED"],
)
