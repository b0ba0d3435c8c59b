"""Requests that mean harm, or that no caller should make: each gets a plain no, costs little, and is written down."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import select

from nurseconv_dagster.store.engine import quick_cursor, transaction
from nurseconv_dagster.store.tables import audit_log
from tests.fakes.reviewed import current, reviewed_upload

HUGE = "9" * 4000
NESTED = "[" * 800 + "]" * 800


@pytest.fixture
def upload_id(engine):
    return reviewed_upload(engine)


@pytest.fixture
def reviewer(client, key):
    client.headers.update({**key("review", units=["4-west"]), "Content-Type": "application/json"})
    return client


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("pain_level", '"verdict": "confirmed", "notes": "a\\u0000b"'),
        ("pain_level", '"verdict": "confirmed", "notes": "a\\ud800b"'),
        ("pain_level", '"verdict": "corrected", "accept_implausible": true, "corrected_value": NaN'),
        ("pain_level", '"verdict": "corrected", "accept_implausible": true, "corrected_value": 1e999'),
        ("pain_level", f'"verdict": "corrected", "accept_implausible": true, "corrected_value": {HUGE}'),
        ("pain_level", f'"verdict": "corrected", "corrected_value": {NESTED}'),
        ("pain_level", f'"verdict": "corrected", "corrected_value": {"[" * 100_000}'),
        ("pain_level", f'"verdict": "confirmed", "evidence": [{{"start_char": 0, "end_char": {HUGE}}}]'),
        ("symptoms", '"verdict": "corrected", "corrected_value": ["a\\u0000"]'),
        ("symptoms", '"verdict": "corrected", "corrected_value": ["a\\ud800"]'),
    ],
    ids=["nul", "surrogate", "nan", "infinity", "huge", "nested", "unclosed", "far", "nul_inside", "surrogate_inside"],
)
def test_a_review_that_could_not_be_kept_or_counted_is_refused(reviewer, engine, upload_id, question, said):
    answer = current(engine, upload_id, question).id
    refused = reviewer.post(f"/api/v1/answers/{answer}/reviews", content=f"{{{said}}}")
    assert refused.status_code in (400, 422)
    assert current(engine, upload_id, question).id == answer


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/uploads?unit=%00", "/api/v1/uploads?profile=a%00", "/api/v1/reviews/queue?category=%00",
        f"/api/v1/reviews/queue?offset={HUGE[:30]}", "/review?unit=%00",
    ],
)  # fmt: skip
def test_a_filter_that_no_row_can_match_is_no_defect_of_ours(client, key, path):
    answer = client.get(path, headers=key("admin"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["/login", "/logout", "/api/v1/answers/x/reviews", "/api/v1/tasks/x/cancel"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_no_stranger_fills_the_memory(app, client, path, kind):
    """Spoken to over ASGI itself: a client of tests hands a body over whole."""
    n_read, statuses = 0, []

    async def receive():
        nonlocal n_read
        n_read += 65_536
        return {"type": "http.request", "body": b"b" * 65_536, "more_body": n_read < 64 * 65_536}

    async def send(message):
        statuses.append(message.get("status"))

    kind += "; boundary=x" if kind.startswith("multipart") else ""
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "http_version": "1.1",
        "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", kind.encode())], "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }  # fmt: skip
    client.portal.call(app, scope, receive, send)
    assert 200 <= statuses[0] < 500
    assert n_read <= 256 * 1024 + 65_536


def test_a_body_that_is_too_large_is_told_so(client):
    refused = client.post("/api/v1/answers/x/reviews", content=b" " * 300_000)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_a_form_with_an_endless_boundary_is_no_form(client, key):
    kind = f"multipart/form-data; boundary={'x' * 5000}"
    refused = client.post("/api/v1/uploads", content=b"x", headers={**key("admin"), "Content-Type": kind})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_form")


def test_a_verdict_on_what_one_may_not_see_is_written_down(reviewer, engine):
    hidden = current(engine, reviewed_upload(engine, unit="icu"), "pain_level").id
    reviewer.post(f"/api/v1/answers/{hidden}/reviews", json={"verdict": "confirmed"})
    with engine.connect() as connection:
        last = connection.execute(select(audit_log).order_by(audit_log.c.seq.desc()).limit(1)).one()
    assert (last.action, last.subject, last.details["refused"]) == ("answer.reviewed", str(hidden), "unknown_answer")


def test_a_statement_that_fails_leaves_no_connection_without_transactions(engine):
    with pytest.raises(psycopg.ProgrammingError), quick_cursor(engine) as cursor:
        cursor.execute("select nothing from nowhere")
    for _ in range(5):
        with transaction(engine) as connection:
            assert not connection.connection.driver_connection.autocommit
