"""Around every request: its correlation id, and the headers that every response carries.

What lives here: `RequestFrame`, plain ASGI so that streams stay streams; one measure, span and log line a request.
When to add here: something that holds for every request, whatever its route.
What to keep out: who calls (`callers`), what went wrong (`problems`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nurseconv_dagster.api.meters import count_request
from nurseconv_dagster.telemetry.correlation import bound, choose_id, read_traceparent
from nurseconv_dagster.telemetry.traces import Told, span

HEADER = "X-Request-ID"
# Asked every few seconds by machines: their lines would be most of the log.
_PROBES = frozenset({"/health", "/ready", "/metrics"})
_log = logging.getLogger(__name__)

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
        headers = Headers(scope=scope)
        parent = read_traceparent(headers.get("traceparent", ""))
        request_id = choose_id(headers.get(HEADER, ""), parent)
        with bound(correlation_id=request_id), span("request", parent=parent, is_server=True) as told:
            await self._serve(scope, receive, send, request_id, told)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str, told: Told) -> None:
        has_begun, began_at = False, time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _note(scope, message["status"], time.perf_counter() - began_at, told)
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


def _note(scope: Scope, status: int, seconds: float, told: Told) -> None:
    """Measured, told and logged by the route's template: a path may hold what somebody typed."""
    route, method = getattr(scope.get("route"), "path", None) or "none", scope["method"]
    count_request(route, method, status, seconds)
    told.tell(f"{method} {route}", method=method, route=route, status=status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        told.fail(str(status))
    facts = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
    level = logging.DEBUG if route in _PROBES and status < HTTPStatus.BAD_REQUEST else logging.INFO
    _log.log(level, "%s %s %d", method, route, status, extra=facts)
