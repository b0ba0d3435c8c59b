"""A run on Celery: its process puts each stage into a queue, keeps the uploads meanwhile, and knows when to give up.

What lives here: `StageExecutor`, dagster-celery's loop with an eye on the ledger; `Submission`, one stage in a queue.
When to add here: another reason for which a stage will not come back.
What to keep out: which queue and how urgent (queues: tags); what a worker does (resources.stages).

Dagster's loop asks each submission once a second whether it is ready. That is when the ledger hears that the run lives,
when a stage is put into its queue again after Redis was away, and when one that is lost is told failed, so that the
ledger's uploads go on in another run instead of waiting for a message that may come back in hours or never.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from celery import signals, states
from celery.exceptions import BackendStoreError, OperationalError, TaskRevokedError
from dagster import DagsterEvent, Executor
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.executor import _submit_task
from redis.exceptions import RedisError
from sqlalchemy import Engine

from nurseconv_dagster.automation.celery_app import OF_UPLOADS, SUBMITTED, celery_options
from nurseconv_dagster.automation.queues import HIGH_PRIORITY, LANE_TAG
from nurseconv_dagster.errors import StoreUnavailableError, TransientError
from nurseconv_dagster.resources.stages import RUN_KEY_TAG
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.store.waiting import Waiting
from nurseconv_dagster.store.workers import SILENT_AFTER_S, list_workers, queues_served

if TYPE_CHECKING:
    from celery import Celery
    from celery.result import AsyncResult
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.retries import RetryMode

# How long a run waits for a Redis that does not answer.
REDIS_PATIENCE_S = 600.0
# A stage that a worker has begun has its uploads in hand but for loading the code before and telling Dagster after.
NOT_AT_WORK_AT_MOST_S = 300.0
_LOOK_EVERY_S = 10.0
_REDIS_AWAY = (RedisError, OperationalError, BackendStoreError, OSError)
_log = logging.getLogger(__name__)


class StageExecutor(Executor):
    """Each stage goes to a worker; this process keeps what waits, and gives it back when it ends."""

    @property
    def retries(self) -> "RetryMode":
        """As in one process: a step may ask to be tried again."""
        from dagster._core.execution.retries import RetryMode

        return RetryMode.ENABLED

    def app_args(self) -> dict[str, Any]:
        """What dagster-celery makes its app of."""
        return celery_options(StoreResource().settings)

    def execute(
        self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan"
    ) -> Iterator[DagsterEvent]:
        """Dagster's events of the run, stage by stage."""
        run, store = plan_context.dagster_run, StoreResource()
        lease_s = store.settings.lease_s
        waiting = Waiting(store.engine, run.run_id, run.tags.get(RUN_KEY_TAG), lease_s)
        is_urgent = run.tags.get(LANE_TAG) == "urgent"
        keeper = Keeper(waiting, lease_s / 3, has_uploads=not OF_UPLOADS.isdisjoint(run.tags))

        def submit(app: "Celery", context: Any, step: Any, queue: str, *known: Any) -> Submission:
            def send(into: str) -> "AsyncResult":
                return _submit(app, context, step, into, *known)

            return Submission(send, queue, store.engine, keeper, plan_context.log.warning, takes_lane=is_urgent)

        keeper.keep()
        signals.before_task_publish.connect(_note_submission, weak=False)
        try:
            yield from core_celery_execution_loop(plan_context, execution_plan, submit)  # type: ignore[no-untyped-call]
        finally:
            with suppress(StoreUnavailableError):  # then the leases run out
                waiting.give_back()


def _submit(app: "Celery", *what: Any) -> "AsyncResult":
    """dagster-celery's submission, to a Redis that answers: it tries for half a minute, and keeps nothing meanwhile."""
    app.backend.client.ping()
    return _submit_task(app, *what)  # type: ignore[no-untyped-call]


def _note_submission(headers: dict[str, Any], **_: Any) -> None:
    """Redis knows the task from before it is in the queue: one that it does not know later was lost with its memory."""
    from celery import current_app

    current_app.backend.store_result(headers["id"], None, SUBMITTED)


class Keeper:
    """Keeps the run's waiting uploads, as often as that is due.

    Args:
        every_s: seconds between two times.
        has_uploads: whether the run is over uploads; the marts, for one, are not.
    """

    def __init__(self, waiting: Waiting, every_s: float, *, has_uploads: bool) -> None:
        self._waiting = waiting
        self._every_s = every_s
        self._has_uploads = has_uploads
        self._kept_at = float("-inf")
        self._held_at: float | None = None

    def keep(self) -> None:
        """The uploads that wait are kept; that the database is away is no reason to end: what is lost runs again."""
        now = time.monotonic()
        if now - self._kept_at < self._every_s:
            return
        self._kept_at = now
        with suppress(StoreUnavailableError):
            if self._waiting.keep():
                self._held_at = now

    def idle_s(self, since: float) -> float:
        """Seconds since a stage was seen at work on the run's uploads, or since this moment; 0 for a run without."""
        if not self._has_uploads:
            return 0.0
        return time.monotonic() - max(since, self._held_at or since)


class Submission:
    """One stage in a queue, or on its way there; what Dagster's loop takes for Celery's result.

    Args:
        send: puts it into the queue that it is given.
        queue: the step's own.
        tell: shows a line in the run's log.
        takes_lane: whether it goes into the lane of urgent uploads, while somebody listens there.
    """

    def __init__(
        self,
        send: Callable[[str], "AsyncResult"],
        queue: str,
        engine: Engine,
        keeper: Keeper,
        tell: Callable[[str], None],
        *,
        takes_lane: bool = False,
    ) -> None:
        self._send, self._queue, self._engine, self._keeper, self._tell = send, queue, engine, keeper, tell
        self._takes_lane, self._is_in_lane = takes_lane, False
        self._result: AsyncResult | None = None
        self._lost = ""
        self._is_revoked = self._is_dropped = False
        self._away_since: float | None = None
        self._back_at = self._looked_at = self._begun_at = time.monotonic()

    def ready(self) -> bool:
        """Whether the stage is over: done, failed, lost, or revoked before a worker began with it."""
        self._is_dropped = self._is_dropped or (self._is_revoked and not self._is_begun())
        if self._is_dropped:
            return True
        self._keeper.keep()
        try:
            if self._result is None:
                self._result = self._send(self._choose_queue())
            state, facts = self._result.state, self._result.info
            if state == SUBMITTED:
                self._leave_empty_lane()
        except _REDIS_AWAY as error:
            return self._wait_for_redis(error)
        self._note_that_redis_answers()
        if state not in states.READY_STATES:
            self._lost = self._why_lost(state, facts)
        return bool(self._lost) or state in states.READY_STATES

    def get(self) -> list[str]:
        """The stage's events.

        Raises:
            TaskRevokedError: it was revoked in time.
            TransientError: it will not come back; what the ledger has of it runs again.
        """
        if self._is_dropped:
            raise TaskRevokedError
        if self._lost or self._result is None:
            self.revoke()
            raise TransientError(
                f"{self._lost} The uploads of this run that have not got through go on in another run.",
                code="queue_lost",
            )
        events: list[str] = self._result.get()
        return events

    def revoke(self) -> None:
        """Workers that have not begun with it drop it; a run that is told to end does not wait for them to say so."""
        self._is_revoked = True
        if self._result is not None:
            with suppress(*_REDIS_AWAY):
                self._result.revoke()

    def _choose_queue(self) -> str:
        self._is_in_lane = self._takes_lane and self._is_lane_served()
        return HIGH_PRIORITY if self._is_in_lane else self._queue

    def _leave_empty_lane(self) -> None:
        """Nobody listens to the lane any more: at the next look it goes where somebody does.

        The copy that stays behind does no harm: a stage is begun once for each upload.
        """
        now = time.monotonic()
        if not self._is_in_lane or self._result is None or now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        if not self._is_lane_served():
            self._tell(f"No worker listens to {HIGH_PRIORITY} any more; this stage goes to {self._queue}")
            self._result.revoke()
            self._result = None

    def _is_lane_served(self) -> bool:
        """Whether a living worker listens there; while the database is away, as it was."""
        try:
            return HIGH_PRIORITY in queues_served(self._engine)
        except StoreUnavailableError:
            return self._is_in_lane

    def _is_begun(self) -> bool:
        """Whether a worker has begun with it, or has been; nobody waits for a Redis that does not say."""
        with suppress(*_REDIS_AWAY):
            return self._result is not None and self._result.state not in {SUBMITTED, states.PENDING, states.REVOKED}
        return False

    def _wait_for_redis(self, error: BaseException) -> bool:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._tell(f"Redis does not answer ({type(error).__name__}); waiting up to {REDIS_PATIENCE_S:.0f} s for it")
        if now - self._away_since > REDIS_PATIENCE_S:
            self._lost = f"Redis has not answered for {REDIS_PATIENCE_S:.0f} s."
        return bool(self._lost)

    def _note_that_redis_answers(self) -> None:
        if self._away_since is not None:
            self._away_since, self._back_at = None, time.monotonic()
            self._tell("Redis answers again")

    def _why_lost(self, state: str, facts: Any) -> str:
        """Why this stage will not come back, in a sentence; nothing while it may."""
        if state == states.PENDING:
            return "Redis has lost what it held: it does not know this stage any more."
        now = time.monotonic()
        if state == SUBMITTED:
            self._begun_at = now
        if state != states.STARTED or now - self._looked_at < _LOOK_EVERY_S:
            return ""
        self._looked_at = now
        if now - self._back_at > SILENT_AFTER_S and not self._is_alive(str(facts.get("hostname"))):
            return f"The worker that had this stage has not been heard of for {SILENT_AFTER_S:.0f} s."
        if self._keeper.idle_s(self._begun_at) > NOT_AT_WORK_AT_MOST_S:
            return "Its worker lives, but has had nothing of this run in hand for too long."
        return ""

    def _is_alive(self, name: str) -> bool:
        """Whether this worker has been heard of; when the database is away, nobody has."""
        try:
            return any(worker.is_alive for worker in list_workers(self._engine) if worker.name == name)
        except StoreUnavailableError:
            return True
