"""Who calls, and whether they may: the one dependency that every route but the open ones declares.

What lives here: `Caller`, `require()`.
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

`audit.access` writes the one audit row of the access in the transaction that reads. What the caller may not see does
not exist for them: 404 and never 403, or ids could be tried out. A store function that changes something and writes its
own audit row (it has the argument `actor`) needs no `audit.access` around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from nurseconv_dagster.api.pace import take_turn
from nurseconv_dagster.api.parts import parts_of
from nurseconv_dagster.errors import KeyRefusedError, ScopeMissingError
from nurseconv_dagster.store.keys import Key, find_key
from nurseconv_dagster.store.visibility import Units, may_see

_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="`nc_<id>_<secret>` of `nurseconv keys make`")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        actor: as the audit log has it, such as "key:3f9c2a7be011".
        key_id: the key's id; null for a person who came through the hospital's login.
        scopes: what they may do; `admin` includes all others.
        units: what they may see: null is everything; for `visible_to()`.
    """

    actor: str
    key_id: str | None
    scopes: frozenset[str]
    units: Units

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
        self, request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        """The caller.

        Raises:
            KeyRefusedError: nobody we know, or no longer.
            ScopeMissingError: somebody who may not do this.
            TooManyRequestsError: transient; they come too often.
        """
        caller = identify(request, bearer.credentials if bearer else None)
        if not caller.may(self.scope):
            raise ScopeMissingError(
                f"this needs a key with the scope {self.scope}; yours has {', '.join(sorted(caller.scopes))}. "
                "An operator makes keys with `nurseconv keys make`."
            )
        return caller


def require(scope: str) -> Any:
    """What a route says about who may call it: `caller: Annotated[Caller, require("read")]`."""
    return Depends(Requirement(scope))


def identify(request: Request, token: str | None) -> Caller:
    """The caller, by the key they sent.

    Raises:
        KeyRefusedError: no key, or none that counts.
        TooManyRequestsError: transient; they come too often.
    """
    key = find_key(parts_of(request).engine, token) if token else None
    take_turn(request, key.id if key else None)
    if key is not None:
        return caller_of(key)
    if token is None:
        raise KeyRefusedError("this needs a key: send the header `Authorization: Bearer nc_<id>_<secret>`.")
    raise KeyRefusedError(
        "this key is unknown, revoked, expired or renewed; ask an operator for one (`nurseconv keys make`)."
    )


def caller_of(key: Key) -> Caller:
    """The caller that a key stands for."""
    return Caller(f"key:{key.id}", key.id, key.scopes, None if "admin" in key.scopes else key.units)
