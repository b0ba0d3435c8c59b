"""Laws of the examples in the description: each body has one, it fits its schema, and it says what the API says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.forms import FILE_PART
from nurseconv_dagster.api.progress import task_of
from nurseconv_dagster.speech.subtitles import write_vtt
from nurseconv_dagster.speech.transcripts import Transcript
from tests.api.conftest import MakeKey

JSON, FORM = "application/json", "multipart/form-data"


@pytest.fixture
def told(client: TestClient) -> dict[str, Any]:
    return cast("dict[str, Any]", client.get("/openapi.json").json())


def operations(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def bodies(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each JSON body that is sent or comes back, problems left out, with where it stands."""
    for name, operation in operations(told):
        said = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for place, body in said.items():
            if JSON in body.get("content", {}):
                yield f"{name} {place}", body["content"][JSON]


def examples_of(told: dict[str, Any], body: dict[str, Any]) -> list[Any]:
    """What a reader is shown: the body's own example, else those of its schema."""
    if "example" in body:
        return [body["example"]]
    schema = body["schema"]
    if "$ref" in schema:
        schema = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("examples", ()))


def closed(told: dict[str, Any]) -> dict[str, Any]:
    """The same schemas, and none takes a field that it does not tell of."""
    components = deepcopy(told["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return components


def wrongs(components: dict[str, Any], schema: dict[str, Any], example: Any) -> list[str]:
    checker = Draft202012Validator.FORMAT_CHECKER
    found = Draft202012Validator({**schema, "components": components}, format_checker=checker).iter_errors(example)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_every_summary_is_written_for_people(told: dict[str, Any]) -> None:
    for name, operation in operations(told):
        # Where a route has none, FastAPI shows its function's name in title case.
        assert operation["summary"] != operation["summary"].title(), name


def test_every_json_body_has_an_example_that_fits_its_schema(told: dict[str, Any]) -> None:
    components, found = closed(told), list(bodies(told))
    assert len(found) >= 17
    for name, body in found:
        shown = examples_of(told, body)
        assert shown, name
        for example in shown:
            assert wrongs(components, body["schema"], example) == [], name


def test_a_wrong_example_would_be_found(told: dict[str, Any]) -> None:
    components = closed(told)
    schema = {"$ref": "#/components/schemas/Task"}
    for wrong in ({"task_id": "7"}, {"progress": 101}, {"status": "lost"}, {"percent": 25}):
        assert wrongs(components, schema, {**examples.TASK, **wrong}), wrong


def test_every_field_of_a_form_has_an_example_but_those_of_the_senders_own_file(told: dict[str, Any]) -> None:
    forms = [
        (name, operation["requestBody"]["content"][FORM]["schema"])
        for name, operation in operations(told)
        if FORM in operation.get("requestBody", {}).get("content", {})
    ]
    assert [name for name, _ in forms] == ["post /api/v1/uploads"]
    for _, form in forms:
        fields = form["properties"]
        assert {name for name, field in fields.items() if "examples" not in field} == {FILE_PART, "sha256"}
        for name, field in fields.items():
            for example in field.get("examples", ()):
                assert wrongs(told["components"], field, example) == [], name


def test_every_text_that_comes_back_has_an_example(told: dict[str, Any]) -> None:
    content = {name: operation["responses"].get("200", {}).get("content", {}) for name, operation in operations(told)}
    assert content["get /metrics"]["text/plain"]["example"] == examples.METRICS
    assert content["get /api/v1/uploads/{upload_id}/events"]["text/event-stream"]["example"] == examples.EVENTS
    assert content["get /api/v1/uploads/{upload_id}/export"]["text/vtt; charset=utf-8"]["example"] == examples.VTT


def test_the_example_of_a_task_says_what_a_task_says() -> None:
    row = SimpleNamespace(
        id=UUID(examples.UPLOAD_ID), status="processing", stage="transcriptions", cancel_requested_at=None,
        error_code=None, restart_from=None,
    )  # fmt: skip
    assert task_of(row).model_dump(mode="json") == examples.TASK
    row.status, row.stage = "completed", "done"
    told = [json.loads(line[6:]) for line in examples.EVENTS.splitlines() if line.startswith("data: ")]
    assert told == [examples.TASK, task_of(row).model_dump(mode="json")]


def test_the_example_of_subtitles_is_the_example_of_a_transcript() -> None:
    segments = [
        SimpleNamespace(start_s=said["start"], end_s=said["end"], text=said["text"], role=said["role"])
        for said in examples.RESULTS["transcription"]["segments"]
    ]
    assert write_vtt(cast("Transcript", SimpleNamespace(is_typed=False, segments=segments))) == examples.VTT


def test_every_quote_of_the_example_stands_where_it_says() -> None:
    words = examples.RESULTS["transcription"]
    for answer in examples.RESULTS["qa_results"]:
        for proof in answer["evidence"]:
            assert words["text"][proof["start_char"] : proof["end_char"]] == proof["quote"]
            [n] = proof["segment_ids"]
            segment = words["segments"][n]
            assert proof["quote"] in segment["text"]
            assert segment["start"] <= proof["start_s"] < proof["end_s"] <= segment["end"]
            assert (answer["timestamp_start"], answer["timestamp_end"]) == (proof["start_s"], proof["end_s"])


def test_the_questions_of_the_examples_are_those_of_the_catalogue(client: TestClient, key: MakeKey) -> None:
    [shown] = examples.QUESTIONS["profiles"]
    said = client.get("/api/v1/questions", params={"profile": shown["name"]}, headers=key("read", units=["*"])).json()
    [profile] = said["profiles"]
    known = {question["id"]: question for question in profile["questions"]}
    assert profile["title"] == shown["title"]
    for question in shown["questions"]:
        assert question == known[question["id"]]
    for answer in examples.RESULTS["qa_results"]:
        question = known[answer["question_id"]]
        for field in ("category", "value_type", "is_required", "is_safety_critical"):
            assert answer[field] == question[field]
        assert answer["question_text"] == question["text"]
        assert wrongs({}, question["json_schema"], answer["answer_value"]) == []
    assert examples.RESULTS["score"]["questions_total"] == len(known)
