"""On a real socket: a body is cut off at the limit, slow senders harm nobody, progress arrives as it happens."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import func, select, update

from nurseconv_dagster.api import receiving, watching
from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.store.keys import revoke_key
from nurseconv_dagster.store.tables import conversation_uploads
from tests.api.serving import serve
from tests.api.test_reading import arrive, completed
from tests.fakes.sounds import make

LIMIT = 300_000
URL = "/api/v1/uploads"
LINE = b"made-up"
HEAD = b'--made-up\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
TAIL = b"\r\n--made-up--\r\n"


@pytest.fixture
def settings(api_settings):
    return api_settings.model_copy(update={"max_file_size": LIMIT, "rate_limit": 0})


@pytest.fixture
def address(settings):
    with serve(create_app(settings)) as found:
        yield found


@pytest.fixture
def nurse(key):
    return key("upload", "read", units=["icu"])


class Sender:
    """A form that is sent piece by piece."""

    def __init__(self, address, headers, length=None, **extra):
        at = urlsplit(address)
        self.socket = socket.create_connection((at.hostname, at.port), timeout=30)
        size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
        lines = [f"POST {URL} HTTP/1.1", "Host: x", size, "Content-Type: multipart/form-data; boundary=made-up"]
        lines += [f"{name}: {value}" for name, value in {**headers, **extra}.items()]
        self.is_chunked = length is None
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, piece):
        self.socket.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if self.is_chunked else piece)

    def finish(self):
        if self.is_chunked:
            self.socket.sendall(b"0\r\n\r\n")

    def answer(self):
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        return response.status, json.loads(response.read() or b"null")

    def hang_up(self):
        self.socket.close()


def files(settings):
    return [path for path in settings.vault_dir.rglob("*") if path.is_file()]


def bytes_on_disk(settings):
    return sum(path.stat().st_size for path in files(settings))


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 20 s"
        time.sleep(0.02)


def test_a_body_without_end_is_cut_off_at_the_limit_and_leaves_nothing(address, settings, nurse):
    sender, most, n_sent = Sender(address, nurse), 0, 0
    sender.send(HEAD)
    try:
        for _ in range(10_000):
            sender.send(b"x" * 100_000)
            n_sent += 100_000
            most = max(most, bytes_on_disk(settings))
    except OSError:  # the server has closed the connection
        pass
    assert sender.answer()[1]["code"] == "too_large"
    assert LIMIT < n_sent < 10_000 * 100_000
    assert most <= LIMIT
    wait_for(lambda: files(settings) == [])


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(address, settings, nurse):
    sender = Sender(address, nurse, length=10**10, Expect="100-continue")
    assert sender.answer()[0] == 413
    assert files(settings) == []


def test_a_file_of_just_the_limit_is_taken_and_one_byte_more_is_not(address, settings, nurse):
    for n_bytes, expected in ((LIMIT, 415), (LIMIT + 1, 413)):
        sender = Sender(address, nurse)
        for piece in (HEAD, b"x" * n_bytes, TAIL):
            sender.send(piece)
        sender.finish()
        assert sender.answer()[0] == expected


def test_a_sender_who_hangs_up_leaves_nothing(address, settings, nurse, engine):
    sender = Sender(address, nurse)
    sender.send(HEAD)
    sender.send(b"x" * 280_000)
    wait_for(lambda: files(settings))
    sender.hang_up()
    wait_for(lambda: files(settings) == [])
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(conversation_uploads)).scalar_one() == 0


def test_a_sender_who_falls_silent_is_cut_off(address, settings, nurse, monkeypatch):
    monkeypatch.setattr(receiving, "_SILENCE_S", 0.3)
    sender = Sender(address, nurse)
    sender.send(HEAD)
    status, document = sender.answer()
    assert (status, document["code"]) == (408, "broken_off")
    assert files(settings) == []


def test_slow_senders_keep_nobody_from_being_served(address, nurse, tmp_path):
    slow = [Sender(address, nurse) for _ in range(50)]
    for sender in slow:
        sender.send(HEAD + b"R")
    assert httpx2.get(f"{address}/health", timeout=20).status_code in (200, 503)
    sound = make(tmp_path / "a", "wav", 0.5).read_bytes()
    posted = httpx2.post(f"{address}{URL}", files={"file": ("a.wav", sound)}, headers=nurse, timeout=20)
    assert posted.status_code == 202
    slow[0].send(sound[1:] + TAIL)
    slow[0].finish()
    assert slow[0].answer()[1]["id"] == posted.json()["id"]
    for sender in slow[1:]:
        sender.hang_up()


# progress


def events(response):
    """Each event as (kind, id, task), comments left out."""
    event = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name:
            event[name] = value
        elif "data" in event:
            yield event["event"], event["id"], json.loads(event["data"])
            event = {}


def follow(address, upload_id, headers, **extra):
    return httpx2.stream("GET", f"{address}{URL}/{upload_id}/events", headers={**headers, **extra}, timeout=30)


def move(engine, upload_id, **values):
    with engine.begin() as connection:
        mine = update(conversation_uploads).where(conversation_uploads.c.id == upload_id)
        connection.execute(mine.values(updated_at=func.clock_timestamp(), **values))


def test_progress_is_told_as_it_happens_until_the_end(address, nurse, engine):
    upload_id = arrive(engine)
    seen = []
    with follow(address, upload_id, nurse) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        for kind, _, task in events(response):
            seen.append((kind, task["status"], task["progress"]))
            steps = {
                0: {"status": "processing", "stage": "answers"},
                50: {"status": "completed", "stage": "done"},
            }
            if task["progress"] in steps:
                move(engine, upload_id, **steps[task["progress"]])
    assert seen == [("progress", "pending", 0), ("progress", "processing", 50), ("end", "completed", 100)]


def test_a_client_that_comes_back_is_told_only_what_is_new(address, nurse, engine):
    upload_id = arrive(engine)
    with follow(address, upload_id, nurse) as response:
        _, first, _ = next(events(response))
    threading.Timer(0.3, move, (engine, upload_id), {"status": "processing", "stage": "scores"}).start()
    with follow(address, upload_id, nurse, **{"Last-Event-ID": first}) as response:
        _, second, task = next(events(response))
    assert (task["progress"], second != first) == (75, True)


def test_a_client_that_has_seen_the_end_is_told_not_to_come_again(address, nurse, engine):
    upload_id = completed(engine)
    with follow(address, upload_id, nurse) as response:
        [(kind, last, _)] = list(events(response))
    assert kind == "end"
    with follow(address, upload_id, nurse, **{"Last-Event-ID": last}) as response:
        assert response.status_code == 204


def test_an_erasure_ends_the_stream(address, nurse, key, engine):
    upload_id = arrive(engine)
    with follow(address, upload_id, nurse) as response:
        found = events(response)
        next(found)
        httpx2.delete(f"{address}{URL}/{upload_id}", headers=key("admin"), timeout=20)
        kind, _, task = next(found)
    assert (kind, task["status"]) == ("end", "erased")


def test_a_silence_is_filled_with_comments(settings, nurse, engine, monkeypatch):
    monkeypatch.setattr(watching, "HEARTBEAT_S", 0.1)
    upload_id = arrive(engine)
    with serve(create_app(settings)) as address, follow(address, upload_id, nurse) as response:
        assert any(line.startswith(":") for line in response.iter_lines())


def test_a_key_holds_a_bounded_number_of_streams_and_gets_its_places_back(address, nurse, engine, monkeypatch):
    monkeypatch.setattr(watching, "MAX_A_CALLER", 2)
    upload_id = arrive(engine)
    with follow(address, upload_id, nurse) as first, follow(address, upload_id, nurse) as second:
        held = [events(first), events(second)]
        assert [next(found)[0] for found in held] == ["progress", "progress"]
        with follow(address, upload_id, nurse) as third:
            assert third.status_code == 429
            assert json.loads(third.read())["code"] == "too_many_requests"
            assert int(third.headers["Retry-After"]) > 0

    def is_free():
        with follow(address, upload_id, nurse) as again:
            return again.status_code == 200

    wait_for(is_free)


def test_one_query_a_moment_is_asked_however_many_wait_and_none_when_nobody_does(settings, nurse, engine, monkeypatch):
    asked = []
    real = watching.where_uploads_are
    monkeypatch.setattr(watching, "where_uploads_are", lambda e, ids: (asked.append(len(ids)), real(e, ids))[1])
    ids = [arrive(engine) for _ in range(5)]
    app = create_app(settings)
    with serve(app) as address, ExitStack() as stack:
        held = [events(stack.enter_context(follow(address, upload_id, nurse))) for upload_id in ids]
        assert [next(found)[0] for found in held] == ["progress"] * 5
        wait_for(lambda: 5 in asked)
        for upload_id in ids:
            move(engine, upload_id, status="cancelled")
        assert [list(found)[-1][0] for found in held] == ["end"] * 5
        wait_for(app.state.parts.watcher._looking.done)


def test_a_revoked_key_is_told_nothing_more(address, nurse, engine):
    upload_id = arrive(engine)
    with follow(address, upload_id, nurse) as response:
        found = events(response)
        next(found)
        revoke_key(engine, nurse["Authorization"].split("_")[1], "test")
        move(engine, upload_id, status="processing", stage="answers")
        assert list(found) == []


def test_an_upload_that_moves_to_another_unit_is_followed_no_more(address, nurse, engine):
    upload_id = arrive(engine)
    with follow(address, upload_id, nurse) as response:
        found = events(response)
        next(found)
        move(engine, upload_id, unit="er", status="processing", stage="answers")
        assert list(found) == []
