"""The ids of the work in hand: who logs does not have to be told them.

What lives here: `bound()`, `correlated()`, `correlation_id()`, `bound_ids()`; what a caller's ids must look like.
When to add here: nothing; another id is a keyword of `bound()` and a name in `fields`.
What to keep out: how lines are written (`logs`).

They travel in a context variable: with a request into the threads that serve it, and with a run's stage down into the
rooms. A thread that a room starts itself has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

# A UUID, a hash or a ULID. Anything freer could carry a name into our log.
_SANE = re.compile(r"[0-9a-fA-F-]{16,64}|[0-9A-HJKMNP-TV-Z]{26}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NAME = "correlation_id"
_bound: ContextVar[Mapping[str, str | int]] = ContextVar("bound_ids", default={})  # noqa: B039 - never changed, replaced


def bound_ids() -> Mapping[str, str | int]:
    """The ids that stand on each line that is logged now."""
    return _bound.get()


def correlation_id() -> str:
    """The id that one arrival keeps from its request to the marts; "-" where none is bound."""
    return str(_bound.get().get(_NAME, "-"))


@contextmanager
def bound(**ids: str | int | None) -> Iterator[None]:
    """Inside, these ids stand on each line beside those that did before; null ones are left out."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in ids.items() if value is not None}})
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def correlated() -> Iterator[str]:
    """The correlation id that is bound inside: the one of the request that is served, or a fresh one."""
    found = correlation_id()
    with bound(correlation_id=found if found != "-" else str(uuid4())):
        yield correlation_id()


def choose_id(sent: str, traceparent: str | None) -> str:
    """A request's id: the caller's own when it is one, else the id of the caller's trace, else a fresh one."""
    if _SANE.fullmatch(sent):
        return sent
    return _TRACEPARENT.fullmatch(traceparent).group(1) if traceparent else str(uuid4())  # type: ignore[union-attr]


def read_traceparent(sent: str) -> str | None:
    """A caller's `traceparent` header when it is well formed, else null.

    Source: W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header
    """
    return sent if _TRACEPARENT.fullmatch(sent) else None
