"""Alembic's environment: runs inside the caller's connection, see `nurseconv_dagster.store.schema`.

What lives here: what Alembic asks for, no more.
When to add here: an option that every migration needs.
What to keep out: addresses and connections; the caller has one.
"""

from __future__ import annotations

from alembic import context

from nurseconv_dagster.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
