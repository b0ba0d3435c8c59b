"""Whether the audit log still says what was written into it.

What lives here: `verify_audit()`.
When to add here: another question a compliance officer asks of the log.
What to keep out: the chain itself (`store.audit`).
"""

from __future__ import annotations

import typer

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import app_url, open_engine


def verify_audit(settings: Settings) -> int:
    """0 when every chained row fits, else 1; prints which does not, and the newest hash to be kept elsewhere.

    The chain shows a changed or a missing row inside it. That its end was cut off, only a hash shows that somebody
    wrote down before: each later log must contain it.
    """
    engine = open_engine(app_url(settings))
    n_right, first_wrong = audit.verify(engine)
    n_waiting, newest = audit.n_unsealed(engine), audit.newest_hash(engine)
    engine.dispose()
    if first_wrong is not None:
        typer.echo(f"WRONG  row {first_wrong} was changed, or one before it is missing; {n_right} rows before it fit")
        return 1
    typer.echo(f"ok     {n_right} rows, the chain holds; {n_waiting} newer ones wait to be chained")
    typer.echo(f"       newest hash {newest}")
    return 0
