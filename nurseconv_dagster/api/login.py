"""Logging in and out of the pages, with a key.

What lives here: `/login`, `/logout`, and where a login leads.
When to add here: another way to log in gets a module of its own and a line on the page.
What to keep out: the pages themselves; programs, which send their key with each request.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from nurseconv_dagster.api import sessions
from nurseconv_dagster.api.callers import by_key, check_form
from nurseconv_dagster.api.pace import take_turn
from nurseconv_dagster.api.parts import Configured
from nurseconv_dagster.store.sessions import Session

HOME_PAGE = "/review"
_OUR_PATH = re.compile(r"/(?![/\\])[\w./?=&%~-]*", re.ASCII)
_ORIGIN = re.compile(r"(?:https?:)?//\[?([\w.:-]+?)\]?(?::\d+)?", re.ASCII)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem}"
    "label{display:block;font-weight:600}"
    "input,button,a.button{box-sizing:border-box;width:100%;font:inherit;padding:.6rem;margin:.4rem 0 1rem}"
    "a.button{display:block;text-align:center;border:1px solid}.wrong{border-left:4px solid #b00020;padding-left:.6rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nurseconv: log in</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Log in</h1>
{reason}
{provider}
<form method="post" action="/login">
<input type="hidden" name="next" value="{goal}">
<label for="key">Your key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
</form>
<p>A key begins with <code>nc_</code>. An operator makes one with <code>nurseconv keys make</code>.</p>
</main>
</body>
</html>
"""
router = APIRouter(include_in_schema=False)


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
    response = RedirectResponse(our_path(next), 303)
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
    link = f'<a class="button" href="/login/oidc?next={quote(our_path(goal))}">Log in with your hospital account</a>'
    page = _PAGE.format(
        style=_STYLE,
        goal=escape(our_path(goal)),
        reason=f'<p class="wrong" role="alert">{escape(reason)}</p>' if reason else "",
        provider=link if has_provider else "",
    )
    # Ours, so that a browser says where the form came from; with the usual "no-referrer" it would say "null".
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
    return HTMLResponse(page, 401 if reason else 200, headers)


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
