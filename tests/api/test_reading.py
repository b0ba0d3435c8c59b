"""Uploads are read as promised, by those who may see them, and an erased one is gone for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update

from nurseconv_dagster.api.upload_models import UploadResults
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.vault import hash_file, vault_of
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.listings import ask_restart
from nurseconv_dagster.store.tables import STATES, audit_log, conversation_uploads, question_answers
from tests.fakes.results import CANARY, add_results
from tests.fakes.sounds import make
from tests.fakes.uploads import new_upload

URL = "/api/v1/uploads"


@pytest.fixture
def reader(key):
    return key("read", "upload", units=["icu"])


def arrive(engine, unit="icu", **about):
    sidecar = Sidecar(**{"unit": unit, **about.pop("said", {})}) if unit else Sidecar()
    return ArrivalLedger(engine).record_arrival(new_upload(sidecar=sidecar, **about)).upload_id


def change(engine, upload_id, **values):
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).where(conversation_uploads.c.id == upload_id).values(values))


def completed(engine, states=None, **about):
    upload_id = arrive(engine, **about)
    change(engine, upload_id, status="completed", stage="done", processing_completed_at=datetime.now(UTC))
    add_results(engine, upload_id, states)
    return upload_id


def actions(engine):
    with engine.connect() as connection:
        rows = connection.execute(select(audit_log).order_by(audit_log.c.seq)).all()
    return [(row.action, row.subject, row.details) for row in rows if not row.action.startswith("key.")]


# the result document


def test_the_result_document_has_the_promised_shape(client, reader, engine):
    upload_id = completed(engine)
    document = client.get(f"{URL}/{upload_id}", headers=reader).json()
    assert {"upload", "transcription", "qa_results", "score"} == set(document)
    assert {"id": str(upload_id), "filename": "x.txt", "status": "completed"}.items() <= document["upload"].items()
    assert document["upload"]["created_at"].endswith("Z")
    assert document["transcription"]["text"] == CANARY
    assert {"start": 0.0, "end": 5.2, "text": CANARY}.items() <= document["transcription"]["segments"][0].items()
    [answer] = document["qa_results"]
    assert {
        "question_id": "symptoms", "question_text": "?", "answer_text": CANARY, "confidence_score": 0.75,
        "timestamp_start": 0.1, "timestamp_end": 0.4, "is_confident": True, "state": "answered",
    }.items() <= answer.items()  # fmt: skip
    assert {"completeness_score": 0.5, "confidence_score": 0.5, "patient_info_score": 0.5}.items() <= document[
        "score"
    ].items()
    assert UploadResults.model_validate(document).model_dump(mode="json", exclude_unset=True) == document


@pytest.mark.parametrize("state", STATES)
def test_a_question_shows_its_state_and_a_text_only_where_there_is_an_answer(state, client, reader, engine):
    upload_id = completed(engine, {"symptoms": state})
    [answer] = client.get(f"{URL}/{upload_id}", headers=reader).json()["qa_results"]
    assert answer["state"] == state
    assert (answer["answer_text"] is not None) == (state in ("answered", "denied"))


def test_questions_come_in_the_order_in_which_they_were_put_also_after_a_correction(client, reader, engine):
    states = {"patient_name": "answered", "symptoms": "denied", "follow_up": "not_asked"}
    upload_id = completed(engine, states)
    with engine.begin() as connection:
        corrected = question_answers.c.question_id == "symptoms"
        row = connection.execute(select(question_answers).where(corrected)).mappings().one()
        connection.execute(update(question_answers).where(corrected).values(is_current=False))
        later = {**row, "id": uuid4(), "run_no": 2, "created_at": datetime.now(UTC), "provider": "reviewer"}
        connection.execute(insert(question_answers).values(later))
    answers = client.get(f"{URL}/{upload_id}", headers=reader).json()["qa_results"]
    assert [item["question_id"] for item in answers] == list(states)
    assert answers[1]["provider"] == "reviewer"


def test_words_are_read_only_where_they_are_asked_for(client, reader, engine, monkeypatch):
    upload_id = completed(engine)

    def ask(words):
        return client.get(f"{URL}/{upload_id}", params={"transcription": words}, headers=reader).json()["transcription"]

    assert "words" not in ask("full")["segments"][0]
    assert ask("words")["segments"][0]["words"] == [{"text": CANARY, "start": 0.1, "end": 0.4, "probability": 0.9}]
    monkeypatch.setattr("nurseconv_dagster.store.codec.decode_text", lambda _: pytest.fail("decoded"))
    assert ask("none") is None


def test_an_upload_without_results_shows_what_there_is(client, reader, engine):
    upload_id = arrive(engine)
    document = client.get(f"{URL}/{upload_id}", headers=reader).json()
    assert (document["transcription"], document["qa_results"], document["score"]) == (None, [], None)
    UploadResults.model_validate(document)


def test_only_the_current_results_are_shown(client, reader, engine):
    upload_id = completed(engine)
    with engine.begin() as connection:
        for table in ("conversation_transcriptions", "question_answers", "conversation_scores"):
            connection.exec_driver_sql(f"update {table} set is_current = false")
    document = client.get(f"{URL}/{upload_id}", headers=reader).json()
    assert (document["transcription"], document["qa_results"], document["score"]) == (None, [], None)


# who sees what


def test_what_a_key_may_not_see_does_not_exist_for_it(client, key, reader, engine, api_settings):
    hidden, nowhere = completed(engine, unit="er"), completed(engine, unit=None)
    for upload_id in (hidden, nowhere, uuid4()):
        for path in ("", "/audio", "/events"):
            answer = client.get(f"{URL}/{upload_id}{path}", headers=reader)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_upload")
        assert client.get(f"/api/v1/tasks/{upload_id}", headers=reader).status_code == 404
        assert client.post(f"/api/v1/tasks/{upload_id}/cancel", headers=reader).status_code == 404
    assert client.get(URL, headers=reader).json()["items"] == []
    assert len(client.get(URL, headers=key("read", units=["*"])).json()["items"]) == 1
    assert len(client.get(URL, headers=key("admin")).json()["items"]) == 2


def test_every_access_leaves_one_audit_row(client, reader, engine):
    upload_id = completed(engine)
    client.get(URL, headers=reader)
    client.get(f"{URL}/{upload_id}", headers=reader)
    client.get(f"{URL}/{upload_id}/audio", headers=reader)
    client.get(f"{URL}/{upload_id}/events", headers=reader)
    client.get(f"/api/v1/tasks/{upload_id}", headers=reader)
    client.post(f"/api/v1/tasks/{upload_id}/cancel", headers=reader)
    client.get("/api/v1/questions", headers=reader)
    assert actions(engine) == [
        ("uploads.listed", None, {}),
        ("upload.read", str(upload_id), {}),
        ("audio.read", str(upload_id), {"refused": "unknown_upload"}),
        ("upload.followed", str(upload_id), {}),
        ("task.read", str(upload_id), {}),
        ("upload.cancel_asked", str(upload_id), {}),
        ("questions.read", None, {}),
    ]


# the list


def test_pages_hold_every_upload_once_newest_first_also_while_new_ones_arrive(client, reader, engine):
    ids = [arrive(engine) for _ in range(7)]
    same = datetime.now(UTC)
    for upload_id in ids[2:5]:
        change(engine, upload_id, created_at=same)
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get(URL, params=params, headers=reader).json()
        seen += [item["id"] for item in page["items"]]
        arrive(engine)
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(str(upload_id) for upload_id in ids)


def test_the_list_is_filtered(client, reader, key, engine):
    old = arrive(engine, said={"profile": "handoff", "priority": "high"}, kind="audio")
    change(engine, old, created_at=datetime.now(UTC) - timedelta(days=3), status="failed", error_code="x")
    doubtful = completed(engine, {"symptoms": "conflicting"})
    other = arrive(engine, unit="er")
    everybody = key("admin")

    def found(headers=everybody, **params):
        answer = client.get(URL, params=params, headers=headers)
        assert answer.status_code == 200
        return [item["id"] for item in answer.json()["items"]]

    assert found(status="failed") == [str(old)]
    assert set(found(status=["failed", "completed"])) == {str(old), str(doubtful)}
    assert found(unit="er") == [str(other)]
    assert found(headers=reader, unit="er") == []
    assert found(profile="handoff") == found(priority="high") == found(kind="audio") == [str(old)]
    assert found(needs_review=True) == [str(doubtful)]
    assert set(found(needs_review=False)) == {str(old), str(other)}
    a_day_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert found(created_before=a_day_ago) == [str(old)]
    assert str(old) not in found(created_from=a_day_ago)


@pytest.mark.parametrize(
    "params",
    [{"colour": "x"}, {"status": "lost"}, {"limit": 0}, {"limit": 201}, {"created_from": "2024-01-01T00:00:00"},
     {"created_from": "0.5"}, {"created_before": "1704067200"},
     {"cursor": "x"}, {"cursor": "aGVsbG8"}],
)  # fmt: skip
def test_a_list_that_is_asked_for_wrongly_is_refused(params, client, reader):
    assert client.get(URL, params=params, headers=reader).status_code == 422


# tasks


@pytest.mark.parametrize(
    ("status", "stage", "progress", "step"),
    [
        ("pending", "uploads", 0, "uploads"),
        ("processing", "transcriptions", 25, "transcriptions"),
        ("processing", "answers", 50, "answers"),
        ("pending", "scores", 75, "scores"),
        ("completed", "done", 100, None),
        ("failed", "answers", 50, None),
        ("cancelled", "uploads", 0, None),
    ],
)
def test_a_task_tells_how_far_it_is(status, stage, progress, step, client, reader, engine):
    upload_id = arrive(engine)
    change(engine, upload_id, status=status, stage=stage, error_code="bad" if status == "failed" else None)
    task = client.get(f"/api/v1/tasks/{upload_id}", headers=reader).json()
    assert set(task) == {"task_id", "upload_id", "status", "progress", "current_step", "message", "result", "error"}
    assert (task["status"], task["progress"], task["current_step"]) == (status, progress, step)
    assert (task["result"] is not None) == (status == "completed")
    assert (task["error"] is not None) == (status == "failed")
    assert task["message"]


def test_a_task_that_waits_is_cancelled_and_one_at_work_is_asked_to_stop(client, reader, engine):
    waits, works = arrive(engine), arrive(engine)
    change(engine, works, status="processing")
    assert client.post(f"/api/v1/tasks/{waits}/cancel", headers=reader).json()["status"] == "cancelled"
    asked = client.post(f"/api/v1/tasks/{works}/cancel", headers=reader).json()
    assert (asked["status"], "cancelled before the next step" in asked["message"]) == ("processing", True)


def test_a_task_at_an_end_that_will_run_again_says_so(client, reader, engine):
    upload_id = completed(engine)
    ask_restart(engine, upload_id, "answers", "test")
    assert "answers" in client.get(f"/api/v1/tasks/{upload_id}", headers=reader).json()["message"]


# erasure


def test_an_erased_upload_is_gone_for_all_who_could_see_it(client, key, reader, engine, tmp_path, api_settings):
    sound = make(tmp_path / "a", "wav", 0.5).read_bytes()
    posted = client.post(URL, files={"file": (f"{CANARY}.wav", sound)}, headers=reader)
    upload_id = posted.json()["id"]
    add_results(engine, upload_id)
    assert client.delete(f"{URL}/{upload_id}", headers=reader).status_code == 403
    assert client.delete(f"{URL}/{upload_id}", headers=key("admin")).status_code == 204

    paths = [f"{URL}/{upload_id}{path}" for path in ("", "/audio", "/events")] + [f"/api/v1/tasks/{upload_id}"]
    for path in paths:
        answer = client.get(path, headers=reader)
        assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    assert client.post(f"/api/v1/tasks/{upload_id}/cancel", headers=reader).status_code == 410
    assert client.delete(f"{URL}/{upload_id}", headers=key("admin")).status_code == 410
    again = client.post(URL, files={"file": (f"{CANARY}.wav", sound)}, headers=reader)
    assert (again.status_code, again.json()["code"]) == (410, "erased")
    assert [path for path in api_settings.vault_dir.rglob("*") if path.is_file()] == []
    assert upload_id in (api_settings.home / "erased.log").read_text()
    assert CANARY not in client.get(URL, headers=reader).text


def test_who_erased_is_written_down_once(client, key, engine):
    upload_id = arrive(engine)
    admin = key("admin")
    client.delete(f"{URL}/{upload_id}", headers=admin)
    client.delete(f"{URL}/{uuid4()}", headers=admin)
    assert [(action, details) for action, _, details in actions(engine)] == [
        ("upload.erased", {"n_bucket_copies": 1}),
        ("upload.erased", {"refused": "unknown_upload"}),
    ]


# sound


@pytest.fixture
def sound(engine, api_settings, tmp_path):
    """The id and the bytes of a stored recording."""
    path = make(tmp_path / "a", "wav", 1.0)
    sha, _ = hash_file(path)
    upload = new_upload(sha, kind="audio", sidecar=Sidecar(unit="icu"))
    object.__setattr__(upload, "object_key", vault_of(api_settings).put(path, sha))
    object.__setattr__(upload, "content_type", "audio/wav")
    return ArrivalLedger(engine).record_arrival(upload).upload_id, path.read_bytes()


def test_a_recording_is_heard_whole_and_its_head_alone(sound, client, reader):
    upload_id, content = sound
    answer = client.get(f"{URL}/{upload_id}/audio", headers=reader)
    assert (answer.status_code, answer.content) == (200, content)
    assert (answer.headers["Content-Type"], answer.headers["Accept-Ranges"]) == ("audio/wav", "bytes")
    head = client.head(f"{URL}/{upload_id}/audio", headers=reader)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(content)))
    assert head.headers["ETag"] == answer.headers["ETag"]
    assert "x.txt" not in str(answer.headers)


@pytest.mark.parametrize(
    ("wanted", "start", "end"), [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None)]
)
def test_a_part_of_a_recording_is_heard(wanted, start, end, sound, client, reader):
    upload_id, content = sound
    answer = client.get(f"{URL}/{upload_id}/audio", headers={**reader, "Range": wanted})
    assert (answer.status_code, answer.content) == (206, content[start:end])
    first = len(content) + start if start < 0 else start
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(content)}"


def test_a_part_is_given_only_of_the_recording_that_the_client_has_begun(sound, client, reader):
    upload_id, content = sound
    etag = client.head(f"{URL}/{upload_id}/audio", headers=reader).headers["ETag"]
    part = {**reader, "Range": "bytes=0-9"}
    assert client.get(f"{URL}/{upload_id}/audio", headers={**part, "If-Range": etag}).status_code == 206
    assert client.get(f"{URL}/{upload_id}/audio", headers={**part, "If-Range": '"other"'}).content == content
    same = client.get(f"{URL}/{upload_id}/audio", headers={**reader, "If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ("bytes=999999999-", 416, "range_outside"),
        ("bytes=-0", 416, "range_outside"),
        ("bytes=abc", 400, "bad_range"),
        ("lines=1-2", 400, "bad_range"),
        (f"bytes={'1' * 5000}-", 400, "bad_range"),
    ],
)
def test_a_part_that_is_not_there_is_refused(wanted, status, code, sound, client, reader):
    upload_id, content = sound
    answer = client.get(f"{URL}/{upload_id}/audio", headers={**reader, "Range": wanted})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{len(content)}"


# the catalogue


def test_the_questions_of_each_profile_are_told(client, reader):
    found = client.get("/api/v1/questions", headers=reader).json()
    general = next(profile for profile in found["profiles"] if profile["name"] == found["default_profile"])
    assert "chief_complaint" in [question["id"] for question in general["questions"]]
    assert all(question["json_schema"] for question in general["questions"])
    only = client.get("/api/v1/questions", params={"profile": "handoff"}, headers=reader).json()
    assert [profile["name"] for profile in only["profiles"]] == ["handoff"]
    assert client.get("/api/v1/questions", params={"profile": "x"}, headers=reader).status_code == 422


def test_a_rejected_upload_tells_why(client, reader, engine):
    upload_id = arrive(engine, refusal=Refusal("damaged_audio", "send it again"))
    upload = client.get(f"{URL}/{upload_id}", headers=reader).json()["upload"]
    assert upload["error"] == {"code": "damaged_audio", "message": "send it again"}
