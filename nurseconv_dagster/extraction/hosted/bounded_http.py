"""HTTP for the SDKs of hosted models, with one deadline over a whole exchange and a cap on what a server may send.

What lives here: `bounded_client()`, handed to each SDK as its HTTP client, and the transport, backend and stream below.
When to add here: another way in which a server could hold us up or flood us.
What to keep out: what a refusal means (`refusals.py`), what a reply says (`envelopes.py`), trying again.

An HTTP library's own timeouts are per read: a server that sends a byte now and then is never cut off by them. Here
every wait for the network gets the seconds that are left of the exchange. Each exchange has a connection of its own:
one kept open may have been closed by the server meanwhile, which looks like an outage to a caller that never tries
again.
"""

from __future__ import annotations

import json
import logging
import queue
import socket
import ssl
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from nurseconv_dagster.errors import (
    NurseconvError,
    ProviderReplyError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from nurseconv_dagster.extraction.hosted.deadline import Deadline

MAX_REPLY_BYTES = 4 * 1024 * 1024
"""The longest answer to a whole catalogue is some 100 kB; what is far beyond that is no answer."""

LIBRARY_FAULTS = (
    httpx2.HTTPError, httpx2.InvalidURL, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What an SDK raises that is not its own error: a slip of its code, whose text may quote what it was working on.
Listed, not `Exception`: a soft time limit or a lack of memory may strike inside a call, and is not the provider's."""

_SLICE_BYTES = 16 * 1024
"""One TLS record: written whole or not at all, so the time left is looked at again after each."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TALKATIVE = ("httpx2", "httpcore2", "openai", "google_genai")


def bounded_client(provider: str) -> httpx2.Client:
    """An HTTP client whose every exchange ends within its read timeout, whatever the server does.

    Its failures are errors of ours that pass through the SDKs. It follows no redirect: words would go where nobody
    sent them.

    Args:
        provider: for messages.
    """
    for name in _TALKATIVE:  # their DEBUG lines quote what was sent: headers, and whatever broke the protocol
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx2.Client(transport=_BoundedTransport(provider), follow_redirects=False, trust_env=False)


def _left_s(deadline: Deadline) -> float:
    """Seconds left, above 0.

    Raises:
        httpcore2.ReadTimeout: there are none.
    """
    if (left_s := deadline.left_s()) <= 0:
        raise httpcore2.ReadTimeout
    return left_s


class _BoundedStream(httpcore2.NetworkStream):
    """A connection whose reads and writes share one deadline, and whose reads together stay below the cap."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._n_bytes_read = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What the server sent next. The timeout that the library asks for is per read, so it is not used."""
        data = self._stream.read(max_bytes, _left_s(self._deadline))
        self._n_bytes_read += len(data)
        if self._n_bytes_read > MAX_REPLY_BYTES:
            raise ProviderReplyError(
                f"a hosted model's reply is longer than {MAX_REPLY_BYTES} bytes and was cut off",
                code="provider_reply_too_long",
            )
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Everything is sent, or the time is over."""
        for start in range(0, len(buffer), _SLICE_BYTES):
            self._stream.write(buffer[start : start + _SLICE_BYTES], _left_s(self._deadline))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection, encrypted."""
        stream = self._stream.start_tls(ssl_context, server_hostname, _left_s(self._deadline))
        return _BoundedStream(stream, self._deadline)

    def close(self) -> None:
        """The connection is over."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """What the library wants to know of the socket."""
        return self._stream.get_extra_info(info)


class _BoundedBackend(httpcore2.NetworkBackend):
    """Connects within the deadline, name look-up and every address of the name included."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first address that answers; each gets its share of the time, so a dead one eats not all.

        Raises:
            httpcore2.ConnectError, httpcore2.ConnectTimeout: none did.
        """
        failure: Exception = httpcore2.ConnectError()
        addresses = _look_up(host, port, self._deadline)
        for i, address in enumerate(addresses):
            share_s = _left_s(self._deadline) / (len(addresses) - i)
            try:
                stream = httpcore2.SyncBackend().connect_tcp(address, port, share_s, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _BoundedStream(stream, self._deadline)
        raise failure


def _look_up(host: str, port: int, deadline: Deadline) -> list[str]:
    """The addresses of a name; in a thread of its own, since the system's look-up knows no timeout."""
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            entries = []
        found.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))

    threading.Thread(target=ask, daemon=True).start()
    try:
        return found.get(timeout=_left_s(deadline))
    except queue.Empty:
        raise httpcore2.ConnectTimeout from None


class _BoundedTransport(httpx2.BaseTransport):
    """One exchange, read whole before the SDK sees any of it; keeps nothing between them, so threads may share it."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The reply, its body a JSON object; of a refusal whose body is none, an empty one.

        Raises:
            ProviderTimeoutError, ProviderUnavailableError: transient.
            ProviderRequestError, ProviderReplyError: permanent.
        """
        failure: NurseconvError
        try:
            return self._exchange(request, Deadline.after(request.extensions["timeout"]["read"]))
        except httpcore2.TimeoutException:
            failure = ProviderTimeoutError(f"{self._provider} did not answer in the time set for one call")
        except (httpcore2.UnsupportedProtocol, httpcore2.LocalProtocolError):
            failure = ProviderRequestError(
                f"{self._provider} cannot be asked like this; check its key and that its address begins with https://",
                code="provider_address",
            )
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError):
            failure = ProviderUnavailableError(f"{self._provider} cannot be reached, or broke the connection off")
        raise failure  # not inside `except`: the library's exception, which may quote the server, is not tied to ours

    def _exchange(self, request: httpx2.Request, deadline: Deadline) -> httpx2.Response:
        # Nothing is ever unpacked (four compressed megabytes can be gigabytes of reply): what comes packed is no JSON.
        request.headers["Accept-Encoding"] = "identity"
        request.headers["Connection"] = "close"
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        pool = httpcore2.ConnectionPool(
            ssl_context=_ssl_context() if url.scheme == "https" else None,
            proxy=_find_proxy(url),
            network_backend=_BoundedBackend(deadline),
        )
        with pool, pool.stream(request.method, target, headers=request.headers.raw, content=request.read()) as reply:
            headers = httpx2.Headers(reply.headers)
            content = _read_object(b"".join(reply.iter_stream()))
        if content is None and reply.status < 300:
            raise ProviderReplyError(
                f"{self._provider} answered with something else than JSON", code="provider_reply_not_json"
            )
        for name in ("Content-Encoding", "Content-Length", "Transfer-Encoding"):
            headers.pop(name, None)
        headers["Content-Type"] = "application/json"
        return httpx2.Response(reply.status, headers=headers, content=json.dumps(content or {}).encode())


def _read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object of the body; null when it is none. Some gateways wrap an error into a list of one."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    return content if isinstance(content, dict) else None


@cache
def _ssl_context() -> ssl.SSLContext:
    """Certificates of this machine, or those of SSL_CERT_FILE; reading them takes a while."""
    return httpx2.create_ssl_context()


def _find_proxy(url: httpx2.URL) -> httpcore2.Proxy | None:
    """The proxy that the environment names for this address (HTTPS_PROXY, ALL_PROXY, NO_PROXY), if any."""
    named = getproxies()
    address = named.get(url.scheme) or named.get("all")
    if not address or url.host in _LOOPBACK or proxy_bypass(url.host):
        return None
    proxy = httpx2.Proxy(address)
    target = httpcore2.URL(scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/")
    return httpcore2.Proxy(target, auth=proxy.raw_auth)
