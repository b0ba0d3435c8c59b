"""Laws of the pages' sessions: a login with a key, ended with it, and no other site's form changes anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from nurseconv_dagster.api.callers import Caller, require, require_form
from nurseconv_dagster.api.login import HOME_PAGE, our_path
from nurseconv_dagster.api.sessions import COOKIE
from nurseconv_dagster.store import keys
from nurseconv_dagster.store.engine import transaction
from tests.api.conftest import MakeKey

router = APIRouter()


@router.get("/page")
def page(caller: Annotated[Caller, require("review")]) -> dict[str, str | None]:
    return {"actor": caller.actor, "csrf_token": caller.csrf_token}


@router.post("/change")
def change(caller: Annotated[Caller, require("review")]) -> dict[str, str]:
    return {"actor": caller.actor}


@router.post("/form")
def form(caller: Annotated[Caller, require_form("review")]) -> dict[str, str]:
    return {"actor": caller.actor}


@pytest.fixture
def token(key: MakeKey) -> str:
    return key("review", units=["A"])["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    app.include_router(router)
    with TestClient(app, follow_redirects=False) as opened:
        yield opened


def log_in(browser: TestClient, token: str, goal: str = "/page") -> None:
    done = browser.post("/login", data={"key": token, "next": goal})
    assert (done.status_code, done.headers["location"]) == (303, goal)


def test_a_login_with_a_key_opens_pages_as_that_key(browser: TestClient, token: str) -> None:
    log_in(browser, token)
    assert browser.get("/page").json()["actor"] == f"key:{token.split('_')[1]}"


def test_a_browser_without_a_login_is_sent_to_it_and_a_program_is_told(browser: TestClient) -> None:
    sent = browser.get("/page?n=1", headers={"Accept": "text/html,*/*"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/page%3Fn%3D1")
    assert 'name="next" value="/page?n=1"' in browser.get(sent.headers["location"]).text
    assert browser.get("/page").status_code == 401


def test_a_wrong_key_does_not_log_in_and_is_not_shown_again(browser: TestClient) -> None:
    refused = browser.post("/login", data={"key": "<b>hunter2</b>"})
    assert refused.status_code == 401
    assert COOKIE not in refused.cookies
    assert "hunter2" not in refused.text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(app: FastAPI, token: str) -> None:
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as browser:
        cookie = browser.post("/login", data={"key": token}).headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "secure"} <= {part.strip() for part in cookie.split(";")}
    assert token.split("_")[2] not in cookie


def test_a_change_needs_the_token_of_the_page(browser: TestClient, token: str) -> None:
    log_in(browser, token)
    csrf = browser.get("/page").json()["csrf_token"]
    for refused in (
        browser.post("/change"),
        browser.post("/change", headers={"X-CSRF-Token": "0" * 64}),
        browser.post("/change", headers={"X-CSRF-Token": "é".encode()}),
        browser.post("/form"),
        browser.post("/form", data={"csrf_token": "x"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "forged_form")
    assert browser.post("/change", headers={"X-CSRF-Token": csrf}).status_code == 200
    assert browser.post("/form", data={"csrf_token": csrf}).status_code == 200


def test_a_key_in_the_header_needs_no_token(browser: TestClient, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    assert browser.post("/change", headers=headers).status_code == 200
    assert browser.post("/form", headers=headers).status_code == 200


@pytest.mark.parametrize("end", ["revoke", "rotate", "expire", "log out"])
def test_a_session_ends_with_its_key_and_with_the_log_out(
    browser: TestClient, token: str, engine: Engine, end: str
) -> None:
    log_in(browser, token)
    key_id, cookie = token.split("_")[1], browser.cookies[COOKIE]
    csrf = browser.get("/page").json()["csrf_token"]
    if end == "revoke":
        keys.revoke_key(engine, key_id, "test")
    elif end == "rotate":
        keys.rotate_key(engine, key_id, "test")
    elif end == "log out":
        assert browser.post("/logout").status_code == 403, "another site must not log anybody out"
        assert browser.post("/logout", data={"csrf_token": csrf}).status_code == 303
    else:
        with transaction(engine) as connection:
            connection.execute(text("update page_sessions set expires_at = now()"))
    browser.cookies.set(COOKIE, cookie)  # whoever kept a copy
    assert browser.get("/page").status_code == 401


def test_a_cookie_that_we_did_not_sign_is_not_looked_at(browser: TestClient, token: str) -> None:
    log_in(browser, token)
    good = browser.cookies[COOKIE]
    for forged in (good[:-1] + ("0" if good[-1] != "0" else "1"), "a" + good, good.partition(".")[0], "....", "%%.x"):
        browser.cookies.clear()
        browser.cookies.set(COOKIE, forged)
        assert browser.get("/page").status_code == 401


@pytest.mark.parametrize(
    "goal", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb", ""]
)
def test_a_login_leads_to_our_pages_only(browser: TestClient, token: str, goal: str) -> None:
    assert our_path(goal) == HOME_PAGE
    assert browser.post("/login", data={"key": token, "next": goal}).headers["location"] == HOME_PAGE


@pytest.mark.parametrize(
    ("scopes", "goal", "place"),
    [
        (["upload"], "", "/upload"),
        (["upload"], "/review?unit=A", "/upload"),
        (["upload"], "/upload", "/upload"),
        (["review", "read"], "", "/review"),
        (["review"], "/upload", "/review"),
        (["review", "upload"], "/upload", "/upload"),
        (["admin"], "/upload", "/upload"),
        (["read"], "/review", "/docs"),
    ],
)
def test_a_login_leads_to_a_page_that_the_key_opens(app: FastAPI, key: MakeKey, scopes, goal, place) -> None:
    token = key(*scopes, units=["A"])["Authorization"].removeprefix("Bearer ")
    with TestClient(app) as browser:
        shown = browser.post("/login", data={"key": token, "next": goal})
        assert (shown.status_code, shown.url.path) == (200, place)
        assert goal or browser.get("/").url.path == place


def test_a_browser_that_nobody_logged_in_with_begins_at_the_login(browser: TestClient) -> None:
    assert browser.get("/").headers["location"] == "/login"


def test_the_login_page_allows_no_script_and_no_frame(browser: TestClient) -> None:
    shown = browser.get("/login")
    policy = shown.headers["content-security-policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script|\son\w+=|\sstyle=", shown.text)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://["])
def test_a_login_that_another_site_sends_opens_no_session(browser: TestClient, token: str, origin: str) -> None:
    done = browser.post("/login", data={"key": token}, headers={"Origin": origin})
    assert (done.status_code, done.cookies.get(COOKIE)) == (401, None)


@pytest.mark.parametrize("origin", ["http://testserver", "https://TESTSERVER:8443"])
def test_a_login_from_our_own_page_does(browser: TestClient, token: str, origin: str) -> None:
    assert browser.post("/login", data={"key": token}, headers={"Origin": origin}).status_code == 303
    assert browser.get("/login").headers["Referrer-Policy"] == "same-origin"  # else browsers say "null"
