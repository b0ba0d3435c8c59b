"""The work without a daemon: the same definitions, sensors and jobs, evaluated here until nothing is due.

What lives here: `drive()`, `run_job()`, and what becomes of runs whose process is gone.
When to add here: nothing; a trigger belongs in `automation`, where the daemon finds it too.
What to keep out: what people see (progress, reports).
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from nurseconv_dagster.errors import UploadBusyError
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit, listings, planning, reporting
from nurseconv_dagster.store.recovery import hand_back

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions, RunRequest

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class Driven:
    """What the driving came to.

    Args:
        n_runs: runs executed.
        n_failed_runs: runs in which at least one upload did not get through; the ledger has the reasons.
        is_reported: whether everything at an end is in the marts.
    """

    n_runs: int
    n_failed_runs: int
    is_reported: bool


def drive(settings: Settings, on_run: Callable[[str, bool], None] = lambda job, ok: None) -> Driven:
    """Works until nothing is due: every upload at an end, and in the marts unless their build fails.

    Args:
        on_run: told each run's job and whether it succeeded.

    Raises:
        UploadBusyError: another `nurseconv` is driving this home.
    """
    from dagster import DagsterInstance

    from nurseconv_dagster.definitions import defs
    from nurseconv_dagster.resources.stores import StoreResource, keep_connections

    with _alone(settings), DagsterInstance.get() as instance:
        keep_connections(instance)
        if not listings.daemon_is_alive(StoreResource().engine, settings.reconcile_every_s):
            _bury(instance)
        return _drive(defs, instance, on_run)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One command at a time does the work of a home."""
    lock = FileLock(settings.home / "driver.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UploadBusyError(
            "another nurseconv command is already doing the work of this home; wait for it, or run `nurseconv up`."
        ) from None
    try:
        yield
    finally:
        lock.release()


def run_job(settings: Settings, job_name: str, op_config: dict[str, Any]) -> str:
    """The id of the run of a job of one asset, made here and now, daemon or not.

    Args:
        op_config: of the asset, by its name.

    Raises:
        UploadBusyError: another `nurseconv` is driving this home.
        NurseconvError: as the asset raised it.
    """
    from dagster import DagsterInstance

    from nurseconv_dagster.definitions import defs
    from nurseconv_dagster.resources.stores import keep_connections

    # The lock, with a daemon too: whoever finds it free may take a run of this process for a dead one.
    with _alone(settings), DagsterInstance.get() as own:
        keep_connections(own)
        result = defs.resolve_job_def(job_name).execute_in_process(
            run_config={**_QUIET, "ops": {name: {"config": config} for name, config in op_config.items()}}, instance=own
        )
    return result.run_id


def bury_dead_runs(settings: Settings) -> int:
    """How many runs that a crash left "started" are told failed, so that they hold no place in Dagster's queue.

    Called where no daemon's run can be alive. Runs of a command that drives this home itself are let alone, and so is
    the ledger: leases put the work back, and count what crashed.
    """
    with _nobody_drives(settings) as instance:
        return _bury(instance) if instance else 0


def hand_back_work(settings: Settings) -> int:
    """How many uploads a wished stop has put back, counted against nobody; called where nothing runs any more."""
    from nurseconv_dagster.resources.stores import StoreResource

    with _nobody_drives(settings) as instance:
        if instance is None:
            return 0
        _bury(instance)
        return hand_back(StoreResource().engine, workers_go_on=settings.has_celery)


@contextmanager
def _nobody_drives(settings: Settings) -> Iterator[DagsterInstance | None]:
    """Dagster's instance while no command drives this home; null when one does."""
    from dagster import DagsterInstance

    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(settings.home / "driver.lock", timeout=0))
        except Timeout:
            yield None
            return
        yield stack.enter_context(DagsterInstance.get())


def _bury(instance: DagsterInstance) -> int:
    from dagster import DagsterRunStatus, RunsFilter

    dead = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    runs = instance.get_runs(RunsFilter(statuses=dead))
    for run in runs:
        instance.report_run_failed(run, "its process is gone")
    return len(runs)


def _drive(defs: Definitions, instance: DagsterInstance, on_run: Callable[[str, bool], None]) -> Driven:
    from nurseconv_dagster.automation.reconciler_sensor import reconcile
    from nurseconv_dagster.resources.stores import StoreResource

    store = StoreResource()
    outcomes: list[bool] = []
    while True:
        # Runs are executed here, one after the other: between two of them, none that exists can be alive.
        reconcile(store, lambda key: not _run_exists(instance, key), unclaimed_after_s=0)
        requests = [r for r in _tick(defs, instance) if not _run_exists(instance, r.run_key or "")]
        for request in requests:
            outcomes.append(_execute(defs, instance, request))
            on_run(request.job_name or "", outcomes[-1])
        if requests:
            continue
        audit.seal(store.engine)
        if not planning.n_waiting(store.engine):
            is_reported = reporting.oldest_unreported_s(store.engine) is None
            return Driven(len(outcomes), outcomes.count(False), is_reported)
        time.sleep(1)


def _tick(defs: Definitions, instance: DagsterInstance) -> list[RunRequest]:
    """The intake sensor's answer, as the daemon would get it."""
    from dagster import build_sensor_context

    sensor = defs.get_sensor_def("intake_sensor")
    resources = {name: (defs.resources or {})[name] for name in sensor.required_resource_keys}
    with build_sensor_context(instance=instance, definitions=defs, resources=resources) as context:
        return list(sensor.evaluate_tick(context).run_requests or [])


def _execute(defs: Definitions, instance: DagsterInstance, request: RunRequest) -> bool:
    job = defs.resolve_job_def(request.job_name or "")
    if request.asset_selection:
        job = job.get_subset(asset_selection=set(request.asset_selection), asset_check_selection=set())
    with redirect_stdout(io.StringIO()):  # dbt's progress is in the run's log; a terminal shows ours
        result = job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            tags={**request.tags, "dagster/run_key": request.run_key or ""},
            raise_on_error=False,
        )
    return result.success


def _run_exists(instance: DagsterInstance, run_key: str) -> bool:
    from dagster import RunsFilter

    return instance.get_runs_count(RunsFilter(tags={"dagster/run_key": run_key})) > 0
