"""One id and one trace tell an upload's whole life: posted to the API, taken through the stages, built into marts."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, text

from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.keys import make_key
from nurseconv_dagster.telemetry import traces
from nurseconv_dagster.telemetry.logs import log_file
from tests.api.servers import running_server
from tests.fakes.notes import drop, note
from tests.fakes.otlp_receiver import receiving

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster")]

OWN_ID = "c0ffee00-1111-4222-8333-444455556666"
TRACE, CALLER_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CANARIES = ("quokkamarine", "zebulonis", "xylofile", "unit-quoll")
STAGES = ["uploads", "transcriptions", "answers", "scores"]


@dataclass(frozen=True)
class Lived:
    """What was told of a home in which one text was posted, two files were dropped, and all was worked on."""

    lines: list[dict[str, Any]]
    spans: list[dict[str, Any]]
    sent: bytes
    kept: dict[str, tuple[str, str]]

    def of(self, correlation_id: str) -> list[dict[str, Any]]:
        """As `grep ID logs/app.log` finds them."""
        return [line for line in self.lines if correlation_id in json.dumps(line)]


_once: list[Lived] = []


@pytest.fixture
def lived(request: pytest.FixtureRequest) -> Lived:
    """Lived through once for all laws: it takes half a minute."""
    if not _once:
        _once.append(_live(request.getfixturevalue("home"), request.getfixturevalue("store_engine")))
    return _once[0]


def _live(home: Settings, engine: Engine) -> Lived:
    key = make_key(engine, "quokkamarine", scopes=["upload"], units=["unit-quoll"], actor="test")
    words = note(0).replace("headache", "quokkamarine headache").replace("Margaret", "Zebulonis")
    with receiving() as received:
        os.environ[traces.VARIABLE] = received.address
        traces._provider.cache_clear()
        with running_server(home, workers=1) as address:
            answer = httpx2.post(
                f"{address}/api/v1/text-processing",
                json={"text": words, "nurse_id": "zebulonis"},
                headers={
                    "Authorization": f"Bearer {key}",
                    "X-Request-ID": OWN_ID,
                    "traceparent": f"00-{TRACE}-{CALLER_SPAN}-01",
                },
                timeout=60,
            )
        assert (answer.status_code, answer.headers["X-Request-ID"]) == (202, OWN_ID)
        drop(home, "xylofile-zebulonis.txt", note(1), {"unit": "unit-quoll"})
        drop(home, "xylofile.wav", b"quokkamarine is not audio")
        assert drive(home).is_reported
        traces.flush()
        del os.environ[traces.VARIABLE]
        traces._provider.cache_clear()
        with transaction(engine) as connection:
            rows = connection.execute(text("select id, correlation_id, traceparent from conversation_uploads")).all()
        return Lived(
            [json.loads(line) for line in log_file(home).read_text().splitlines()],
            received.spans(),
            b"".join(received.bodies),
            {str(row.id): (row.correlation_id, row.traceparent) for row in rows},
        )


def test_one_id_leads_from_the_request_through_every_stage_to_the_marts(lived: Lived) -> None:
    life = lived.of(OWN_ID)
    told = [(line["event"], line.get("stage")) for line in life]
    assert told[:2] == [("arrival accepted", None), ("POST /api/v1/text-processing 202", None)]
    stages = [(event, stage) for event, stage in told if event.startswith("stage")]
    assert stages == [(f"stage {what}", stage) for stage in STAGES for what in ("began", "ended")]
    assert ("provider call ok", "answers") in told
    assert told[-1][0] == "marts brought"
    assert [line["process"] for line in life[:2]] == ["api", "api"]
    assert {line["process"] for line in life[2:]} <= {"run", "code-server"}, "Dagster's processes log by themselves"
    upload_id = life[0]["upload_id"]
    assert lived.kept[upload_id][0] == OWN_ID
    ends = [line for line in life if line["event"] == "stage ended"]
    assert {(line["upload_id"], line["outcome"], line["level"]) for line in ends} == {(upload_id, "done", "info")}
    assert all(line["seconds"] >= 0 and line["run_id"] and line["attempt"] >= 0 for line in ends)
    assert upload_id in life[-1]["upload_ids"]


def test_what_a_bucket_brings_has_an_id_of_its_own_and_refusals_say_why(lived: Lived) -> None:
    arrivals = [line for line in lived.lines if line.get("source") == "bucket"]
    assert len({line["correlation_id"] for line in arrivals} | {OWN_ID}) == 3
    by_disposition = {line["disposition"]: line.get("error_code") for line in arrivals}
    assert by_disposition == {"accepted": None, "refused": "unknown_format"}
    accepted = next(line for line in arrivals if line["disposition"] == "accepted")
    assert lived.of(accepted["correlation_id"])[-1]["event"] == "marts brought"


def test_each_upload_is_one_trace_across_processes_and_a_callers_trace_goes_on(lived: Lived) -> None:
    by_trace: dict[str, list[str]] = {}
    for upload_id, (_, parent) in lived.kept.items():
        mine = [span for span in lived.spans if span.get("nurseconv.upload_id") == upload_id]
        assert {span["trace"] for span in mine} == {parent.split("-")[1]}
        by_trace[mine[0]["trace"]] = [span["name"] for span in mine]
    assert len(by_trace) == 3
    expected = {"accept", "marts build", "provider call", *(f"stage {stage}" for stage in STAGES)}
    assert set(by_trace[TRACE]) == expected
    request = next(span for span in lived.spans if span["parent"] == CALLER_SPAN)
    assert (request["name"], request["nurseconv.status"]) == ("POST /api/v1/text-processing", 202)
    accept = next(span for span in lived.spans if span["name"] == "accept" and span["trace"] == TRACE)
    assert accept["parent"] == request["id"]
    stages = [span for span in lived.spans if span["name"].startswith("stage") and span["trace"] == TRACE]
    assert {span["parent"] for span in stages} == {accept["id"]}
    answers = next(span for span in stages if span["name"] == "stage answers")
    calls = [span for span in lived.spans if span["name"] == "provider call" and span["trace"] == TRACE]
    assert {span["parent"] for span in calls} == {answers["id"]}


def test_no_words_names_units_or_file_names_are_in_log_or_spans(lived: Lived) -> None:
    told = json.dumps(lived.lines).lower() + lived.sent.decode("latin-1").lower()
    assert [word for word in CANARIES if word in told] == []
    assert len(lived.lines) > 20
    assert len(lived.spans) > 10
