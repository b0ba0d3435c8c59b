"""An event wakes the sensor up, whatever it says; and what cannot be scanned is not taken."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.store import listings
from tests.fakes.clamd import talking_clamd

EVENTS = "/api/v1/bucket-events"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"Records": [{"s3": {"object": {"key": "zebulonis.wav"}}}]}', b"\xff\0"]
)
def test_any_event_is_noted_and_nothing_of_it_is_kept(client, key, engine, body):
    before = listings.last_beats(engine).get(listings.BUCKET_EVENT)
    assert client.post(EVENTS, content=body, headers=key("upload", units=["A"])).status_code == 202
    assert listings.last_beats(engine)[listings.BUCKET_EVENT] != before
    with engine.connect() as connection:
        rows = connection.execute(text("select action, details from audit_log where action like 'bucket%'")).all()
    assert [tuple(row) for row in rows] == [("bucket.event_noted", {})]


def test_an_event_needs_a_key_that_may_send_and_a_body_of_bounded_size(client, key):
    assert client.post(EVENTS).status_code == 401
    assert client.post(EVENTS, headers=key("read", units=["A"])).status_code == 403
    assert client.post(EVENTS, content=bytes(300_000), headers=key("upload", units=["A"])).status_code == 413


@pytest.fixture
def scanned(api_settings):
    """Calls of an API whose scanner is at this address."""

    def at(address):
        return TestClient(create_app(api_settings.model_copy(update={"virus_scan": address})))

    return at


def test_while_the_scanner_is_away_nothing_is_taken_and_the_caller_is_told_when_to_come_again(scanned, key, engine):
    headers = key("upload", units=["A"])
    with scanned("clamav://127.0.0.1:1") as client:
        answers = [
            client.post("/api/v1/uploads", files={"file": ("a.txt", b"Nurse: Hello.")}, headers=headers),
            client.post("/api/v1/text-processing", json={"text": "Nurse: Hello."}, headers=headers),
        ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "30"
        assert answer.json()["code"] == "scanner_unavailable"
    assert listings.list_uploads(engine) == []


def test_an_infected_text_is_refused_with_what_to_do(scanned, key, engine, api_settings):
    headers = key("upload", units=["A"])
    with talking_clamd(b"stream: Test.EICAR FOUND\0") as address, scanned(address) as client:
        answer = client.post("/api/v1/text-processing", json={"text": "Nurse: Hello."}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "infected")
    assert "Test.EICAR" in answer.json()["detail"]
    [row] = listings.list_uploads(engine)
    assert (row.status, row.error_code, row.object_key) == ("rejected", "infected", None)
    assert [path for path in api_settings.vault_dir.rglob("*") if path.is_file()] == []
