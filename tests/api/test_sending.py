"""What a caller sends is taken once, for good, for a unit of theirs; all else is refused with a reason."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.tables import audit_log, conversation_uploads, upload_receipts
from tests.fakes.sounds import make
from tests.fakes.uploads import new_upload

CANARY = "CanaryName"
URL = "/api/v1/uploads"
TEXT_URL = "/api/v1/text-processing"
NOTE = "Nurse: Any allergies?\nPatient: No."


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    return make(tmp_path_factory.mktemp("wav") / "a", "wav", 0.5).read_bytes()


@pytest.fixture
def nurse(key):
    return key("upload", "read", units=["icu"])


def send(client, headers, content, filename=f"{CANARY}.wav", **fields):
    extra = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    return client.post(URL, files={"file": (filename, content)}, data=fields, headers={**headers, **extra})


def rows(engine, table=conversation_uploads):
    with engine.connect() as connection:
        return connection.execute(select(table)).all()


def objects(settings):
    return [path for path in settings.vault_dir.rglob("*") if path.is_file()]


def test_a_recording_is_taken_and_kept_for_good(client, nurse, wav, engine, api_settings):
    answer = send(client, nurse, wav, nurse_id="n1", profile="general", consent="true", priority="high")
    assert answer.status_code == 202
    said = answer.json()
    assert set(said) == {"id", "filename", "status", "created_at", "task_id", "disposition"}
    assert (said["filename"], said["status"], said["disposition"]) == (f"{CANARY}.wav", "pending", "accepted")
    assert answer.headers["Location"] == f"{URL}/{said['id']}"
    [row] = rows(engine)
    assert (str(row.id), row.unit, row.nurse_id, row.consent, row.priority) == (said["id"], "icu", "n1", True, "high")
    [kept] = objects(api_settings)
    assert kept.read_bytes() == wav
    assert client.get(f"/api/v1/tasks/{said['task_id']}", headers=nurse).json()["progress"] == 0


def test_a_hundred_posts_of_one_file_are_one_upload(nurse, wav, engine, api_settings):
    app = create_app(api_settings.model_copy(update={"rate_limit": 0}))
    with TestClient(app) as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: send(client, nurse, wav), range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (len(rows(engine)), len(objects(api_settings)), len(rows(engine, upload_receipts))) == (1, 1, 100)


def test_a_typed_text_is_taken(client, nurse, engine):
    answer = client.post(TEXT_URL, json={"text": NOTE, "encounter_id": "e1", "consent": True}, headers=nurse)
    assert answer.status_code == 202
    said = answer.json()
    assert set(said) == {"upload_id", "task_id", "status", "message"}
    [row] = rows(engine)
    assert (row.kind, row.encounter_id, row.unit, row.consent) == ("text", "e1", "icu", True)


def test_two_texts_of_the_same_words_are_two_uploads_unless_the_caller_says_otherwise(client, nurse):
    def ids(**more):
        said = {"text": NOTE, **more.pop("fields", {})}
        return {
            client.post(TEXT_URL, json=said, headers={**nurse, **more}).json()["upload_id"] for _ in range(2)
        }  # fmt: skip

    assert len(ids()) == 2
    assert len(ids(**{"Idempotency-Key": "k1"})) == 1
    assert len(ids(fields={"encounter_id": "e1"})) == 1


@pytest.mark.parametrize("kind", ["file", "text"])
def test_a_key_with_other_bytes_is_a_conflict(kind, client, nurse, wav, engine):
    def post(content):
        if kind == "file":
            return send(client, nurse, wav + content, key="k")
        return client.post(TEXT_URL, json={"text": content.decode()}, headers={**nurse, "Idempotency-Key": "k"})

    first = post(b"one")
    assert first.status_code == 202
    assert post(b"one").json().get("id") == first.json().get("id")
    conflict = post(b"two")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "identity_conflict")
    assert len(rows(engine)) == 1


def test_two_callers_may_use_the_same_key(client, key, wav):
    one, other = key("upload", units=["icu"]), key("upload", units=["icu"])
    assert send(client, one, wav + b"one", key="k").status_code == 202
    assert send(client, other, wav + b"two", key="k").status_code == 202


def test_a_caller_who_may_not_see_the_upload_leaves_a_receipt_and_learns_nothing(client, key, nurse, wav, engine):
    first = send(client, nurse, wav, nurse_id="n1").json()
    stranger = key("upload", "read", units=["er"])
    again = send(client, stranger, wav, filename="other.wav", nurse_id="n2")
    assert again.status_code == 202
    assert (again.json()["status"], again.json()["filename"]) == ("awaiting_review", "other.wav")
    assert again.json()["created_at"] != first["created_at"]
    assert client.get(f"{URL}/{first['id']}", headers=stranger).status_code == 404
    [row] = rows(engine)
    assert (row.unit, row.nurse_id) == ("icu", "n1")


def test_a_changed_field_amends_and_a_field_left_out_does_not(client, nurse, wav, engine):
    send(client, nurse, wav, nurse_id="n1", encounter_id="e1")
    assert send(client, nurse, wav, nurse_id="n2").json()["disposition"] == "amended"
    [row] = rows(engine)
    assert (row.nurse_id, row.encounter_id) == ("n2", "e1")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"custom_questions": "[]"}, 422, "custom_questions"),
        ({"colour": "blue"}, 422, "invalid_request"),
        ({"priority": "urgent"}, 422, "invalid_request"),
        ({"consent": "perhaps"}, 422, "invalid_request"),
        ({"unit": "er"}, 403, "unit_not_allowed"),
        ({"profile": "no such"}, 422, "unknown_profile"),
        ({"nurse_id": "a\x07b"}, 422, "bad_sidecar"),
        ({"sha256": "0" * 64}, 422, "digest_mismatch"),
        ({"sha256": "short"}, 422, "invalid_request"),
    ],
)
def test_a_wrong_field_is_refused_and_nothing_is_kept(fields, status, code, client, nurse, wav, engine, api_settings):
    answer = send(client, nurse, wav, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (rows(engine), objects(api_settings)) == ([], [])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": NOTE, "custom_questions": ["?"]}, "custom_questions"),
        ({"text": NOTE, "colour": "blue"}, "invalid_request"),
        ({"text": NOTE, "consent": "true"}, "invalid_request"),
        ({"text": 7}, "invalid_request"),
        ({}, "invalid_request"),
        ([], "invalid_request"),
    ],
)
def test_a_wrong_text_body_is_refused_and_nothing_is_kept(body, code, client, nurse, engine):
    answer = client.post(TEXT_URL, json=body, headers=nurse)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert rows(engine) == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\\ud800"}', b'{"text": "\xff"}'])
def test_a_body_that_is_no_json_is_refused(body, client, nurse):
    answer = client.post(TEXT_URL, content=body, headers={**nurse, "Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("content", "filename", "status", "code"),
    [
        (b"%PDF-1.7 \x80", "a.pdf", 415, "unknown_format"),
        (b"", "a.wav", 422, "empty_file"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a.wav", 422, "damaged_audio"),
        (b" \n ", "a.txt", 422, "empty_text"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_its_reason_stays(content, filename, status, code, client, nurse):
    answer = send(client, nurse, content, filename)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    upload_id = answer.json()["upload_id"]
    task = client.get(f"/api/v1/tasks/{upload_id}", headers=nurse).json()
    assert (task["status"], task["error"]["code"]) == ("rejected", code)


def test_the_digest_of_the_file_may_be_sent_with_it(client, nurse, wav):
    assert send(client, nurse, wav, sha256=hashlib.sha256(wav).hexdigest().upper()).status_code == 202


@pytest.mark.parametrize("body", [b"no form", b"--x\r\n"])
def test_a_body_that_is_no_form_is_refused(body, client, nurse):
    headers = {**nurse, "Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post(URL, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_form")
    assert client.post(URL, content=body, headers={**nurse, "Content-Type": "audio/wav"}).status_code == 400


def test_a_key_that_reaches_several_units_must_say_which(client, key, wav, engine):
    several = key("upload", units=["icu", "er"])
    answer = send(client, several, wav)
    assert (answer.status_code, answer.json()["code"]) == (422, "unit_missing")
    assert send(client, several, wav, unit="er").status_code == 202
    assert send(client, key("upload", units=["*"]), wav).json()["code"] == "unit_missing"
    assert send(client, key("admin"), wav + b"x").status_code == 202
    assert sorted(str(row.unit) for row in rows(engine)) == ["None", "er"]


def test_sending_needs_the_scope(client, key, wav):
    assert send(client, key("read", units=["icu"]), wav).status_code == 403
    assert client.post(TEXT_URL, json={"text": NOTE}, headers=key("read", units=["icu"])).status_code == 403


def test_an_upload_is_taken_though_nobody_works(client, nurse, wav, engine):
    """No daemon has ever said that it is alive in this test's database."""
    assert send(client, nurse, wav).status_code == 202
    assert client.get("/health").json()["services"]["dagster"] == "unhealthy"


def test_every_post_leaves_one_audit_row_without_a_name(client, nurse, wav, engine):
    send(client, nurse, wav, nurse_id=CANARY, encounter_id=CANARY)
    send(client, nurse, wav)
    send(client, nurse, wav, profile="no such")
    send(client, nurse, b"", "a.wav")
    client.post(TEXT_URL, json={"text": CANARY}, headers=nurse)
    with engine.connect() as connection:
        found = connection.execute(select(audit_log).where(audit_log.c.action == "upload.received")).all()
    assert [row.details for row in sorted(found, key=lambda row: row.seq)] == [
        {"disposition": "accepted"},
        {"disposition": "duplicate"},
        {"refused": "unknown_profile"},
        {"disposition": "refused"},
        {"disposition": "accepted"},
    ]
    assert {row.actor for row in found} == {"key:" + nurse["Authorization"].split("_")[1]}
    assert CANARY not in str(found)


def test_a_recording_that_the_bucket_brought_is_the_same_upload(client, key, wav, engine):
    sha = hashlib.sha256(wav).hexdigest()
    first = ArrivalLedger(engine).record_arrival(new_upload(sha, key=f"recording:{sha}", kind="audio"))
    again = send(client, key("admin"), wav).json()
    assert (UUID(again["id"]), again["disposition"]) == (first.upload_id, "duplicate")
    assert len(rows(engine)) == 1
