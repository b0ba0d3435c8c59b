"""Laws of the traces: nothing is loaded unless a collector is named, and a missing package stops no work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nurseconv_dagster.errors import ModelError
from nurseconv_dagster.telemetry import traces
from tests.fakes.otlp_receiver import Received, receiving

WORK = """
import sys
{before}
from nurseconv_dagster.telemetry.traces import flush, note_span, span, traceparent
with span("work", upload_id="u") as told:
    told.tell(seconds=1.0)
    note_span("part", 0.1)
    parent = traceparent()
flush()
print(parent, any(name.startswith("opentelemetry") for name in sys.modules if sys.modules[name]))
"""


def work(before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", WORK.format(before=before)],
        env={**clean, **environment}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch):
    with receiving() as received:
        monkeypatch.setenv(traces.VARIABLE, received.address)
        traces._provider.cache_clear()
        yield received
        traces._provider().shutdown()
        traces._provider.cache_clear()


@pytest.mark.parametrize(
    "environment", [{}, {traces.VARIABLE: ""}, {traces.VARIABLE: "x", "OTEL_SDK_DISABLED": "true"}]
)
def test_nothing_is_loaded_unless_a_collector_is_named(environment: dict[str, str]) -> None:
    assert work(**environment).stdout.split() == ["None", "False"]


def test_a_missing_package_is_told_in_one_line_and_stops_no_work() -> None:
    done = work("sys.modules['opentelemetry.sdk'] = None", **{traces.VARIABLE: "http://127.0.0.1:9"})
    assert done.stdout.split()[0] == "None"
    assert done.stderr.count("pip install 'nurseconv[telemetry]'") == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_span_has_known_fields_only_and_an_error_is_told_by_its_code(collector: Received) -> None:
    with pytest.raises(ModelError), traces.span("work", upload_id="u", words="quokka"):
        raise ModelError("quokka said this")
    with pytest.raises(ValueError, match="quokka"), traces.span("other"):
        raise ValueError("quokka said that")
    traces.flush()
    spans = {span["name"]: span for span in collector.spans()}
    assert (spans["work"]["failed"], spans["work"]["status"]) == (True, ModelError.code)
    assert (spans["other"]["failed"], spans["other"]["status"]) == (True, "ValueError")
    assert spans["work"]["nurseconv.upload_id"] == "u"
    assert b"quokka" not in b"".join(collector.bodies)


def test_other_libraries_find_no_provider_of_ours(collector: Received) -> None:
    """One that instruments itself would send what it likes to it: prompts and replies, for one."""
    from opentelemetry import trace

    with traces.span("ours"), trace.get_tracer("some_sdk").start_as_current_span("theirs"):
        pass
    traces.flush()
    assert [span["name"] for span in collector.spans()] == ["ours"]


def test_work_goes_on_where_another_process_left_it(collector: Received) -> None:
    with traces.span("first"):
        left = traces.traceparent()
    traces.note_span("later", 2.0, parent=left, error_class="ProviderTimeoutError")
    traces.flush()
    first, later = collector.spans()
    assert (later["trace"], later["parent"], later["failed"]) == (first["trace"], first["id"], True)
    assert later["seconds"] == pytest.approx(2.0)
