"""A request's body off the network: counted as it comes, cut off at the limit, never waited for without end.

What lives here: `receive_form()`, `receive_whole()`, and `SmallBodies` for the routes that need neither.
When to add here: another kind of body that may be large.
What to keep out: what is in the body (`forms`), and what becomes of it (the routes).

Work on the disk happens in a thread, in pieces of a quarter of a megabyte: a slow sender holds one piece and no thread,
and a fast one does not keep the others from being served.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from http import HTTPStatus

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nurseconv_dagster.api.forms import FormReader, too_large
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.intake.sidecars import MAX_SIDECAR_BYTES
from nurseconv_dagster.intake.spooling import Spool

# What may come beside the file or text: the fields, the lines between the parts of a form.
_AROUND_BYTES = 2 * MAX_SIDECAR_BYTES
_PIECE_BYTES = 256 * 1024
_SMALL_BYTES = 256 * 1024
_LONGEST_BOUNDARY = 70  # Source: RFC 2046, section 5.1.1
_SILENCE_S = 60.0
_LINGER_S, _LINGER_BYTES = 2.0, 64 * 1024 * 1024


async def receive_form(request: Request, spool: Spool, max_file_size_bytes: int) -> FormReader | Refusal:
    """The form, its file in the spool; or why it was not taken, and then the spool is of no use.

    Args:
        request: its body is read here and nowhere else.
        spool: takes the file.
        max_file_size_bytes: of the file; the form may have a little more.

    Raises:
        VaultUnavailableError: transient; the spool's disk is full or gone.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not 0 < len(options.get(b"boundary", b"")) <= _LONGEST_BOUNDARY:
        return Refusal("bad_form", "the body must be multipart/form-data with a part named file, as curl -F sends it.")
    reader = FormReader(options[b"boundary"], spool, max_file_size_bytes)
    body = _Body(request, max_file_size_bytes)
    async for piece in body.pieces():
        await run_in_threadpool(reader.feed, piece)
        if reader.refusal is not None:
            break
    reader.finish()
    refusal = body.refusal or reader.refusal
    if refusal is None:
        return reader
    await body.linger()
    return refusal


class SmallBodies:
    """Lets no body of more than a quarter of a megabyte through, whoever sends it: such bodies are read into memory,
    and before it is known who calls.

    Args:
        app: what is framed.
        streams: paths whose routes count for themselves.
    """

    def __init__(self, app: ASGIApp, streams: Collection[str]) -> None:
        self._app = app
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request.

        Raises:
            HTTPException: 413, while the body is read.
        """
        left = _SMALL_BYTES

        async def receive_some() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
            return message

        is_counted = scope["type"] == "http" and scope["path"] not in self._streams
        await self._app(scope, receive_some if is_counted else receive, send)


async def receive_whole(request: Request, max_size_bytes: int) -> bytes | Refusal:
    """The body in memory, or why it was not taken.

    Args:
        request: its body is read here and nowhere else.
        max_size_bytes: of what it carries; the body may have a little more.
    """
    body = _Body(request, max_size_bytes)
    whole = b"".join([piece async for piece in body.pieces()])
    if body.refusal is None:
        return whole
    await body.linger()
    return body.refusal


class _Body:
    """The bytes of one request; `refusal` says why they ended early, when they did."""

    def __init__(self, request: Request, max_size_bytes: int) -> None:
        self.refusal: Refusal | None = None
        self._request = request
        self._max_size_bytes = max_size_bytes
        self._chunks = request.stream()
        self._has_begun = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Pieces of about `_PIECE_BYTES`, until the end, the limit, or a silence."""
        n_bytes, pile = 0, bytearray()
        limit = self._max_size_bytes + _AROUND_BYTES
        if int(self._request.headers.get("content-length", 0)) > limit:
            self.refusal = too_large(self._max_size_bytes)
            return
        while (chunk := await self._next()) is not None:
            n_bytes += len(chunk)
            if n_bytes > limit:
                self.refusal = too_large(self._max_size_bytes)
                return
            pile += chunk
            if len(pile) >= _PIECE_BYTES:
                yield bytes(pile)
                pile.clear()
        if pile and self.refusal is None:
            yield bytes(pile)

    async def linger(self) -> None:
        """Reads on for a moment and keeps nothing: a sender cut off in mid-sentence would not read the answer.

        One that asked before sending (`Expect: 100-continue`) has sent nothing yet and is answered at once.
        """
        if not self._has_begun and self._request.headers.get("expect", "").lower() == "100-continue":
            return
        left = _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_S):
                while left > 0 and (chunk := await self._next()) is not None:
                    left -= len(chunk)
        except TimeoutError:
            return

    async def _next(self) -> bytes | None:
        """The next chunk; null at the end, or when nothing more is to be expected, and then `refusal` says so."""
        self._has_begun = True
        try:
            async with asyncio.timeout(_SILENCE_S):
                return await anext(self._chunks, None)
        except (TimeoutError, ClientDisconnect):
            self.refusal = self.refusal or Refusal(
                "broken_off", f"the sender hung up, or sent nothing for {_SILENCE_S:.0f} s; send it again."
            )
            return None
