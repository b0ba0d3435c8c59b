"""Who does the stages of a run: its own process, or Celery's workers. Decided here and nowhere else.

What lives here: `stage_executor()`.
When to add here: another engine.
What to keep out: anything that imports Celery; definitions stay cheap.
"""

from dagster import (
    Executor,
    ExecutorDefinition,
    InitExecutorContext,
    executor,
    in_process_executor,
    multiple_process_executor_requirements,
)

from nurseconv_dagster.settings import Settings


def stage_executor(settings: Settings) -> ExecutorDefinition:
    """In one process, so that models are loaded once and stay warm through a batch; with REDIS_URL, Celery."""
    return celery_stages if settings.has_celery else in_process_executor


@executor(name="celery", requirements=multiple_process_executor_requirements())
def celery_stages(init_context: InitExecutorContext) -> Executor:
    """Puts each stage into its queue and waits; address and limits come from the settings, not from a run's config."""
    from nurseconv_dagster.automation.celery_runs import StageExecutor

    return StageExecutor()
