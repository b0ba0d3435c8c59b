"""Logging in and out of the pages, with a key.

What lives here: `/login`, `/logout`, `/`, and where a login leads.
When to add here: another way to log in gets a module of its own and a line on the page.
What to keep out: the pages themselves; programs, which send their key with each request.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from nurseconv_dagster.api import sessions
from nurseconv_dagster.api.callers import by_key, check_form
from nurseconv_dagster.api.pace import take_turn
from nurseconv_dagster.api.parts import Configured
from nurseconv_dagster.api.policies import FORM_ONLY
from nurseconv_dagster.api.templating import PAGES, page, pages_for
from nurseconv_dagster.store.sessions import Session

HOME_PAGE = "/"
_OUR_PATH = re.compile(r"/(?![/\\])[\w./?=&%~-]*", re.ASCII)
_ORIGIN = re.compile(r"(?:https?:)?//\[?([\w.:-]+?)\]?(?::\d+)?", re.ASCII)
router = APIRouter(include_in_schema=False)


@router.get("/")
def lead(request: Request) -> RedirectResponse:
    """Leads to the first page that the caller may open."""
    found = sessions.find_login(request)
    return RedirectResponse("/login" if found is None else next(iter(pages_for(found[0].scopes))), 303)


@router.get("/login")
async def show(settings: Configured, next: str = HOME_PAGE) -> HTMLResponse:
    """The page on which one logs in."""
    return login_page(settings.oidc_issuer != "", next)


@router.post("/login")
def log_in(
    request: Request,
    settings: Configured,
    key: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = HOME_PAGE,
) -> Response:
    """The session of whoever holds this key."""
    if not _is_from_here(request):
        take_turn(request)
        return login_page(settings.oidc_issuer != "", next, "This login was sent by another site; log in here.")
    found = by_key(request, key.strip())
    if found is None:
        take_turn(request)
        return login_page(settings.oidc_issuer != "", next, "This key is unknown, revoked, expired or renewed.")
    response = RedirectResponse(landing(next, found.scopes), 303)
    sessions.begin(request, response, Session(found.actor, found.id, found.scopes, found.units), found)
    return response


@router.post("/logout")
def log_out(request: Request, csrf_token: Annotated[str, Form()] = "") -> RedirectResponse:
    """Ends the session, on every machine."""
    response = RedirectResponse("/login", 303)
    found = sessions.find_login(request)
    if found is not None:
        check_form(found[1], csrf_token)
        sessions.end(request, response)
    return response


def login_page(has_provider: bool, goal: str, reason: str = "") -> HTMLResponse:
    """The page, with the reason why the last try failed.

    Args:
        has_provider: whether there is a login of the hospital's too.
        goal: the path to which the login leads.
        reason: a sentence; empty on the first try.
    """
    return page(
        "login.html", None, status=401 if reason else 200, policy=FORM_ONLY,
        goal=our_path(goal), has_provider=has_provider, reason=reason,
    )  # fmt: skip


def landing(goal: str, scopes: frozenset[str]) -> str:
    """Where a login leads: to its goal, or home if that is a page which these scopes do not open."""
    goal = our_path(goal)
    first = re.split(r"[/?]", goal)[1]
    closed = {path for path, _, _ in PAGES} - pages_for(scopes).keys()
    return HOME_PAGE if f"/{first}" in closed else goal


def _is_from_here(request: Request) -> bool:
    """False for a form that another site sends: its visitor would work, and send recordings, under somebody else's key.

    Browsers say with every POST which page it came from; programs say nothing.
    """
    # Without the port: a proxy may serve another one than the server knows.
    origin = _ORIGIN.fullmatch(request.headers.get("Origin", f"//{request.url.hostname}"))
    return origin is not None and origin[1].lower() == request.url.hostname


def our_path(goal: str) -> str:
    """The path, if it is one of ours: a login must not lead to another site."""
    return goal if _OUR_PATH.fullmatch(goal) else HOME_PAGE
