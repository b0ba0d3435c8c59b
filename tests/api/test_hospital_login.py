"""Laws of the login with the hospital's accounts: nobody gets in on a token that is not proven to be for this login."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from sqlalchemy import Engine, text

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.sessions import COOKIE
from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store.engine import transaction
from tests.fakes.identity_provider import CLIENT, SECRET, FakeProvider

router = APIRouter()


@router.get("/page")
def page(caller: Annotated[Caller, require("review")]) -> dict[str, Any]:
    return {"actor": caller.actor, "sees": sorted(caller.units or ()), "key": caller.key_id}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    yield fake
    fake.close()


@pytest.fixture
def browser(api_settings: Settings, provider: FakeProvider) -> Iterator[TestClient]:
    oidc = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    app = create_app(Settings(**{**api_settings.model_dump(), **oidc}, _env_file=None))
    app.include_router(router)
    with TestClient(app, follow_redirects=False) as opened:
        yield opened


def come_back(browser: TestClient, provider: FakeProvider, goal: str = "/page") -> Any:
    sent = browser.get("/login/oidc", params={"next": goal})
    assert sent.status_code == 303
    return browser.get(provider.agree(sent.headers["location"]))


def test_an_account_of_the_hospital_opens_pages_with_its_scopes_and_units(
    browser: TestClient, provider: FakeProvider, engine: Engine
) -> None:
    assert 'href="/login/oidc?next=/page"' in browser.get("/login?next=/page").text
    done = come_back(browser, provider)
    assert (done.status_code, done.headers["location"]) == (303, "/page")
    found = browser.get("/page").json()
    assert (found["sees"], found["key"]) == (["A", "B"], None)
    assert found["actor"].startswith("oidc:")
    assert "person-17" not in found["actor"]
    with transaction(engine) as connection:
        actors = connection.execute(text("select actor from audit_log where action = 'session.opened'")).scalars().all()
    assert actors == [found["actor"]]


WRONG: dict[str, dict[str, Any]] = {
    "for somebody else": {"aud": "another client"},
    "given to somebody else": {"aud": [CLIENT, "x"], "azp": "x"},
    "of another provider": {"iss": "https://login.evil.example"},
    "of another login": {"nonce": "another"},
    "without a nonce": {"nonce": None},
    "without a person": {"sub": None},
    "that has run out": {"exp": int(time.time()) - 3600},
    "without an end": {"exp": None},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_token_that_is_not_for_this_login_lets_nobody_in(
    browser: TestClient, provider: FakeProvider, wrong: dict[str, Any]
) -> None:
    provider.claims = wrong
    refused = come_back(browser, provider)
    assert (refused.status_code, COOKIE in refused.cookies) == (401, False)
    assert "not for this login" in refused.text
    assert browser.get("/page").status_code == 401


def test_a_token_that_somebody_else_signed_lets_nobody_in(browser: TestClient, provider: FakeProvider) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
    assert come_back(browser, provider).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [{"nurseconv_scopes": None}, {"nurseconv_scopes": "root"}, {"nurseconv_units": []}, {"nurseconv_units": 7}],
)
def test_an_account_that_was_given_nothing_may_do_nothing(
    browser: TestClient, provider: FakeProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    refused = come_back(browser, provider)
    assert refused.status_code == 401
    assert "nurseconv_scopes" in refused.text


def test_an_answer_that_this_browser_did_not_ask_for_lets_nobody_in(
    browser: TestClient, provider: FakeProvider
) -> None:
    """Another person's code, slipped into this browser, would log it in as them."""
    other = browser.get("/login/oidc").headers["location"]
    browser.get("/login/oidc")
    assert browser.get(provider.agree(other)).status_code == 401
    browser.cookies.clear()
    assert browser.get(provider.agree(other)).status_code == 401
    assert browser.get("/login/oidc/callback").status_code == 401


def test_a_code_is_good_once(browser: TestClient, provider: FakeProvider) -> None:
    address = provider.agree(browser.get("/login/oidc").headers["location"])
    login = dict(browser.cookies)
    assert browser.get(address).status_code == 303
    browser.cookies.update(login)
    assert browser.get(address).status_code == 401


def test_a_provider_that_fails_is_told_and_keys_still_work(browser: TestClient, provider: FakeProvider) -> None:
    provider.broken = True
    shown = browser.get("/login/oidc")
    assert shown.status_code == 401
    assert "log in with a key meanwhile" in shown.text


def test_without_a_provider_there_is_no_such_login(client: TestClient) -> None:
    assert client.get("/login/oidc").status_code == 404
    assert "hospital account" not in client.get("/login").text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"OIDC_ISSUER": "http://login.example.org", "OIDC_CLIENT_ID": "x"}, "OIDC_ISSUER=.* with https"),
        ({"OIDC_ISSUER": "https://login.example.org"}, "OIDC_CLIENT_ID=.* with OIDC_ISSUER set"),
    ],
)
def test_half_a_provider_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], message: str
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()
