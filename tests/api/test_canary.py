"""The canary: words, names and keys that appear nowhere else are sent everywhere and looked for in every other sink."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine, text

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.telemetry.logs import log_file
from tests.api.conftest import MakeKey
from tests.api.servers import running_server
from tests.fakes.sounds import make

# Letters that no id, path or message has by chance.
WORD, NAME, FILE, UNIT, OWN_KEY, HEADER = (
    f"quokka{each}zebulon" for each in ("word", "name", "file", "unit", "ownkey", "header")
)
CANARIES = (WORD, NAME, FILE, UNIT, OWN_KEY, HEADER)


@pytest.fixture
def said(api_settings: Settings, engine: Engine, key: MakeKey, tmp_path: Path) -> dict[str, str]:
    """Everything that the API printed, answered and kept, by sink; results and lists, which hold names, left out."""
    sinks = {}
    with (tmp_path / "log").open("wb") as log:
        settings = api_settings.model_copy(update={"log_level": "DEBUG"})
        with (
            running_server(settings, workers=1, log=log, LOG_LEVEL="DEBUG", RATE_LIMIT="0") as address,
            httpx2.Client(base_url=address, timeout=30) as client,
        ):
            client.headers.update(key("read", "upload", "review", units=[UNIT]))
            client.headers.update({"X-Patient": HEADER, "User-Agent": HEADER, "X-Request-ID": HEADER})
            sinks |= _send(client, make(tmp_path / "sound", "wav", 0.5).read_bytes(), engine)
            sinks["metrics"] = client.get("/metrics").text
            sinks["description"] = client.get("/openapi.json").text
    sinks["log"] = (tmp_path / "log").read_text(errors="replace")
    sinks["log file"] = log_file(settings).read_text()
    with transaction(engine) as connection:
        sinks["audit"] = str(connection.execute(text("select * from audit_log")).all())
        sinks["ledger"] = str(
            connection.execute(
                text("select error_code, error_message, identity_key, object_key from conversation_uploads")
            ).all()
        )
    return sinks


def _send(client: httpx2.Client, sound: bytes, engine: Engine) -> dict[str, str]:
    """Problem documents and events, by request."""
    about = {"nurse_id": NAME, "encounter_id": NAME, "unit": UNIT}
    own = {"Idempotency-Key": OWN_KEY}

    def send(content: bytes, **fields: str) -> httpx2.Response:
        return client.post("/api/v1/uploads", files={"file": (f"{FILE}.wav", content)}, data=fields, headers=own)

    taken = send(sound, **about)
    typed = client.post("/api/v1/text-processing", json={"text": f"Nurse: {WORD}?", **about})
    assert (taken.status_code, typed.status_code) == (202, 202)
    upload_id = taken.json()["id"]
    client.get("/api/v1/uploads", params={"unit": UNIT})
    client.get(f"/api/v1/uploads/{upload_id}")
    client.post(f"/api/v1/tasks/{upload_id}/cancel")
    refusals = {
        "other bytes": send(sound + b"more", **about),
        "no sound": send(WORD.encode(), unit=UNIT, nurse_id=NAME, profile=NAME),
        "another unit": send(sound, unit=f"{UNIT}2"),
        # The name of a field is told when it looks like one: whoever mistyped it must find it. A sentence does not.
        "unknown field": send(sound, **{f"{WORD} {WORD}": NAME}),
        "unknown body": client.post("/api/v1/text-processing", json={f"{WORD} {WORD}": WORD}),
        "no JSON": client.post("/api/v1/text-processing", content=WORD.encode()),
        "no such address": client.get(f"/{WORD}?name={NAME}"),
        "no such upload": client.get(f"/api/v1/uploads/{NAME}"),
        "no such profile": client.get("/api/v1/questions", params={"profile": NAME}),
        "no such cursor": client.get("/api/v1/uploads", params={"cursor": NAME}),
        "no range": client.get(f"/api/v1/uploads/{upload_id}/audio", headers={"Range": WORD}),
        "no verdict": client.post(f"/api/v1/answers/{upload_id}/reviews", json={"verdict": WORD, "notes": WORD}),
        "no key": client.get("/api/v1/uploads", headers={"Authorization": f"Bearer {NAME}"}),
    }
    assert {name: answer.status_code for name, answer in refusals.items() if answer.status_code < 400} == {}
    followed = client.get(f"/api/v1/uploads/{upload_id}/events")
    assert "event: end" in followed.text
    return {name: answer.text + str(answer.headers) for name, answer in refusals.items()} | {"events": followed.text}


def test_nothing_of_anybody_reaches_logs_metrics_problems_audit_events_or_the_description(said: dict[str, str]) -> None:
    leaks = [(sink, word) for sink, content in said.items() for word in CANARIES if word in content.lower()]
    assert leaks == []
    for log in ("log", "log file"):
        assert "POST /api/v1/uploads 202" in said[log], "the log is there, and tells of requests"
    assert "upload.received" in said["audit"]
    assert "nurseconv_http_request_seconds" in said["metrics"]
