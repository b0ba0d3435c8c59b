"""Docker's engine on a Unix socket: it remembers what reached it and does as it is told.

What lives here: the calls that the socket proxy passes on, and the faults that an engine was seen to have.
When to add here: a call that the proxy begins to pass on.
What to keep out: the rules of the real engine; the real one has tests of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FOREIGN = {
    "Id": "f" * 64,
    "Name": "/postgres",
    "Config": {"Labels": {}, "Env": ["A=b"]},
    "State": {"Status": "running"},
}


@dataclass
class DockerEngine:
    """An engine with one container that is not the proxy's, and two networks.

    Args:
        seen: each request that came in: method, path with query, JSON body or None.
        fails_with: status of every reply but to ping and version, until it is None again.
    """

    networks: tuple[str, ...]
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    containers: dict[str, dict[str, Any]] = field(default_factory=lambda: {"f" * 64: FOREIGN})
    fails_with: int | None = None

    async def answer(self, request: Request) -> Response:
        """As the engine answers, in the fields that matter here."""
        path = request.url.path.split("/", 2)[2] if request.url.path.startswith("/v1.") else request.url.path[1:]
        body = await request.json() if await request.body() else None
        self.seen.append((request.method, str(request.url.replace(scheme="", netloc="")), body))
        match [request.method, *path.split("/")]:
            case ["GET" | "HEAD", "_ping"]:
                return Response("OK", headers={"Api-Version": "1.41"})
            case ["GET", "version"]:
                return JSONResponse({"ApiVersion": "1.41", "Version": "20.10"})
        if self.fails_with:
            return JSONResponse({"message": "trouble"}, self.fails_with)
        match [request.method, *path.split("/")]:
            case ["GET", "images", _, "json"]:
                return JSONResponse({"Id": "sha256:0"})
            case ["POST", "containers", "create"]:
                return self._create(body)
            case ["GET", "networks", name]:
                return self._network(name)
            case ["POST", "networks", _, "connect"]:
                return Response()
            case [_, "containers", name, action]:
                return self._act(name, action)
        return JSONResponse({"message": "page not found"}, 404)

    def _create(self, body: dict[str, Any]) -> Response:
        number = f"{len(self.containers):064x}"
        config = {"Image": body["Image"], "Labels": body["Labels"], "Env": body.get("Env")}
        state = {"Status": "created", "Health": {"Log": [{"Output": "words"}]}}
        self.containers[number] = {"Id": number, "Name": f"/run{number[-1]}", "Config": config, "State": state}
        return JSONResponse({"Id": number, "Warnings": []}, 201)

    def _network(self, name: str) -> Response:
        for number, network in enumerate(self.networks):
            if name in (network, f"{number:064x}"):
                return JSONResponse({"Id": f"{number:064x}", "Name": network, "Containers": {"f" * 64: {}}})
        return JSONResponse({"message": "no such network"}, 404)

    def _act(self, name: str, action: str) -> Response:
        found = [one for one in self.containers.values() if one["Id"].startswith(name) or one["Name"] == f"/{name}"]
        if not found:
            return JSONResponse({"message": f"No such container: {name}"}, 404)
        if action == "json":
            return JSONResponse(found[0])
        found[0]["State"]["Status"] = {"start": "running", "stop": "exited"}[action]
        return Response(status_code=204)


@contextmanager
def serve_engine(engine: DockerEngine, socket: Path) -> Iterator[None]:
    """The engine answers at this socket."""

    class Everything:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await (await engine.answer(Request(scope, receive)))(scope, receive, send)

    app = Starlette(routes=[Route("/{path:path}", Everything())])
    server = uvicorn.Server(uvicorn.Config(app, uds=str(socket), log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
