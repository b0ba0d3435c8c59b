"""Dagster's partitions, as the ledger has numbered them.

What lives here: `add_partitions()` and `count_unknown()`.
When to add here: another question of what Dagster knows of the ledger's partitions.
What to keep out: adding keys as uploads arrive (automation.intake_sensor).
"""

from __future__ import annotations

from collections.abc import Sequence

UPLOADS = "uploads"


def add_partitions(keys: Sequence[str]) -> bool:
    """Whether Dagster had to be told: it knows these partitions now, in this order.

    A run over a range takes Dagster's order, so keys that it knows in another one are taken away and added again; what
    happened to them stays in its history.
    """
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        known = instance.get_dynamic_partitions(UPLOADS)
        if list(known) == list(keys):
            return False
        for key in known:
            instance.delete_dynamic_partition(UPLOADS, key)
        instance.add_dynamic_partitions(UPLOADS, list(keys))
    return True


def count_unknown(keys: Sequence[str]) -> int:
    """How many of these partitions Dagster does not know, or knows in another order."""
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        known = instance.get_dynamic_partitions(UPLOADS)
    places = {key: place for place, key in enumerate(known)}
    n_unknown, last = 0, -1
    for key in keys:
        if places.get(key, -1) > last:
            last = places[key]
        else:
            n_unknown += 1
    return n_unknown
