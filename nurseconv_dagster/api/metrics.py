"""`GET /metrics` for Prometheus: the pipeline's figures from the tables, the workers' own meters beside them.

What lives here: the route, and the names of the figures.
When to add here: a new figure's name, kind and sentence.
What to keep out: how a figure is found (`store.figures`, `meters`). No label holds a unit, a person or an upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, Requirement, bearer_of
from nurseconv_dagster.api.machine import MachineFigures, read_machine
from nurseconv_dagster.api.meters import write_meters
from nurseconv_dagster.api.parts import Configured, Database
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.budgets import spent_today
from nurseconv_dagster.store.figures import Figures, Tally, read_figures

Labels = TypeVar("Labels", bound=tuple[str, ...])
HERE = Caller("loopback", None, frozenset({"read"}), frozenset())
router = APIRouter(tags=["health"])


class LoopbackOr(Requirement):
    """The requirement of a scope for everybody who does not ask from this machine itself."""

    def __call__(
        self, request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_of)]
    ) -> Caller:
        """The caller; on this machine it needs to be nobody in particular."""
        return HERE if _is_here(request) else super().__call__(request, bearer)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    dependencies=[Depends(LoopbackOr("read"))],
    responses={
        200: {"description": "Prometheus' text format", "content": {"text/plain": {"example": examples.METRICS}}}
    },
)
def metrics(engine: Database, settings: Configured) -> Response:
    """The figures for Prometheus: open on this machine, with the scope read elsewhere."""
    registry = CollectorRegistry()
    registry.register(_Pipeline(read_figures(engine)))
    registry.register(_Upkeep(read_machine(settings), _budget_spent(engine, settings)))
    return Response(generate_latest(registry) + write_meters(), media_type=CONTENT_TYPE_LATEST)


class _Pipeline(Collector):
    """The figures under their names."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Each figure once."""
        now = self._figures
        yield _gauge("queue_depth", "Uploads that wait for a run or their next stage.", now.queue_depth)
        in_work = {(stage,): float(n) for stage, n in now.in_work.items()}
        yield _by("in_work", "Uploads that are worked on.", ("stage",), in_work)
        yield _gauge("queue_oldest_age_seconds", "How long the oldest of them has waited.", now.queue_oldest_age_s)
        yield _summary("stage_seconds", "Work at a stage, of all uploads.", "stage", now.stages)
        yield _counter("stage_ends", "Work at a stage by how it ended.", ("stage", "outcome"), now.stage_ends)
        yield _counter("arrivals", "What came, by what was done with it.", ("source", "disposition"), now.arrivals)
        if now.real_time_factor is not None:
            yield _gauge("real_time_factor", "Seconds of transcribing per second of audio.", now.real_time_factor)
        # A gauge in spite of its name: an upload that is run again leaves the end it was at.
        yield _by(
            "uploads_total", "Uploads by the end they are at.", ("outcome",), {(k,): n for k, n in now.ends.items()}
        )
        by_provider: dict[str, Tally] = {}
        for (provider, _), tally in now.provider_calls.items():
            before = by_provider.get(provider, Tally(0, 0.0))
            by_provider[provider] = Tally(before.n + tally.n, before.seconds + tally.seconds)
        yield _summary("provider_seconds", "Calls of a provider, and their seconds.", "provider", by_provider)
        calls = {labels: tally.n for labels, tally in now.provider_calls.items()}
        sentence = "Calls by provider and class of error."
        yield _counter("provider_calls", sentence, ("provider", "error_class"), calls)
        cost = {(provider,): usd for provider, usd in now.provider_cost_usd.items()}
        yield _counter("provider_cost_usd", "US dollars spent.", ("provider",), cost)
        is_open = {(name,): float(value) for name, value in now.breakers_open.items()}
        yield _by("breaker_open", "1 while a provider is left alone.", ("provider",), is_open)
        ages = {(name,): age_s for name, age_s in now.beat_ages_s.items()}
        yield _by("heartbeat_age_seconds", "How long a running part has said nothing.", ("name",), ages)
        if now.intake_age_s is not None:
            yield _gauge("intake_age_seconds", "Since the bucket was last gone through well.", now.intake_age_s)


class _Upkeep(Collector):
    """What an operator has to look after: disk, backup, money. What is not known is not there."""

    def __init__(self, machine: MachineFigures, budget_spent: float | None) -> None:
        self._figures = {
            "vault_free_bytes": ("Bytes that are free on the vault's disk.", machine.vault_free_bytes),
            "vault_size_bytes": ("Bytes that the vault's disk holds.", machine.vault_size_bytes),
            "backup_age_seconds": ("Since the newest backup was finished.", machine.backup_age_s),
            "backup_objects_missing": (
                "Recordings that the newest backup should have and has not.",
                machine.backup_objects_missing,
            ),
            "backup_told_age_seconds": (
                "Since the folder of the newest backup knew every erasure.",
                machine.backup_told_age_s,
            ),
            "budget_spent_ratio": ("Share of LLM_DAILY_BUDGET_USD that is spent or reserved today.", budget_spent),
        }

    def collect(self) -> Iterable[Metric]:
        """Each figure that is known."""
        for name, (sentence, value) in self._figures.items():
            if value is not None:
                yield _gauge(name, sentence, value)


def _budget_spent(engine: Engine, settings: Settings) -> float | None:
    """The share of the day's budget that is gone; null without one. A budget of nothing is spent."""
    budget = settings.llm_daily_budget_usd
    if budget is None:
        return None
    return spent_today(engine, settings.zone).total_usd / budget if budget else 1.0


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(f"nurseconv_{name}", sentence, value=value)


def _by(name: str, sentence: str, labels: tuple[str, ...], values: Mapping[Labels, float]) -> Metric:
    family = GaugeMetricFamily(f"nurseconv_{name}", sentence, labels=labels)
    for found, value in values.items():
        family.add_metric(found, value)
    return family


def _counter(name: str, sentence: str, labels: tuple[str, ...], values: Mapping[Labels, float]) -> Metric:
    family = CounterMetricFamily(f"nurseconv_{name}", sentence, labels=labels)
    for found, value in values.items():
        family.add_metric(found, value)
    return family


def _summary(name: str, sentence: str, label: str, tallies: dict[str, Tally]) -> Metric:
    family = SummaryMetricFamily(f"nurseconv_{name}", sentence, labels=(label,))
    for found, tally in tallies.items():
        family.add_metric((found,), count_value=tally.n, sum_value=tally.seconds)
    return family


def _is_here(request: Request) -> bool:
    """Whether the request comes from this machine; behind a proxy the server has put the real address in."""
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
