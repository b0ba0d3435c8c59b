"""Which calls of Docker's API exist behind the proxy: a closed list.

What lives here: `ROUTES`, and `read_call()`, which turns a request line into a `Call` or refuses it.
When to add here: a call that launching, watching or ending a run cannot do without.
What to keep out: bodies (bodies); whose container it is (proxy).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from policy import NAME, Refused

OLDEST_API = 40
"""Docker 19.03. Older versions read bodies differently: they took a HostConfig with the start of a container."""
CONTAINER_NAME = r"dagster-(run|step)-[A-Za-z0-9_.-]{1,100}"
"""Dagster's own names. A free choice would let a run be called `postgres` on a network where that name is looked up."""
MAX_STOP_S = 3600


@dataclass(frozen=True, slots=True)
class Route:
    """One call: its name here, method, path after the version, and its query parameters with the shape of each."""

    kind: str
    method: str
    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that may go on, taken apart; what is sent to the engine is put together anew from this.

    Args:
        version: prefix of the path, such as "/v1.41", or "".
        target: the container, network or image that the path names, or "".
    """

    kind: str
    method: str
    version: str
    target: str
    query: Mapping[str, str]


ROUTES = (
    Route("ping", "GET", r"/_ping", {}),
    Route("ping", "HEAD", r"/_ping", {}),
    Route("version", "GET", r"/version", {}),
    Route("image.inspect", "GET", r"/images/(?P<target>[a-z0-9][A-Za-z0-9_./:-]{0,254})/json", {}),
    Route("network.inspect", "GET", rf"/networks/(?P<target>{NAME})", {}),
    Route("network.connect", "POST", rf"/networks/(?P<target>{NAME})/connect", {}),
    Route("container.create", "POST", r"/containers/create", {"name": CONTAINER_NAME, "platform": r"linux/[a-z0-9]+"}),
    Route("container.inspect", "GET", rf"/containers/(?P<target>{NAME})/json", {}),
    Route("container.start", "POST", rf"/containers/(?P<target>{NAME})/start", {}),
    Route("container.stop", "POST", rf"/containers/(?P<target>{NAME})/stop", {"t": r"\d{1,4}"}),
)


def read_call(method: str, raw_path: bytes, raw_query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Call:
    """The call that a request asks for.

    Args:
        raw_path: as it came over the wire: an encoded slash is no slash, and nothing here needs an encoded letter.
        raw_query: what follows the question mark, as it came.
        headers: names in lower case.

    Raises:
        Refused: the call is not on the list, or its query or headers hold more than the list says.
    """
    for name, value in headers:
        if name == b"upgrade" or (name == b"connection" and b"upgrade" in value.lower()):
            raise Refused("Upgrade", "is not possible here: no call that launching runs needs a raw stream")
    path = raw_path.decode("ascii", "replace")
    for route in ROUTES:
        found = re.fullmatch(rf"(?P<version>/v1\.(?P<minor>\d{{2,3}}))?{route.path}", path, re.ASCII)
        if found and route.method == method:
            if found["version"] and int(found["minor"]) < OLDEST_API:
                raise Refused("API version", f"must be 1.{OLDEST_API} or newer")
            target = found.groupdict().get("target", "")
            return Call(route.kind, method, found["version"] or "", target, _read_query(route, raw_query))
    raise Refused("Call", "is not one that launching runs needs; images, networks and volumes are made on the host")


def _read_query(route: Route, raw_query: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(raw_query.decode("ascii"), keep_blank_values=True, strict_parsing=True) if raw_query else []
    except ValueError:
        raise Refused("Query", "cannot be read") from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise Refused("Query", "names a parameter twice")
    for name, value in query.items():
        if name not in route.query:
            raise Refused("Query", f"has a parameter that {route.kind} does not take here")
        if not re.fullmatch(route.query[name], value, re.ASCII):
            raise Refused(f"Query parameter {name}", "has a value that is not allowed here")
    if int(query.get("t", 0)) > MAX_STOP_S:
        raise Refused("Query parameter t", f"must be at most {MAX_STOP_S} seconds")
    return query
