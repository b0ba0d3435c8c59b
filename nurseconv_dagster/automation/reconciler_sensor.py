"""The reconciler: puts work back that a crash has orphaned, seals the audit log, tidies the vault, says it is alive.

What lives here: `reconciler_sensor`.
When to add here: upkeep that must happen every half minute whatever else runs.
What to keep out: what counts as lost (store.recovery); asking for runs (the intake sensor's next tick does).
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from nurseconv_dagster.automation.queues import QUEUED_AT_MOST_S
from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.vault import vault_of
from nurseconv_dagster.resources.stages import RUN_KEY_TAG
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import load_settings
from nurseconv_dagster.store import audit, erasure, listings, retention, tombstones
from nurseconv_dagster.store.recovery import Recovered, recover

# A plan is written a moment before its run exists.
UNCLAIMED_AFTER_S = 60.0
CLAIMS_WITHIN_S = 120.0
# Nothing that is still being received is older: a sender who is silent for a minute is cut off.
LEFTOVER_AFTER_S = 3600.0
_log = logging.getLogger(__name__)
_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


@sensor(
    minimum_interval_seconds=load_settings().reconcile_every_s,
    default_status=DefaultSensorStatus.RUNNING,
    description="Puts work back whose run is gone, seals the audit log, writes the heartbeat.",
)
def reconciler_sensor(context: SensorEvaluationContext, store: StoreResource) -> SkipReason:
    """Asks for no run itself; says in counts what it found."""
    recovered = reconcile(store, partial(run_is_alive, context.instance))
    n_sealed = audit.seal(store.engine)
    listings.beat(store.engine, listings.DAEMON, {"nurseconv": version("nurseconv"), "dagster": version("dagster")})
    n_expired = erase_expired(store)
    n_tidied = tidy_vault(store)
    tell_backups(store)
    return SkipReason(
        f"put back {recovered.n_requeued}, gave up {recovered.n_given_up}, sealed {n_sealed} audit rows, "
        f"erased {n_expired} uploads by age, took {n_tidied} leftovers out of the vault"
    )


def erase_expired(store: StoreResource) -> int:
    """How many uploads were older than `RETENTION_DAYS`, and are erased now; a tick takes so many at most."""
    settings = store.settings
    if settings.retention_days is None:
        return 0
    try:
        return retention.erase_expired(store.engine, settings.retention_days, settings.home)
    except VaultUnavailableError as error:  # the next tick tries again
        _log.warning("uploads were not erased by age: %s", error)
        return 0


def tell_backups(store: StoreResource) -> None:
    """The folder of the newest backup knows what was erased since."""
    try:
        if tombstones.tell_backups(store.settings.home) is None:
            _log.warning("the folder of the newest backup is not mounted here: it is told of no erasure")
    except (OSError, ValueError, KeyError) as error:
        _log.warning("the folder of the newest backup was not told of erasures (%s)", type(error).__name__)


def tidy_vault(store: StoreResource) -> int:
    """How many files nobody wants any more: objects of cut-off erasures, half-received files of killed processes."""
    vault = vault_of(store.settings)
    try:
        return erasure.finish_erasures(store.engine, vault) + vault.remove_leftovers(LEFTOVER_AFTER_S)
    except VaultUnavailableError as error:  # the next tick tries again; the reconciling must not wait for a disk
        _log.warning("the vault was not tidied: %s", error)
        return 0


def reconcile(
    store: StoreResource, is_run_alive: Callable[[str], bool], *, unclaimed_after_s: float = UNCLAIMED_AFTER_S
) -> Recovered:
    """What was put right in the ledger.

    Args:
        is_run_alive: by run key; the one thing that Dagster is asked.
        unclaimed_after_s: how long a plan may wait for its run before that is asked.
    """
    settings = store.settings
    return recover(
        store.engine,
        max_attempts=settings.max_attempts,
        stale_after_s=settings.stale_after_s,
        unclaimed_after_s=unclaimed_after_s,
        is_run_alive=is_run_alive,
        queued_at_most_s=QUEUED_AT_MOST_S if settings.has_celery else None,
    )


def run_is_alive(instance: DagsterInstance, run_key: str) -> bool:
    """Whether the run of a plan may still claim it; one that does not exist yet may.

    A process killed right after its start leaves a run that stays "started" for ever: claiming is the first thing a run
    does, so a run that has not claimed anything for two minutes after its start is dead.
    """
    records = instance.get_run_records(RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
    if not records:
        return True
    status, started = records[0].dagster_run.status, records[0].start_time
    if status in _ENDED:
        return False
    return started is None or time.time() - started < CLAIMS_WITHIN_S
