"""Checks of the four assets of an upload, each a question to the store that has to be answered with nought.

What lives here: `ledger_checks`.
When to add here: a promise about rows of the store; its query goes into `store.promises`.
What to keep out: SQL, and rows.
"""

from dagster import AssetCheckResult, AssetChecksDefinition, asset_check

from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.store.promises import PROMISES, Promise, count_broken


def _check(promise: Promise) -> AssetChecksDefinition:
    @asset_check(asset=promise.asset, name=promise.name, description=promise.sentence)
    def check(store: StoreResource) -> AssetCheckResult:
        n_broken = count_broken(store.engine, promise)
        return AssetCheckResult(passed=n_broken == 0, metadata={"n_broken": n_broken})

    return check


ledger_checks = [_check(promise) for promise in PROMISES]
