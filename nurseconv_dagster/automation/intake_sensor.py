"""The intake sensor: takes files in from the bucket, and asks for the runs that the ledger says are due.

What lives here: `intake_sensor` and its two halves, `take_in()` and `request_due()`.
When to add here: a rule about when the bucket is looked at or when runs are asked for.
What to keep out: what the door does with a file (intake), who may ride together (store.planning).
"""

import time
from collections import Counter
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
from nurseconv_dagster.errors import BucketUnavailableError, ScannerUnavailableError, VaultUnavailableError
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store import listings, planning, reporting

INTAKE_EVERY_S = 5
# A sensor has 60 s; what is left waits for the next tick.
TAKE_IN_AT_MOST_S = 20.0
TAKEN = "taken"
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
    """Run requests for all that is due; counts only where none is.

    A bucket that is away fails the tick, but only where that holds up nothing else: uploads come over the API too.

    Raises:
        BucketUnavailableError: transient; the bucket cannot be reached, and nothing else is due.
    """
    away: BucketUnavailableError | None = None
    counts: Counter[str] = Counter()
    try:
        take_in(intake, counts, at_most_s=TAKE_IN_AT_MOST_S)
    except BucketUnavailableError as error:
        away = error
    requests = [
        *request_due(context.instance, store.engine, store.settings),
        *request_marts(context.instance, store.engine),
    ]
    if requests:
        if away is not None:
            context.log.error(f"{away.code}: {away}")
        return SensorResult(run_requests=requests)
    if away is not None:
        raise away
    return SensorResult(skip_reason=f"took in {counts.pop(TAKEN, 0)} files{_waiting(counts)}; no run is due")


def take_in(intake: IntakeResource, counts: Counter[str], *, at_most_s: float) -> None:
    """Counts what became of new bucket files, oldest first: `TAKEN`, or why they wait; stops in time.

    Where it went well it beats, empty bucket or not: a bucket or scanner that stays away is seen by its silence.

    Args:
        counts: is added to as it goes.
        at_most_s: the rest waits for the next tick.

    Raises:
        BucketUnavailableError: transient; the bucket cannot be reached.
    """
    for file in intake.new_files(time.monotonic() + at_most_s):
        try:
            intake.take_in(file)
            counts[TAKEN] += 1
        except VaultUnavailableError as error:  # this one file cannot be read or kept now; it is seen again
            counts[error.code] += 1
        except ScannerUnavailableError as error:
            counts[error.code] += 1
            if error.code == ScannerUnavailableError.code:  # away: the next file would wait for it as long
                return
    listings.beat(intake.store.engine, listings.INTAKE, {})


def _waiting(counts: Counter[str]) -> str:
    return "".join(f", {n} wait ({code})" for code, n in sorted(counts.items()))


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
