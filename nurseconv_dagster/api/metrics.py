"""`GET /metrics` for Prometheus: the pipeline's figures from the tables, the workers' own meters beside them.

What lives here: the route, and the names of the figures.
When to add here: a new figure's name, kind and sentence.
What to keep out: how a figure is found (`store.figures`, `meters`). No label holds a unit, a person or an upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.callers import Caller, Requirement, bearer_of
from nurseconv_dagster.api.meters import write_meters
from nurseconv_dagster.api.parts import Database
from nurseconv_dagster.store.figures import Figures, Tally, read_figures

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
def metrics(engine: Database) -> Response:
    """The figures for Prometheus: open on this machine, with the scope read elsewhere."""
    registry = CollectorRegistry()
    registry.register(_Pipeline(read_figures(engine)))
    return Response(generate_latest(registry) + write_meters(), media_type=CONTENT_TYPE_LATEST)


class _Pipeline(Collector):
    """The figures under their names."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Each figure once."""
        now = self._figures
        yield _gauge("queue_depth", "Uploads that wait for a run or their next stage.", now.queue_depth)
        yield _gauge("queue_oldest_age_seconds", "How long the oldest of them has waited.", now.queue_oldest_age_s)
        yield _summary("stage_seconds", "Work at a stage, of all uploads.", "stage", now.stages)
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
        calls = CounterMetricFamily(
            "nurseconv_provider_calls", "Calls by provider and class of error.", labels=("provider", "error_class")
        )
        for (provider, error_class), tally in now.provider_calls.items():
            calls.add_metric((provider, error_class), tally.n)
        yield calls
        cost = CounterMetricFamily("nurseconv_provider_cost_usd", "US dollars spent.", labels=("provider",))
        for provider, usd in now.provider_cost_usd.items():
            cost.add_metric((provider,), usd)
        yield cost
        is_open = {(name,): float(value) for name, value in now.breakers_open.items()}
        yield _by("breaker_open", "1 while a provider is left alone.", ("provider",), is_open)


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(f"nurseconv_{name}", sentence, value=value)


def _by(name: str, sentence: str, labels: tuple[str, ...], values: Mapping[tuple[str], float]) -> Metric:
    family = GaugeMetricFamily(f"nurseconv_{name}", sentence, labels=labels)
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
