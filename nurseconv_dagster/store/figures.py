"""The figures of the pipeline for monitoring, read from the tables when somebody asks.

What lives here: `Figures`, `read_figures()`.
When to add here: a figure that an operator wants an alarm on.
What to keep out: names and form of metrics (api); figures for reports (the marts). Run workers live too short to be
asked themselves, so nothing here is counted in a process.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from nurseconv_dagster.store.breakers import list_breakers
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.listings import INTAKE, count_by_status, transcribing_seconds
from nurseconv_dagster.store.provider_tables import extraction_attempts as calls
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import heartbeats
from nurseconv_dagster.store.tables import processing_jobs as jobs
from nurseconv_dagster.store.tables import upload_receipts as receipts

ENDS = ("completed", "failed", "rejected", "cancelled", "erased")


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something took place and how many seconds that took in all."""

    n: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands in the tables now.

    Args:
        queue_depth: uploads that wait for a run or for their next stage.
        in_work: uploads in work by stage.
        queue_oldest_age_s: how long the one that waits longest has waited; 0 when none does.
        stages: work at each stage that came to an end.
        stage_ends: how often work at a stage ended so, by stage and status of `processing_jobs`.
        arrivals: what came, by who brought it and what was done with it.
        real_time_factor: seconds of transcribing per second of audio; null before the first recording.
        ends: uploads by the end they are at; one that runs again leaves its end.
        provider_calls: calls by provider and class of error ("" for none), those that were passed over left out.
        provider_cost_usd: by provider; calls under way and calls whose process died count what they reserved.
        breakers_open: for each provider ever called, whether it is left alone now.
        beat_ages_s: for how long each running part that ever beat has said nothing.
        intake_age_s: since the bucket was last gone through well; null before the first time.
    """

    queue_depth: int
    in_work: dict[str, int]
    queue_oldest_age_s: float
    stages: dict[str, Tally]
    stage_ends: dict[tuple[str, str], int]
    arrivals: dict[tuple[str, str], int]
    real_time_factor: float | None
    ends: dict[str, int]
    provider_calls: dict[tuple[str, str], Tally]
    provider_cost_usd: dict[str, float]
    breakers_open: dict[str, bool]
    beat_ages_s: dict[str, float]
    intake_age_s: float | None


def read_figures(engine: Engine) -> Figures:
    """The figures of this moment.

    Raises:
        StoreUnavailableError: transient; Postgres did not answer.
    """
    by_status = count_by_status(engine)
    spent_s, audio_s = transcribing_seconds(engine)
    breakers: dict[str, bool] = {}
    for breaker in list_breakers(engine):
        breakers[breaker.provider] = breakers.get(breaker.provider, False) or breaker.position == "open"
    with transaction(engine) as connection:
        beat_ages_s = _beat_ages_s(connection)
        return Figures(
            queue_depth=by_status.get("pending", 0),
            in_work=_in_work(connection),
            queue_oldest_age_s=_oldest_age_s(connection),
            stages=_stages(connection),
            stage_ends=_count_by(connection, jobs.c.job_type, jobs.c.status, jobs.c.status != "running"),
            arrivals=_count_by(connection, receipts.c.source, receipts.c.disposition),
            real_time_factor=spent_s / audio_s if audio_s else None,
            ends={end: by_status.get(end, 0) for end in ENDS},
            provider_calls=_provider_calls(connection),
            provider_cost_usd=_provider_cost_usd(connection),
            breakers_open=breakers,
            intake_age_s=beat_ages_s.pop(INTAKE, None),  # no running part
            beat_ages_s=beat_ages_s,
        )


def _oldest_age_s(connection: Connection) -> float:
    """Since the arrival of uploads that never ran; since the last change of those that ran before."""
    never_ran = uploads.c.processing_started_at.is_(None)
    waiting = uploads.c.status == "pending"
    arrived = select(func.min(uploads.c.created_at)).where(waiting, never_ran).scalar_subquery()
    changed = select(func.min(uploads.c.updated_at)).where(waiting, ~never_ran).scalar_subquery()
    age = func.extract("epoch", func.clock_timestamp() - func.least(arrived, changed))
    return max(float(connection.execute(select(age)).scalar_one() or 0), 0.0)


def _in_work(connection: Connection) -> dict[str, int]:
    query = select(uploads.c.stage, func.count().label("n")).where(uploads.c.status == "processing")
    return {row.stage: row.n for row in connection.execute(query.group_by(uploads.c.stage))}


def _count_by(
    connection: Connection, first: ColumnElement[str], second: ColumnElement[str], *which: ColumnElement[bool]
) -> dict[tuple[str, str], int]:
    """How many rows there are of each pair of words."""
    query = select(first, second, func.count()).where(*which).group_by(first, second)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _beat_ages_s(connection: Connection) -> dict[str, float]:
    age = func.extract("epoch", func.clock_timestamp() - heartbeats.c.beat_at)
    rows = connection.execute(select(heartbeats.c.name, age.label("age")))
    return {row.name: max(float(row.age), 0.0) for row in rows}


def _stages(connection: Connection) -> dict[str, Tally]:
    rows = connection.execute(
        select(jobs.c.job_type, func.count().label("n"), func.sum(jobs.c.duration_s).label("seconds"))
        .where(jobs.c.duration_s.is_not(None))
        .group_by(jobs.c.job_type)
    )
    return {row.job_type: Tally(row.n, row.seconds) for row in rows}


def _provider_calls(connection: Connection) -> dict[tuple[str, str], Tally]:
    error_class = func.coalesce(calls.c.error_class, "")
    rows = connection.execute(
        select(
            calls.c.provider,
            error_class.label("error_class"),
            func.count().label("n"),
            func.coalesce(func.sum(calls.c.latency_s), 0.0).label("seconds"),
        )
        .where(calls.c.outcome.in_(("ok", "error")))
        .group_by(calls.c.provider, error_class)
    )
    return {(row.provider, row.error_class): Tally(row.n, row.seconds) for row in rows}


def _provider_cost_usd(connection: Connection) -> dict[str, float]:
    money = func.sum(func.coalesce(calls.c.cost_usd, calls.c.reserved_usd, 0.0))
    rows = connection.execute(select(calls.c.provider, money.label("usd")).group_by(calls.c.provider))
    return {row.provider: row.usd for row in rows}
