"""Logging in to the pages with the hospital's accounts.

What lives here: `/login/oidc` and the address to which the provider sends people back.
When to add here: nothing; another kind of login is a module of its own.
What to keep out: what the provider is asked and must prove (`identity_provider`).
"""

from __future__ import annotations

import json
from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from nurseconv_dagster.api import sessions
from nurseconv_dagster.api.cookies import set_cookie
from nurseconv_dagster.api.identity_provider import IdentityProvider, Login, to_cookie
from nurseconv_dagster.api.login import HOME_PAGE, landing, login_page, our_path
from nurseconv_dagster.api.pace import take_turn
from nurseconv_dagster.api.parts import parts_of
from nurseconv_dagster.errors import IdentityProviderError, KeyRefusedError
from nurseconv_dagster.store.sessions import Session

COOKIE = "nurseconv_login"
_LIFETIME_S = 600
router = APIRouter(include_in_schema=False)


async def _provider(request: Request) -> IdentityProvider:
    provider: IdentityProvider = request.app.state.identity_provider
    return provider


Provider = Annotated[IdentityProvider, Depends(_provider)]


@router.get("/login/oidc")
def begin(request: Request, provider: Provider, next: str = HOME_PAGE) -> Response:
    """Sends the browser to the provider."""
    take_turn(request)
    try:
        login, address = provider.begin(our_path(next), _callback(request))
    except IdentityProviderError as error:
        return login_page(has_provider=True, goal=next, reason=str(error))
    response = RedirectResponse(address, 303)
    signed = parts_of(request).logins.sign(json.dumps(to_cookie(login)))
    set_cookie(request, response, COOKIE, signed, _LIFETIME_S)
    return response


@router.get("/login/oidc/callback")
def come_back(
    request: Request,
    provider: Provider,
    code: Annotated[str, Query(max_length=4096)] = "",
    state: Annotated[str, Query(max_length=256)] = "",
) -> Response:
    """The session of whoever the provider vouches for."""
    take_turn(request)
    login = _under_way(request)
    if login is None or not code or not compare_digest(login.state.encode(), state.encode()):
        return login_page(has_provider=True, goal=HOME_PAGE, reason="This login was not begun here, or took too long.")
    try:
        person = provider.finish(login, code, _callback(request))
    except (KeyRefusedError, IdentityProviderError) as error:
        return login_page(has_provider=True, goal=login.goal, reason=str(error))
    response = RedirectResponse(landing(login.goal, person.scopes), 303)
    sessions.begin(request, response, Session(person.actor, None, person.scopes, person.units))
    response.delete_cookie(COOKIE)
    return response


def _callback(request: Request) -> str:
    return str(request.url_for("come_back"))


def _under_way(request: Request) -> Login | None:
    text = parts_of(request).logins.read(request.cookies.get(COOKIE, ""))
    return Login(**json.loads(text)) if text else None
