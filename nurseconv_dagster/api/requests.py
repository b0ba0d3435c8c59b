"""Around every request: its correlation id, and the headers that every response carries.

What lives here: `RequestFrame`, plain ASGI so that streams stay streams; `correlation_id()`; one measure and log line
a request.
When to add here: something that holds for every request, whatever its route.
What to keep out: who calls (`callers`), what went wrong (`problems`).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nurseconv_dagster.api.meters import count_request

HEADER = "X-Request-ID"
# A UUID, a hash or a ULID. Anything freer could carry a name into our log.
_SANE = re.compile(r"[0-9a-fA-F-]{16,64}|[0-9A-HJKMNP-TV-Z]{26}")
_log = logging.getLogger(__name__)
_current: ContextVar[str] = ContextVar("correlation_id", default="-")

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def correlation_id() -> str:
    """The id of the request that is being served; "-" outside of one."""
    return _current.get()


class RequestFrame:
    """Gives each request its id and each response its headers; a route's own header of the same name stays.

    Args:
        app: what is framed.
        unexpected: makes the response for an error that no handler took. Nothing is raised further: a server would
            print the error's message, and that may hold what a request carried.
    """

    def __init__(self, app: ASGIApp, unexpected: Callable[[Exception], Response]) -> None:
        self._app = app
        self._unexpected = unexpected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        request_id = sent if _SANE.fullmatch(sent) else str(uuid4())
        token = _current.set(request_id)

        has_begun, began_at = False, time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _note(scope, message["status"], time.perf_counter() - began_at)
                headers = MutableHeaders(scope=message)
                for name, value in {**SECURITY, HEADER: request_id}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            response = self._unexpected(error)
            if not has_begun:
                await response(scope, receive, send_with_headers)
        finally:
            _current.reset(token)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Measured and logged by the route's template: a path may hold what somebody typed."""
    route = getattr(scope.get("route"), "path", None) or "none"
    count_request(route, scope["method"], status, seconds)
    _log.info("%s %s %s %d %.0f ms", correlation_id(), scope["method"], route, status, seconds * 1000)
