"""The queues of the Celery engine: which stage waits in which, and who goes first. Words only; nothing of Celery.

What lives here: the queues' names, the tags that Dagster's steps and runs carry for them, and how long a run may take.
When to add here: another queue, another rule about urgency.
What to keep out: the queues themselves (celery_app), and putting something into one (celery_runs).

The tags do nothing where no Celery runs, but for `dagster/priority` and `dagster/max_runtime`.
"""

from nurseconv_dagster.settings import Settings, load_settings

PROCESSING = "processing"
TRANSCRIPTION = "transcription"
QA_EXTRACTION = "qa_extraction"
SCORING = "scoring"
MAINTENANCE = "maintenance"
# A lane of its own: every stage of an urgent upload, where a worker listens to it.
HIGH_PRIORITY = "high_priority"
QUEUES = (PROCESSING, TRANSCRIPTION, QA_EXTRACTION, SCORING, MAINTENANCE, HIGH_PRIORITY)
# Workers that listen to one of these load Whisper.
WITH_WHISPER = frozenset({TRANSCRIPTION, HIGH_PRIORITY})

LANE_TAG = "nurseconv/lane"
# On Redis the lowest number goes first: 5 of the step and this make 0, for all others 5.
_URGENT_ON_REDIS = "-5"
# Stages may wait in queues behind the work of a day; the ledger looks at those that are at work.
QUEUED_AT_MOST_S = 86_400


def in_queue(queue: str) -> dict[str, str]:
    """The tag that sends a step into a queue."""
    return {"dagster-celery/queue": queue}


def urgency(priority: str, settings: Settings | None = None) -> dict[str, str]:
    """The tags of a run: first in the daemon's queue, first in the queues of Redis, in a lane with a place of its own.

    A batch in one process keeps the whole machine busy, so there is one of them at a time; on Celery there are many.
    """
    if priority == "high":
        return {"dagster/priority": "10", "dagster-celery/run_priority": _URGENT_ON_REDIS, LANE_TAG: "urgent"}
    settings = settings or load_settings()
    return {"dagster/priority": "0", LANE_TAG: "queued" if settings.has_celery else "batch"}


def bounds(n_stages: int, settings: Settings | None = None) -> dict[str, str]:
    """The tags that every run of a job carries: which engine does it, and the seconds after which Dagster ends it."""
    settings = settings or load_settings()
    at_most_s = QUEUED_AT_MOST_S if settings.has_celery else n_stages * settings.task_time_limit_s
    return {"nurseconv/engine": "celery" if settings.has_celery else "process", "dagster/max_runtime": str(at_most_s)}
