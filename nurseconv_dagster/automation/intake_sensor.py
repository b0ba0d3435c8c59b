"""The intake sensor: takes files in from the bucket, and asks for the runs that the ledger says are due.

What lives here: `intake_sensor` and its two halves, `take_in()` and `request_due()`.
When to add here: a rule about when the bucket is looked at or when runs are asked for.
What to keep out: what the door does with a file (intake), who may ride together (store.planning).
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from sqlalchemy import Engine

from nurseconv_dagster.automation.jobs import (
    ASSETS_FROM_STAGE,
    BUILD_MARTS,
    PROCESS_UPLOADS,
    build_marts,
    process_uploads,
)
from nurseconv_dagster.automation.partitions import uploads_partitions
from nurseconv_dagster.automation.queues import urgency
from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store import planning, reporting

INTAKE_EVERY_S = 5
# A sensor has 60 s; what is left waits for the next tick.
TAKE_IN_AT_MOST_S = 20.0
MARTS_AT_LATEST_S = 60.0
MARTS_RETRY_AFTER_S = 60.0
MARTS_GIVEN_UP_AFTER_S = 3600.0
# What a run prints where `up` runs; its own page in the UI has everything.
_PRINTED = {"loggers": {"console": {"config": {"log_level": load_settings().log_level}}}}
_IN_PROGRESS = [
    DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING,
]  # fmt: skip


@sensor(
    jobs=[process_uploads, build_marts],
    minimum_interval_seconds=INTAKE_EVERY_S,
    default_status=DefaultSensorStatus.RUNNING,
    description="Takes stable files in from the upload bucket and asks for the runs the ledger says are due.",
)
def intake_sensor(context: SensorEvaluationContext, store: StoreResource, intake: IntakeResource) -> SensorResult:
    """Run requests for all that is due; counts only where none is."""
    n_taken = take_in(intake, at_most_s=TAKE_IN_AT_MOST_S)
    requests = [
        *request_due(context.instance, store.engine, store.settings),
        *request_marts(context.instance, store.engine),
    ]
    if not requests:
        return SensorResult(skip_reason=f"took in {n_taken} files; no run is due")
    return SensorResult(run_requests=requests)


def take_in(intake: IntakeResource, *, at_most_s: float) -> int:
    """How many arrivals went through the door, oldest first; stops in time, the rest waits for the next tick."""
    deadline = time.monotonic() + at_most_s
    n_taken = 0
    for arrival in intake.new_arrivals(datetime.now(UTC)):
        try:
            intake.accept(arrival)
        except VaultUnavailableError:  # this one file cannot be read or kept just now; the next tick sees it again
            continue
        n_taken += 1
        if time.monotonic() > deadline:
            break
    return n_taken


def request_due(instance: DagsterInstance, engine: Engine, settings: Settings) -> Iterator[RunRequest]:
    """A run request for each plan of the ledger, those whose run never came to be included.

    Keys are added here, in partition order, before newer ones get numbers: a range run takes Dagster's order.
    """
    unclaimed = planning.open_requests(engine)
    fresh = planning.request_runs(
        engine, max_uploads=settings.batch_max_uploads, max_audio_s=settings.batch_max_audio_s
    )
    instance.add_dynamic_partitions(
        uploads_partitions.name or "",
        [str(upload_id) for plan in (*unclaimed, *fresh) for upload_id in plan.upload_ids],
    )
    for plan in (*unclaimed, *fresh):
        yield run_request(plan)


def run_request(plan: planning.PlannedRun) -> RunRequest:
    """The plan in Dagster's words. Its tags hold ids and a priority, nothing about the conversation."""
    tags = {
        **urgency(plan.priority),
        "dagster/asset_partition_range_start": str(plan.upload_ids[0]),
        "dagster/asset_partition_range_end": str(plan.upload_ids[-1]),
    }
    return RunRequest(
        run_key=plan.run_key,
        job_name=PROCESS_UPLOADS,
        run_config=_PRINTED,
        tags=tags,
        asset_selection=[AssetKey(name) for name in ASSETS_FROM_STAGE[plan.stage]],
        asset_check_keys=[],  # checks look at all rows: they run with the marts, once for many batches
    )


def request_marts(instance: DagsterInstance, engine: Engine) -> list[RunRequest]:
    """One build, when something at an end is not in the marts, nothing is on its way, and no build is running.

    Under steady load something is always on its way: then a build starts when uploads have waited for a minute.
    After a build that failed, the next one waits: what failed once will mostly fail at once again.
    """
    oldest = reporting.oldest_unreported_s(engine)
    if oldest is None or (planning.n_waiting(engine) and oldest < MARTS_AT_LATEST_S):
        return []
    last = instance.get_run_records(RunsFilter(job_name=BUILD_MARTS), limit=1)
    if last and not _may_follow(last[0]):
        return []
    run_key = f"marts:{datetime.now(UTC).isoformat(timespec='milliseconds')}"
    tags = {"nurseconv/marts": "build"}
    return [RunRequest(run_key=run_key, job_name=BUILD_MARTS, run_config=_PRINTED, tags=tags)]


def _may_follow(last: RunRecord) -> bool:
    """Whether another build may start after this one; one that a crash left "started" blocks for an hour at most."""
    age_s = time.time() - last.create_timestamp.timestamp()
    if last.dagster_run.status in _IN_PROGRESS:
        return age_s > MARTS_GIVEN_UP_AFTER_S
    return last.dagster_run.status == DagsterRunStatus.SUCCESS or age_s > MARTS_RETRY_AFTER_S
