"""Who calls, and whether they may: the one dependency that every route but the open ones declares.

What lives here: `Caller`, `require()`, `require_form()`, and `still_counts()` for what goes on after the request.
When to add here: another way to say who one is.
What to keep out: how keys are kept (`store.keys`); which rows a caller sees (`store.visibility`, used through `units`).

A route declares who may call it and gets the caller:

    @router.get("/uploads/{upload_id}")
    def read_upload(upload_id: UUID, caller: Annotated[Caller, require("read")], engine: Database) -> UploadResults:
        with audit.access(engine, caller.actor, "upload.read", upload_id) as connection:
            row = connection.execute(select(...).where(..., visible_to(caller.units))).first()
            if row is None:
                raise UnknownUploadError("no upload with this id; GET /api/v1/uploads lists those you may see.")
            ...

The caller of a page has logged in (`sessions`) instead; `require` takes either. What a session changes needs the header
`X-CSRF-Token` with `caller.csrf_token`; a route that an HTML form posts to takes `require_form` and the form's field
`csrf_token`. A browser that has not logged in is sent to the login page.

`audit.access` writes the one audit row of the access in the transaction that reads. What the caller may not see does
not exist for them: 404 and never 403, or ids could be tried out. A store function that changes something and writes its
own audit row (it has the argument `actor`) needs no `audit.access` around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from nurseconv_dagster.api.pace import refuse_haste, take_turn
from nurseconv_dagster.api.parts import parts_of
from nurseconv_dagster.api.sessions import find_login
from nurseconv_dagster.errors import KeyRefusedError, ScopeMissingError
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.keys import Key, admit_key
from nurseconv_dagster.store.sessions import Session
from nurseconv_dagster.store.visibility import Units, may_see

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
bearer_of = HTTPBearer(auto_error=False, scheme_name="key", description="`nc_<id>_<secret>` of `nurseconv keys make`")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        actor: as the audit log has it, such as "key:3f9c2a7be011".
        key_id: the key's id; null for a person who came through the hospital's login.
        scopes: what they may do; `admin` includes all others.
        units: what they may see: null is everything; for `visible_to()`.
        csrf_token: of a page's session, for its forms and scripts; null for a key.
    """

    actor: str
    key_id: str | None
    scopes: frozenset[str]
    units: Units
    csrf_token: str | None = None

    def may(self, scope: str) -> bool:
        """Whether the caller has this scope, or is an admin."""
        return scope in self.scopes or "admin" in self.scopes

    def may_see(self, unit: str | None) -> bool:
        """Whether the caller may see an upload of this unit; one without a unit is for admins alone."""
        return may_see(self.units, unit)


@dataclass(frozen=True, slots=True)
class Requirement:
    """The dependency behind `require()`: the caller of this request, who has the scope.

    Args:
        scope: one of `store.keys.SCOPES`.
    """

    scope: str

    def __call__(
        self, request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_of)]
    ) -> Caller:
        """The caller.

        Raises:
            KeyRefusedError: nobody we know, or no longer.
            ScopeMissingError: somebody who may not do this, or a page's request without its token.
            TooManyRequestsError: transient; they come too often.
        """
        return self._admit(request, bearer, request.headers.get(CSRF_HEADER, ""))

    def _admit(self, request: Request, bearer: HTTPAuthorizationCredentials | None, csrf_token: str) -> Caller:
        caller = identify(request, bearer.credentials if bearer else None)
        if not caller.may(self.scope):
            # Somebody we know tries what they may not: that is an access too, a refused one.
            with audit.access(parts_of(request).engine, caller.actor, "scope.tried", None, {"scope": self.scope}):
                raise ScopeMissingError(
                    f"this needs a key with the scope {self.scope}; yours has {', '.join(sorted(caller.scopes))}. "
                    "An operator makes keys with `nurseconv keys make`."
                )
        if caller.csrf_token is not None and request.method not in SAFE_METHODS:
            check_form(caller.csrf_token, csrf_token)
        return caller


@dataclass(frozen=True, slots=True)
class FormRequirement(Requirement):
    """The same for a route that an HTML form posts to; its field `csrf_token` stands for the header."""

    def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_of)],
        csrf_token: Annotated[str, Form()] = "",
    ) -> Caller:
        """The caller."""
        return self._admit(request, bearer, csrf_token)


def require(scope: str) -> Any:
    """What a route says about who may call it: `caller: Annotated[Caller, require("read")]`."""
    return Depends(Requirement(scope))


def require_form(scope: str) -> Any:
    """The same for a route that an HTML form posts to."""
    return Depends(FormRequirement(scope))


def identify(request: Request, token: str | None) -> Caller:
    """The caller, by the key they sent or the session of their browser.

    Raises:
        KeyRefusedError: neither, or none that counts.
        TooManyRequestsError: transient; they come too often.
    """
    caller = _by_key(request, token) if token else _by_session(request)
    if caller is not None:
        return caller
    take_turn(request)
    if token is None:
        raise KeyRefusedError("this needs a key: send the header `Authorization: Bearer nc_<id>_<secret>`.")
    raise KeyRefusedError(
        "this key is unknown, revoked, expired or renewed; ask an operator for one (`nurseconv keys make`)."
    )


def still_counts(request: Request) -> bool:
    """Whether the key or session that this request came with has not been ended since; it takes no turn."""
    _, token = get_authorization_scheme_param(request.headers.get("Authorization"))
    if not token:
        return find_login(request) is not None
    return admit_key(parts_of(request).engine, token)[0] is not None


def check_form(expected: str, found: str) -> None:
    """Nothing, when the token that a form or script brought back is the one it was given.

    Raises:
        ScopeMissingError: with the code `forged_form`; another site may have sent it.
    """
    if not compare_digest(expected.encode(), found.encode()):
        raise ScopeMissingError("this does not come from one of our pages; load the page again.", code="forged_form")


def by_key(request: Request, token: str) -> Key | None:
    """The key that counts, after it took its turn; null when it does not count.

    Raises:
        TooManyRequestsError: transient; it comes too often.
    """
    parts = parts_of(request)
    key, wait_s = admit_key(parts.engine, token, parts.settings.rate_limit)
    refuse_haste(request, wait_s, "this key")
    return key


def _by_key(request: Request, token: str) -> Caller | None:
    key = by_key(request, token)
    return None if key is None else Caller(key.actor, key.id, key.scopes, _units(key))


def _by_session(request: Request) -> Caller | None:
    found = find_login(request)
    if found is None:
        return None
    session, csrf_token = found
    take_turn(request, session.actor)
    return Caller(session.actor, session.key_id, session.scopes, _units(session), csrf_token)


def _units(who: Key | Session) -> Units:
    return None if "admin" in who.scopes else who.units
