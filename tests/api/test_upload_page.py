"""The upload page: for those who may send, filled with what they may choose, and nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from nurseconv_dagster.api.templating import FOLDER


@pytest.fixture
def page(client, key):
    def read(*scopes, units=()):
        return client.get("/upload", headers=key(*scopes, units=units))

    return read


def test_the_page_offers_what_the_caller_may_choose(page):
    answer = page("upload", units=["icu", 'ward "3" <b>'])
    assert answer.status_code == 200
    assert "<option>icu</option>" in answer.text
    assert "<option>ward &#34;3&#34; &lt;b&gt;</option>" in answer.text
    assert re.search(r'<option value="general" selected>', answer.text)
    assert "{{" not in answer.text
    assert 'name="unit" maxlength="200" required' in page("upload", units=["*"]).text
    assert 'name="unit" maxlength="200">' in page("admin").text


def test_the_page_is_for_those_who_may_send(page, client):
    assert page("read", units=["icu"]).status_code == 403
    assert client.get("/upload", follow_redirects=False).status_code == 401


def test_a_browser_may_record_here_and_run_only_our_scripts(page, client):
    answer = page("upload", units=["icu"])
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|https?://", answer.text)
    for address in re.findall(r'(?:href|src)="(/assets/[^"]+)"', answer.text):
        assert client.get(address).status_code == 200


def test_the_script_speaks_only_of_elements_and_fields_that_are_there():
    html, script = ((FOLDER / name).read_text() for name in ("templates/upload.html", "static/pages/upload.js"))
    there = set(re.findall(r'\bid="([\w-]+)"', html)) | {"unit"}
    assert set(re.findall(r'\bat\("([\w-]+)"\)', script)) <= there
    named = re.search(r"for \(const name of \[([^\]]+)\]", script)[1]
    assert set(re.findall(r'"(\w+)"', named)) <= there


def test_a_session_of_the_page_may_send_with_its_token_only(app, key):
    token = key("review", "upload", "read", units=["icu"])["Authorization"].removeprefix("Bearer ")
    with TestClient(app) as browser:
        browser.post("/login", data={"key": token, "next": "/upload"}, follow_redirects=False)
        csrf_token = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/upload").text)[1]
        note = {"text": "Nurse: Hello.", "consent": True}
        assert browser.post("/api/v1/text-processing", json=note).status_code == 403
        sent = browser.post("/api/v1/text-processing", json=note, headers={"X-CSRF-Token": csrf_token})
        assert sent.status_code == 202
        assert browser.get(f"/api/v1/uploads/{sent.json()['upload_id']}").json()["upload"]["consent"] is True
