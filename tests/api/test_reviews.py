"""Verdicts over HTTP, and the pages of reviewers as a browser gets them."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import audit_log
from tests.fakes.reviewed import TALK, current, doubt, reviewed_upload
from tests.fakes.talks import spoken, typed

HTML = {"Accept": "text/html"}


@pytest.fixture
def upload_id(engine):
    made = reviewed_upload(engine)
    doubt(engine, made, "pain_level")
    return made


@pytest.fixture
def reviewer(client: TestClient, key):
    """A caller who reviews for 4-west."""
    client.headers.update(key("review", units=["4-west"]))
    return client


def post(client, answer_id, **review):
    return client.post(f"/api/v1/answers/{answer_id}/reviews", json=review)


def test_a_verdict_is_answered_with_the_answer_that_is_current_now(reviewer, engine, upload_id):
    pain = current(engine, upload_id, "pain_level")
    done = post(reviewer, pain.id, verdict="corrected", corrected_value=4, notes="four")
    assert done.status_code == 201
    assert done.json()["answer_text"] == "4 out of 10"
    assert done.json()["answer_id"] == str(current(engine, upload_id, "pain_level").id)


def test_a_refused_verdict_repeats_no_id_that_was_sent(reviewer, engine, upload_id):
    """A problem document lands in the logs of others; an id of another unit's answer has no business there."""
    pain = current(engine, upload_id, "pain_level").id
    other = current(engine, reviewed_upload(engine, unit="er"), "pain_level").id
    post(reviewer, pain, verdict="confirmed")
    for answer_id, status in ((other, 404), (pain, 409)):
        refused = post(reviewer, answer_id, verdict="confirmed")
        assert refused.status_code == status
        assert str(answer_id) not in refused.text


def test_a_page_of_the_queue_beyond_all_numbers_and_a_body_of_noise_are_refused(reviewer, engine, upload_id):
    assert reviewer.get("/api/v1/reviews/queue?offset=21751279880742702678016").status_code == 422
    path = "/api/v1/answers/{answer_id}/reviews"
    noise = reviewer.post(
        path.format(answer_id=current(engine, upload_id, "pain_level").id), content=b"\xff\xfe",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert str(noise.status_code) in reviewer.get("/openapi.json").json()["paths"][path]["post"]["responses"]


def test_a_program_judges_with_evidence_and_a_state(reviewer, engine, upload_id):
    start = TALK.full_text.index("About")
    span = {"start_char": start, "end_char": start + 5}
    done = post(
        reviewer, current(engine, upload_id, "pain_level").id, verdict="corrected", corrected_state="declined",
        evidence=[span],
    )  # fmt: skip
    assert (done.status_code, done.json()["state"]) == (201, "declined")
    assert current(engine, upload_id, "pain_level").evidence_quote == "About"


@pytest.mark.parametrize(
    ("review", "status", "code"),
    [
        ({"verdict": "corrected", "corrected_value": "four"}, 422, "review_refused"),
        ({"verdict": "corrected", "corrected_value": 40}, 422, "value_implausible"),
        ({"verdict": "confirmed", "corrected_value": 4}, 422, "review_refused"),
        ({"verdict": "maybe"}, 422, "invalid_request"),
        ({"verdict": "confirmed", "surprise": 1}, 422, "invalid_request"),
    ],
)
def test_a_review_that_cannot_be_taken_is_told_why(reviewer, engine, upload_id, review, status, code):
    refused = post(reviewer, current(engine, upload_id, "pain_level").id, **review)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_a_superseded_answer_is_a_409_and_an_unseen_one_a_404(reviewer, engine, upload_id):
    stale = current(engine, upload_id, "pain_level").id
    post(reviewer, stale, verdict="confirmed")
    assert post(reviewer, stale, verdict="confirmed").json()["code"] == "answer_superseded"
    hidden = current(engine, reviewed_upload(engine, unit="icu"), "pain_level").id
    for answer_id in (hidden, uuid4()):
        refused = post(reviewer, answer_id, verdict="confirmed")
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_answer")


def test_a_key_without_the_scope_neither_judges_nor_sees_the_queue(client, key, engine, upload_id):
    headers = key("read", "upload", units=["4-west"])
    answer_id = current(engine, upload_id, "pain_level").id
    asked = [
        client.post(f"/api/v1/answers/{answer_id}/reviews", json={"verdict": "confirmed"}, headers=headers),
        *(
            client.get(path, headers=headers)
            for path in ("/api/v1/reviews/queue", "/review", f"/review/answers/{answer_id}")
        ),
    ]
    assert {response.status_code for response in asked} == {403}


def test_the_queue_is_paged_narrowed_and_of_ones_own_units(reviewer, engine, upload_id):
    doubt(engine, reviewed_upload(engine, unit="icu"), "pain_level")
    found = reviewer.get("/api/v1/reviews/queue", params={"reason": "must_review"}).json()
    assert {row["unit"] for row in found["answers"]} == {"4-west"}
    assert "pain_level" in {row["question_id"] for row in found["answers"]}
    assert found["counts"]["must_review"] == len(found["answers"])
    assert len(reviewer.get("/api/v1/reviews/queue", params={"limit": 1}).json()["answers"]) == 1
    assert reviewer.get("/api/v1/reviews/queue", params={"units": "icu"}).status_code == 422


def test_the_queue_page_leads_to_conversations_and_says_when_nothing_waits(reviewer, engine, upload_id):
    page = reviewer.get("/review")
    assert f'href="/review/conversations/{upload_id}"' in page.text
    assert "Nothing waits" in reviewer.get("/review", params={"category": "devices"}).text


def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(reviewer, engine, upload_id):
    for path in ("/review", f"/review/conversations/{upload_id}", "/review/conversations/" + str(uuid4())):
        page = reviewer.get(path)
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=|(src|href)=\"(https?:)?//", page.text)


def test_what_was_said_and_typed_is_shown_as_text_and_never_as_markup(reviewer, engine):
    evil = '<script>alert(1)</script> "quoted" & <b>bold</b>'
    upload_id = reviewed_upload(engine, typed("nurse: How old are you?", f"patient: I am 54 {evil}."))
    chief = current(engine, upload_id, "chief_complaint")
    post(reviewer, chief.id, verdict="corrected", corrected_value=evil, notes=evil)
    page = reviewer.get(f"/review/conversations/{upload_id}").text
    form = reviewer.get(f"/review/answers/{current(engine, upload_id, 'chief_complaint').id}/form").text
    for shown in (page, form):
        assert "<script>alert" not in shown
        assert "<b>bold" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_every_word_is_on_the_page_at_its_place(reviewer, engine):
    talk = spoken("nurse: How bad is your pain?", "patient: Über sieben, I think 🙂 seven.")
    page = reviewer.get(f"/review/conversations/{reviewed_upload(engine, talk)}").text
    found = re.findall(r'<span class="w[^"]*" data-c="(\d+)" data-d="(\d+)" data-s="[\d.]+"[^>]*>([^<]*)</span>', page)
    assert [word for *_, word in found] == talk.full_text.split()
    assert all(talk.full_text[int(start) : int(end)] == word for start, end, word in found)


@pytest.mark.parametrize(
    ("question_id", "inputs"),
    [
        ("pain_level", ('data-kind="number"', 'value="7"', "out of 10", "usually 0 to 10")),
        ("chief_complaint", ('data-kind="text"',)),
        ("allergies", ('data-kind="rows"', 'data-name="substance"')),
        ("vital_signs", ('data-kind="object"', 'data-name="bp_sys"', 'data-name="temp_unit"', "mmHg", "room air")),
        ("symptoms", ('data-kind="lines"',)),
    ],
)
def test_the_form_follows_the_schema_of_the_question(reviewer, engine, upload_id, question_id, inputs):
    form = reviewer.get(f"/review/answers/{current(engine, upload_id, question_id).id}/form")
    assert form.status_code == 200
    assert [wanted for wanted in inputs if wanted not in form.text] == []


def test_every_question_of_the_catalogue_has_a_form(reviewer, engine):
    upload_id = reviewed_upload(engine, profile="admission")
    with transaction(engine) as connection:
        ids = connection.execute(
            text("select id from question_answers where is_current and upload_id = :u"), {"u": upload_id}
        )
        assert {reviewer.get(f"/review/answers/{row.id}/form").status_code for row in ids} == {200}


@pytest.mark.parametrize(
    ("status", "http_status", "words"),
    [
        ("erased", 410, "was erased"),
        ("failed", 200, "could not be processed"),
        ("rejected", 200, "was not accepted"),
        ("cancelled", 200, "was cancelled"),
    ],
)
def test_a_conversation_that_cannot_be_judged_says_why(reviewer, engine, upload_id, status, http_status, words):
    with transaction(engine) as connection:
        connection.execute(text("update conversation_uploads set status = :s"), {"s": status})
    page = reviewer.get(f"/review/conversations/{upload_id}")
    assert page.status_code == http_status
    assert words in page.text
    assert "54" not in page.text


def test_silence_work_in_progress_and_what_is_not_there_have_pages(reviewer, engine):
    silent = reviewed_upload(engine, replace(TALK, outcome="no_speech", full_text="", segments=()))
    assert "Nobody speaks" in reviewer.get(f"/review/conversations/{silent}").text
    hidden = reviewed_upload(engine, unit="icu")
    for upload_id in (hidden, uuid4()):
        page = reviewer.get(f"/review/conversations/{upload_id}")
        assert page.status_code == 404
        assert "no such conversation" in page.text


def test_a_browser_without_a_login_is_sent_to_it(client, engine, upload_id):
    sent = client.get(f"/review/conversations/{upload_id}", headers=HTML, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/login?next=/review/conversations/{upload_id}")


def test_opening_a_conversation_is_in_the_audit_log(reviewer, engine, upload_id):
    reviewer.get(f"/review/conversations/{upload_id}")
    with transaction(engine) as connection:
        rows = connection.execute(select(audit_log.c.action).where(audit_log.c.subject == str(upload_id)))
        assert "review.opened" in [row.action for row in rows]


def test_neither_a_verdict_nor_its_refusal_leaves_words_in_the_log(reviewer, engine, upload_id, caplog):
    caplog.set_level("DEBUG")
    pain, chief = current(engine, upload_id, "pain_level").id, current(engine, upload_id, "chief_complaint").id
    post(reviewer, pain, verdict="corrected", corrected_value="canary", notes="canary")
    post(reviewer, chief, verdict="corrected", corrected_value="canary pain", notes="canary")
    reviewer.get(f"/review/conversations/{upload_id}")
    assert "canary" not in caplog.text
