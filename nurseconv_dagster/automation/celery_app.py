"""Celery as we set it up: one configuration for those who put stages into queues and those who take them out.

What lives here: `open_app()`, `celery_options()`, `celery_config()`, and the task that a worker knows.
When to add here: an option that both sides must agree on.
What to keep out: waiting for a stage (celery_runs); starting a worker (operations).
"""

import gc
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.automation.queues import MAINTENANCE
from nurseconv_dagster.errors import PermanentError, TransientError
from nurseconv_dagster.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

SUBMITTED = "SUBMITTED"
# The tags of a run over one upload, or over a range of them.
OF_UPLOADS = frozenset({"dagster/partition", "dagster/asset_partition_range_start"})
# A Redis that is paused takes connections and says nothing. Longer than a worker's wait for a message, which is 1 s.
ANSWERS_WITHIN_S = 5.0
_TWO_DAYS_S = 2 * 86_400


def open_app(settings: Settings) -> "Celery":
    """dagster-celery's app on our Redis.

    Raises:
        PermanentError: the extra `servers` is not installed.
    """
    options = celery_options(settings)
    from dagster_celery.make_app import make_app

    return make_app(options)  # type: ignore[no-untyped-call]


def celery_options(settings: Settings) -> dict[str, Any]:
    """What dagster-celery makes its app of.

    Raises:
        PermanentError: as `open_app()`.
    """
    try:
        from dagster_celery.config import dict_wrapper
    except ImportError:
        raise PermanentError(
            "REDIS_URL is set, and the Celery engine needs the extra 'servers': pip install 'nurseconv[servers]'",
            code="missing_extra",
        ) from None
    address = settings.redis_url.get_secret_value()
    return {"broker": address, "backend": address, "config_source": dict_wrapper(celery_config(settings))}  # type: ignore[no-untyped-call]


def celery_config(settings: Settings) -> dict[str, Any]:
    """The options, by Celery's own names."""
    hidden_s = 2 * settings.task_time_limit_s
    patience = {
        "socket_timeout": ANSWERS_WITHIN_S,
        "socket_connect_timeout": ANSWERS_WITHIN_S,
        "socket_keepalive": True,
    }
    return {
        # A message that nobody has acknowledged for so long is delivered again: longer than any stage may take.
        "broker_transport_options": {"visibility_timeout": hidden_s, "max_retries": 1, **patience},
        "result_backend_transport_options": {"visibility_timeout": hidden_s, "retry_policy": {"max_retries": 3}},
        **{f"redis_{name}": value for name, value in patience.items()},
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # The run asks again itself, and keeps its uploads in between.
        "task_publish_retry": False,
        "result_expires": _TWO_DAYS_S,
        # A stage leaves its queue when it is done, not when it is begun; the ledger makes a second one harmless.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "task_track_started": True,
        "task_time_limit": settings.task_time_limit_s,
        # Steps without a queue of their own: asset checks.
        "task_default_queue": MAINTENANCE,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
    }


def register_stage_task(app: "Celery") -> None:
    """The app can do stages: dagster-celery's task, which asks first whether its run still runs."""
    from celery import Task
    from celery.exceptions import Ignore
    from dagster_celery.tasks import create_task

    class StageTask(Task):  # type: ignore[misc]  # Celery has no types
        """Begins with nothing that its run does not wait for, and leaves no connections of the last stage behind."""

        def before_start(self, task_id: str, args: Any, kwargs: dict[str, Any]) -> None:
            came_back = bool((self.request.delivery_info or {}).get("redelivered"))
            if _is_over(kwargs["execute_step_args_packed"], came_back=came_back):
                raise Ignore

        def after_return(self, *_: Any) -> None:
            # dagster-celery opens Dagster's instance for each stage and closes none; what holds it is a ring.
            gc.collect()

    create_task(app, base=StageTask)  # type: ignore[no-untyped-call]


def _is_over(step: dict[str, Any], *, came_back: bool) -> bool:
    """Whether the run has ended; a message may come back after that.

    Raises:
        TransientError: the step was begun before, and no ledger keeps it from costing its time and money twice.
    """
    from dagster import DagsterEventType, DagsterInstance
    from dagster._grpc.types import ExecuteStepArgs
    from dagster._serdes import unpack_value

    wanted = unpack_value(step, as_type=ExecuteStepArgs)
    if wanted.instance_ref is None:
        return True
    with DagsterInstance.from_ref(wanted.instance_ref) as instance:
        run = instance.get_run_by_id(wanted.run_id)
        if run is None or run.is_finished:
            return True
        if came_back and OF_UPLOADS.isdisjoint(run.tags):
            begun = {event.step_key for event in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_START)}
            if not begun.isdisjoint(wanted.step_keys_to_execute or []):
                raise TransientError(
                    "The worker that had this step died; it is not begun a second time.", code="queue_lost"
                )
    return False
