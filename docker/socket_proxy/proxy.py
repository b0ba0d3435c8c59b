"""A proxy between Dagster's run launcher and Docker's socket: it lets through what launching runs needs.

What lives here: the ASGI application, the questions to the engine that a decision needs, the line that each leaves.
When to add here: what is done with a call that `calls.ROUTES` lists.
What to keep out: which calls there are (calls), what their bodies may hold (bodies).

Nothing that a caller sends is passed on as it came: path, query and body are put together anew, headers are our own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import structlog
from bodies import parse_json, permit_connect, permit_create
from calls import Call, read_call
from policy import OWNER_LABEL, Policy, Refused, load_policy
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

MAX_BODY_BYTES = 2**20
ENGINE_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60
"""How long an engine may take to stop a container when the caller names no time; Docker's own default is 10."""
SHOWN = ("Id", "Created", "Name", "Image", "RestartCount")
"""What a caller sees of its container beside state, image and labels: its environment holds passwords."""

log = structlog.wrap_logger(
    structlog.PrintLogger(),
    processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()],
)


class Gate:
    """The one endpoint: reads a call, decides, asks the engine, answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; whatever was not foreseen becomes a 500."""
        request = Request(scope, receive)
        kind, refused = "unknown", None
        try:
            call = read_call(request.method, scope["raw_path"], scope["query_string"], scope["headers"])
            kind = call.kind
            response = await HANDLERS[kind](Engine(request.app.state.client), request.app.state.policy, call, request)
        except Refused as refusal:
            refused = refusal
            response = JSONResponse({"message": f"Socket proxy: {refusal}"}, refusal.status)
        except httpx2.TransportError:
            response = JSONResponse({"message": "Socket proxy: Docker does not answer."}, 502)
        facts = {"method": request.method[:10], "call": kind, "status": response.status_code}
        if refused:
            log.info("refused", field=refused.field, **facts)
        else:
            log.info("allowed", **facts)
        await response(scope, receive, send)


class Engine:
    """Docker's engine behind its socket."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, json: object = None,
        timeout_s: float = ENGINE_TIMEOUT_S,
    ) -> httpx2.Response:  # fmt: skip
        """The engine's reply, whatever its status.

        Raises:
            httpx2.TransportError: it does not answer.
        """
        return await self._client.request(method, path, params=query or None, json=json, timeout=timeout_s)

    async def _find(self, path: str) -> dict[str, Any]:
        """What is there, or nothing. An engine in trouble is no "nothing": Dagster gives up a run that is not found."""
        reply = await self.ask("GET", path)
        if reply.status_code not in (200, 404):
            raise Refused("Docker", "answers with an error", 502)
        return dict(reply.json()) if reply.status_code == 200 else {}

    async def own_container(self, policy: Policy, version: str, name: str) -> dict[str, Any]:
        """What the engine knows of a container that this proxy made.

        Raises:
            Refused: there is none of that name, or another made it; a caller cannot tell which.
        """
        found = await self._find(f"{version}/containers/{name}/json")
        labels = (found.get("Config") or {}).get("Labels") or {}
        if labels.get(OWNER_LABEL) != policy.owner:
            raise Refused("Container", "is none that this proxy made", 404)
        return found

    async def own_network(self, policy: Policy, version: str, name: str) -> dict[str, object]:
        """What the engine knows of a network that runs may join; callers name it by its id too.

        Raises:
            Refused: there is none, or runs may not join it.
        """
        found = await self._find(f"{version}/networks/{name}")
        if found.get("Name") not in policy.networks:
            raise Refused("Network", "must be one of PROXY_NETWORKS", 404)
        return {key: found.get(key) for key in ("Id", "Name", "Driver", "Scope", "Created")}


def passed_on(reply: httpx2.Response) -> Response:
    """The engine's reply as the answer to the caller."""
    kept = {name: reply.headers[name] for name in ("content-type", "api-version") if name in reply.headers}
    return Response(reply.content, reply.status_code, kept)


async def _plain(engine: Engine, _policy: Policy, call: Call, request: Request) -> Response:
    await _read_body(request, 0)
    return passed_on(await engine.ask(call.method, f"{call.version}/{'_ping' if call.kind == 'ping' else 'version'}"))


async def _image(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    await _read_body(request, 0)
    if call.target not in policy.images:
        raise Refused("Image", "must be one of PROXY_IMAGES", 404)
    return passed_on(await engine.ask("GET", f"{call.version}/images/{call.target}/json"))


async def _network(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    await _read_body(request, 0)
    return JSONResponse(await engine.own_network(policy, call.version, call.target))


async def _create(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    body = permit_create(policy, parse_json(await _read_body(request, MAX_BODY_BYTES)))
    return passed_on(await engine.ask("POST", f"{call.version}/containers/create", query=dict(call.query), json=body))


async def _inspect(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    await _read_body(request, 0)
    found = await engine.own_container(policy, call.version, call.target)
    shown = {key: found.get(key) for key in SHOWN}
    state = {
        key: value for key, value in found["State"].items() if key != "Health"
    }  # that holds what a command printed
    config = {key: found["Config"].get(key) for key in ("Image", "Labels")}
    return JSONResponse({**shown, "State": state, "Config": config})


async def _start(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    await _read_body(request, 0)
    container = await engine.own_container(policy, call.version, call.target)
    return passed_on(await engine.ask("POST", f"{call.version}/containers/{container['Id']}/start"))


async def _stop(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    await _read_body(request, 0)
    container = await engine.own_container(policy, call.version, call.target)
    timeout_s = int(call.query.get("t", STOP_TIMEOUT_S)) + ENGINE_TIMEOUT_S
    path = f"{call.version}/containers/{container['Id']}/stop"
    return passed_on(await engine.ask("POST", path, query=dict(call.query), timeout_s=timeout_s))


async def _connect(engine: Engine, policy: Policy, call: Call, request: Request) -> Response:
    name = permit_connect(policy, parse_json(await _read_body(request, MAX_BODY_BYTES)))
    network = await engine.own_network(policy, call.version, call.target)
    container = await engine.own_container(policy, call.version, name)
    path = f"{call.version}/networks/{network['Id']}/connect"
    return passed_on(await engine.ask("POST", path, json={"Container": container["Id"]}))


async def _read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused("Body", f"must be at most {limit} bytes here", 413)
    # A page in a browser can send any text without asking, but not call it JSON.
    if limit and request.headers.get("content-type") != "application/json":
        raise Refused("Content-Type", "must be application/json", 415)
    return bytes(body)


Handler = Callable[[Engine, Policy, Call, Request], Awaitable[Response]]
HANDLERS: dict[str, Handler] = {
    "ping": _plain,
    "version": _plain,
    "image.inspect": _image,
    "network.inspect": _network,
    "network.connect": _connect,
    "container.create": _create,
    "container.inspect": _inspect,
    "container.start": _start,
    "container.stop": _stop,
}


def build_app(policy: Policy | None = None) -> Starlette:
    """The proxy, for this policy or, at start, for that of the environment."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.policy = policy or load_policy()
        transport = httpx2.AsyncHTTPTransport(uds=app.state.policy.docker_socket)
        async with httpx2.AsyncClient(transport=transport, base_url="http://docker", trust_env=False) as client:
            app.state.client = client
            yield

    return Starlette(routes=[Route("/{path:path}", Gate())], lifespan=lifespan)


app = build_app()
