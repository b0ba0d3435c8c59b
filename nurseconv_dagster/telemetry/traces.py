"""Spans for an OpenTelemetry collector, when `OTEL_EXPORTER_OTLP_ENDPOINT` names one; otherwise nothing at all.

What lives here: `span()`, `note_span()`, `traceparent()`, `flush()`.
When to add here: something that holds for every span.
What to keep out: the spans themselves, which stand where the work is done; the ids (correlation).

The packages are the extra `telemetry` and are imported with the first span. The provider is ours alone and never the
process's global one: a library that instruments itself would find that and send what it likes. Sampling, headers and
timeouts are the SDK's own `OTEL_*` variables.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.errors import NurseconvError
from nurseconv_dagster.telemetry.correlation import bound_ids
from nurseconv_dagster.telemetry.fields import FIELDS

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
_OFF = "OTEL_SDK_DISABLED"
_log = logging.getLogger(__name__)
Value = str | int | float | bool


class Told:
    """What is told about a piece of work while it goes on; into the air when nobody collects."""

    def __init__(self, open_span: Span | None = None) -> None:
        self._span = open_span

    def tell(self, name: str | None = None, /, **fields: Value | None) -> None:
        """More is known: the work's name, or fields (of `fields.FIELDS`; others are left out)."""
        if self._span is None:
            return
        if name is not None:
            self._span.update_name(name)
        for key in FIELDS & fields.keys():
            value = fields[key]
            if value is not None:
                self._span.set_attribute(f"nurseconv.{key}", value)

    def fail(self, code: str) -> None:
        """The work came to no good end."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR, code)


@contextmanager
def span(
    name: str, *, parent: str | None = None, is_server: bool = False, since_s: float = 0.0, **fields: Value | None
) -> Iterator[Told]:
    """The work inside, as a span: child of `parent`, else of the span that is open here.

    Args:
        name: what is done; no ids.
        parent: a `traceparent`, of another process or another time.
        is_server: it answers somebody's request.
        since_s: for how many seconds the work has been going on already.
        fields: as of `Told.tell()`. The bound ids are on each span anyway.
    """
    provider = _provider() if _is_on() else None
    if provider is None:
        yield Told()
        return
    from opentelemetry.trace import SpanKind

    kind = SpanKind.SERVER if is_server else SpanKind.INTERNAL
    with provider.get_tracer("nurseconv").start_as_current_span(
        name,
        _context(parent),
        kind,
        start_time=time.time_ns() - int(since_s * 1e9),
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        told = Told(opened)
        told.tell(**{**bound_ids(), **fields})
        try:
            yield told
        except Exception as error:  # told by its code or type, then raised on: its text may hold words
            told.fail(error.code if isinstance(error, NurseconvError) else type(error).__name__)
            raise


def note_span(name: str, seconds: float, *, parent: str | None = None, **fields: Value | None) -> None:
    """A span of work that has just ended.

    Args:
        seconds: that it took.
        parent: as of `span()`.
        fields: as of `span()`; an `error_class` says that it came to no good end.
    """
    provider = _provider() if _is_on() else None
    if provider is None:
        return
    ended_ns = time.time_ns()
    opened = provider.get_tracer("nurseconv").start_span(
        name, _context(parent), start_time=ended_ns - int(seconds * 1e9)
    )
    told = Told(opened)
    told.tell(**{**bound_ids(), **fields})
    if fields.get("error_class"):
        told.fail(str(fields["error_class"]))
    opened.end(ended_ns)


def traceparent() -> str | None:
    """The span that is open here, for whoever goes on with its work; null when nobody collects."""
    if not _is_on() or _provider() is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def flush() -> None:
    """What was told is on its way to the collector: for processes that may be ended without a farewell."""
    if _is_on() and (provider := _provider()) is not None:
        provider.force_flush(5_000)


def _is_on() -> bool:
    return bool(os.environ.get(VARIABLE)) and os.environ.get(_OFF, "").lower() != "true"


def _context(parent: str | None) -> Context | None:
    """The parent's context; null is the one that is open here."""
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


@cache
def _provider() -> TracerProvider | None:
    """The process's own, made with its first span; null where the extra is missing, which is told once."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _log.warning("%s is set and nothing is sent there: pip install 'nurseconv[telemetry]'", VARIABLE)
        return None
    about: dict[str, Any] = {"service.version": version("nurseconv")}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        about["service.name"] = "nurseconv"
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
