"""Erasing from the command line: what is about to go, the going, and the reporting tables after it.

What lives here: `erase_uploads()`.
When to add here: what an operator must be told before or after.
What to keep out: the erasure itself (store.erasure).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import typer

from nurseconv_dagster.intake.vault import vault_of
from nurseconv_dagster.operations.ingest import work_or_wait
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.erasure import erase_upload, finish_erasures


def erase_uploads(settings: Settings, upload_ids: Sequence[UUID]) -> None:
    """Prints one line an upload; the marts show none of them afterwards, by the daemon or by a build here and now.

    Raises:
        UnknownUploadError, ErasedUploadError: one of the ids; those before it are erased.
        VaultUnavailableError: transient; what is left is finished by the reconciler.
    """
    engine = open_engine(app_url(settings))
    try:
        for upload_id in upload_ids:
            with transaction(engine) as connection:
                n_copies = erase_upload(connection, upload_id, settings.home, "cli")
            note = f"; {n_copies} cop{'y' if n_copies == 1 else 'ies'} in the bucket for you to remove" * bool(n_copies)
            typer.echo(f"erased     {upload_id}{note}")
        finish_erasures(engine, vault_of(settings))
        work_or_wait(settings, engine, [], wait=False)
    finally:
        engine.dispose()
