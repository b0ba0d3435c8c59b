"""Laws of the task that a worker knows: which messages it begins with, and what it leaves behind."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore
from dagster import DagsterInstance, job, op, reconstructable
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import pack_value
from sqlalchemy import text

from nurseconv_dagster.automation.celery_app import open_app, register_stage_task
from nurseconv_dagster.errors import TransientError
from nurseconv_dagster.resources.stores import keep_connections
from nurseconv_dagster.settings import Settings


@op
def costly():
    """What a challenge is: money each time."""


@job
def challenge():
    costly()


@pytest.fixture
def task(home):
    app = open_app(Settings(_env_file=None, redis_url="redis://:pw@127.0.0.1:1/0"))
    register_stage_task(app)
    return app.tasks["execute_plan"]


@pytest.fixture
def arrive(task):
    """Lets a message for a run's step arrive, for the first time or again."""

    def arrives(instance, run, step, *, came_back):
        wanted = ExecuteStepArgs(
            reconstructable(challenge).get_python_origin(), run.run_id, [step], instance_ref=instance.get_ref()
        )
        task.push_request(delivery_info={"redelivered": came_back})
        try:
            task.before_start("id", (), {"execute_step_args_packed": pack_value(wanted)})
        finally:
            task.pop_request()

    return arrives


def begun(instance, **tags):
    """A run that goes on, with its step begun."""
    from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus

    run = instance.create_run_for_job(challenge, tags=tags, status=DagsterRunStatus.STARTED)
    event = DagsterEvent(DagsterEventType.STEP_START.value, run.job_name, step_key="costly")
    instance.report_dagster_event(event, run.run_id)
    return run


def test_a_step_that_a_dead_worker_had_begun_is_not_paid_for_twice(arrive):
    with DagsterInstance.get() as instance:
        run = begun(instance)
        arrive(instance, run, "costly", came_back=False)
        arrive(instance, run, "another", came_back=True)
        with pytest.raises(TransientError, match="not begun a second time"):
            arrive(instance, run, "costly", came_back=True)


def test_a_stage_of_uploads_that_comes_back_is_left_to_the_ledger(arrive):
    with DagsterInstance.get() as instance:
        run = begun(instance, **{"dagster/partition": "one"})
        arrive(instance, run, "costly", came_back=True)


def test_a_message_of_a_run_that_is_over_does_nothing(arrive):
    with DagsterInstance.get() as instance:
        run = begun(instance)
        instance.report_run_canceled(run)
        with pytest.raises(Ignore):
            arrive(instance, run, "costly", came_back=False)


def test_a_worker_holds_no_more_connections_after_many_stages_than_after_one(task, engine):
    n_open = lambda: _count(engine)  # noqa: E731
    with DagsterInstance.get() as instance:
        ref = instance.get_ref()
    counts = []
    for _ in range(6):
        opened = DagsterInstance.from_ref(ref)
        keep_connections(opened)
        opened.get_runs_count()
        opened.all_logs("no-run")
        del opened
        task.after_return()
        counts.append(n_open())
    assert counts[-1] <= counts[0], counts


def _count(engine):
    with engine.connect() as connection:
        return connection.execute(text("select count(*) from pg_stat_activity where datname is not null")).scalar_one()
