"""Erasure by age: uploads that are kept no longer than somebody has decided.

What lives here: `erase_expired()`.
When to add here: another rule about how long something is kept.
What to keep out: the erasure itself (erasure); when it runs (automation).
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, func, select

from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.erasure import erase_upload
from nurseconv_dagster.store.tables import conversation_uploads as uploads

# A tick of the reconciler has 60 s, and other work.
AT_MOST = 50
ACTOR = "retention"


def erase_expired(engine: Engine, retention_days: int, home: Path, at_most: int = AT_MOST) -> int:
    """How many uploads were erased, the oldest first, each in a transaction of its own with its audit row.

    Call `finish_erasures()` afterwards.

    Args:
        engine: the app's database.
        retention_days: an upload that arrived longer ago goes, whatever its state.
        home: the folder that holds `erased.log`.
        at_most: the rest waits for the next call.

    Raises:
        VaultUnavailableError: transient; the home's disk cannot be written. What was erased before stays so.
    """
    too_old = uploads.c.created_at < func.now() - func.make_interval(0, 0, 0, retention_days)
    query = (
        select(uploads.c.id).where(too_old, uploads.c.status != "erased").order_by(uploads.c.created_at).limit(at_most)
    )
    with transaction(engine) as connection:
        expired = [row.id for row in connection.execute(query)]
    n_erased = 0
    for upload_id in expired:
        with transaction(engine) as connection:
            row = select(uploads.c.status).where(uploads.c.id == upload_id).with_for_update()
            if connection.execute(row).scalar_one() != "erased":  # by a person, meanwhile
                erase_upload(connection, upload_id, home, ACTOR)
                n_erased += 1
    return n_erased
