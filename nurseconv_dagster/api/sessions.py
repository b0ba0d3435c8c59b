"""A page's session in its cookie: begun, found again, ended.

What lives here: `begin()`, `find_login()`, `end()`.
When to add here: something that a page's session carries.
What to keep out: how sessions are kept (`store.sessions`); who may log in (`login`).
"""

from __future__ import annotations

from fastapi import Request, Response

from nurseconv_dagster.api.cookies import set_cookie
from nurseconv_dagster.api.parts import parts_of
from nurseconv_dagster.store.keys import Key
from nurseconv_dagster.store.sessions import LIFETIME_S, Session, end_session, find_session, open_session

COOKIE = "nurseconv_session"


def begin(request: Request, response: Response, session: Session, key: Key | None = None) -> None:
    """The browser that gets this response is logged in."""
    parts = parts_of(request)
    token = open_session(parts.engine, session, key)
    set_cookie(request, response, COOKIE, parts.sessions.sign(token), LIFETIME_S)


def find_login(request: Request) -> tuple[Session, str] | None:
    """Who is logged in, and the token that their forms must bring back; null when nobody is."""
    parts, token = parts_of(request), _token(request)
    session = find_session(parts.engine, token) if token else None
    return (session, parts.forms.tag(token)) if session and token else None


def end(request: Request, response: Response) -> None:
    """Nobody is logged in any more, whoever kept the cookie."""
    token = _token(request)
    if token:
        end_session(parts_of(request).engine, token)
    response.delete_cookie(COOKIE)


def _token(request: Request) -> str | None:
    signed = request.cookies.get(COOKIE)
    return parts_of(request).sessions.read(signed) if signed else None
