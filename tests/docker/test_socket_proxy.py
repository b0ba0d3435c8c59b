"""The socket proxy as a process, between the real Docker client and an engine: a fake one, and the real one if it runs.

What lives here: what reaches the engine and what does not, what a caller gets back, what is logged.
When to add here: a way past the rules that only the wire shows.
What to keep out: the rules themselves (test_socket_policy).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster_docker import DockerRunLauncher
from docker.errors import APIError, NotFound

import docker
from tests.docker.bodies_of_runs import ENVIRONMENT, IMAGE, NETWORK, SECRET, launched_body, launcher_keywords
from tests.fakes.docker_engine import DockerEngine, serve_engine

FOLDER = Path(__file__).parents[2] / "docker" / "socket_proxy"
REAL_IMAGE = "python:3.11-slim-bookworm"
CREATE = b"POST /v1.41/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
KEYWORDS = {**launcher_keywords(), "detach": True, "network": NETWORK, "environment": {"POSTGRES_PASSWORD": SECRET}}


@dataclass
class Proxy:
    """A running proxy: its port, the file of its log, the engine behind it if that is the fake."""

    port: int
    log: Path
    engine: DockerEngine

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=f"tcp://127.0.0.1:{self.port}", timeout=30)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def raw(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.sendall(request)
            answer = HTTPResponse(wire)
            answer.begin()
            return answer.status, answer.read()


@contextmanager
def running_proxy(engine: DockerEngine, **environment: str) -> Iterator[Proxy]:
    """The proxy as its image starts it."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        log = Path(folder) / "log"
        command = [
            "uvicorn",
            "--app-dir",
            FOLDER,
            "proxy:app",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--ws",
            "none",
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={"PATH": os.environ["PATH"], **environment},
                stdout=out,
                stderr=out,
            )
            try:
                for _ in range(600):
                    assert process.poll() is None, log.read_text()
                    with socket.socket() as knock:
                        if knock.connect_ex(("127.0.0.1", port)) == 0:
                            break
                    time.sleep(0.1)
                yield Proxy(port, log, engine)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


@pytest.fixture(scope="module")
def shared_proxy() -> Iterator[Proxy]:
    engine = DockerEngine(networks=(NETWORK, "nurseconv_models", "other"))
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are too long for a socket's name
        path = Path(folder) / "docker.sock"
        with (
            serve_engine(engine, path),
            running_proxy(engine, **ENVIRONMENT, PROXY_DOCKER_SOCKET=str(path)) as proxy,
        ):
            yield proxy


@pytest.fixture
def proxy(shared_proxy: Proxy) -> Proxy:
    shared_proxy.engine.seen.clear()
    shared_proxy.engine.fails_with = None
    return shared_proxy


@contextmanager
def launcher_on(port: int, monkeypatch: pytest.MonkeyPatch, **config: Any) -> Iterator[DockerRunLauncher]:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    with DagsterInstance.ephemeral() as instance:
        launcher = DockerRunLauncher(**config)
        launcher.register_instance(instance)
        yield launcher


def launch(launcher: DockerRunLauncher, image: str, command: list[str]) -> DagsterRun:
    instance = launcher._instance
    run = instance.add_run(DagsterRun(job_name="conversations", run_id=str(uuid4()), status=DagsterRunStatus.STARTED))
    launcher._launch_container_with_command(run, image, command)
    return instance.get_run_by_id(run.run_id)


def test_dagsters_launcher_starts_watches_and_ends_a_run_through_the_proxy(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = {**launcher_keywords(), "stop_timeout": 30}
    networks = [NETWORK, "nurseconv_models"]
    with launcher_on(proxy.port, monkeypatch, networks=networks, container_kwargs=keywords) as launcher:
        run = launch(launcher, IMAGE, ["dagster", "api", "execute_run"])
        assert launcher.check_run_worker_health(run).status.value == "RUNNING"
        assert launcher.terminate(run.run_id)
    asked = [(method, path) for method, path, _ in proxy.engine.seen if "/start" in path or "/stop" in path]
    number = run.tags["docker/container_id"]
    assert asked == [("POST", f"/v1.41/containers/{number}/{action}") for action in ("start", "stop?t=30")]
    joined = next(body for _, path, body in proxy.engine.seen if path == f"/v1.41/networks/{1:064x}/connect")
    assert joined == {"Container": number}


def test_what_reaches_the_engine_is_built_anew(proxy: Proxy) -> None:
    """Neither the caller's headers nor its bytes, not even the order of its keys."""
    body = json.dumps({**launched_body(), "Privileged": False, "privileged": None}).encode()
    head = CREATE + f"X-Registry-Auth: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    status, _ = proxy.raw(head + body)
    assert status == 201
    [(method, path, sent)] = proxy.engine.seen
    assert (method, path) == ("POST", "/v1.41/containers/create")
    assert set(sent) == {"Image", "Cmd", "Env", "Labels", "User", "Healthcheck", "HostConfig"}


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("HostConfig.Privileged", {"privileged": True}),
        ("HostConfig.Binds", {"volumes": ["/var/run/docker.sock:/data"]}),
        ("HostConfig.CapAdd", {"cap_add": ["SYS_ADMIN"]}),
        ("HostConfig.NetworkMode", {"network": None, "network_mode": "host"}),
        ("HostConfig.PidMode", {"pid_mode": "host"}),
        ("HostConfig.SecurityOpt", {"security_opt": ["seccomp=unconfined"]}),
        ("Entrypoint", {"entrypoint": ["sh"]}),
        ("User", {"user": "root"}),
    ],
)
def test_the_client_is_told_which_field_was_refused_and_the_engine_hears_nothing(
    proxy: Proxy, field: str, more: dict[str, Any]
) -> None:
    client = proxy.client()
    proxy.engine.seen.clear()
    with pytest.raises(APIError, match=rf"Socket proxy: {field}") as refusal:
        client.containers.create(IMAGE, ["true"], **{**KEYWORDS, **more})
    assert refusal.value.status_code == 403
    assert proxy.engine.seen == []


def test_a_missing_image_is_not_pulled(proxy: Proxy) -> None:
    with pytest.raises(APIError, match="are made on the host"):
        proxy.client().images.pull(IMAGE)


def test_a_container_that_the_proxy_did_not_make_cannot_be_told_from_none(proxy: Proxy) -> None:
    client = proxy.client()
    proxy.engine.seen.clear()
    answers = set()
    for name in ("f" * 64, "f" * 12, "postgres", "0" * 12 + "a", "nothing"):
        for action in (client.containers.get, client.api.start, client.api.stop):
            with pytest.raises(NotFound) as refusal:
                action(name)
            answers.add(refusal.value.explanation)
        with pytest.raises(NotFound) as refusal:
            client.api.connect_container_to_network(name, NETWORK)
        answers.add(refusal.value.explanation)
    assert answers == {"Socket proxy: Container is none that this proxy made."}
    assert {method for method, _, _ in proxy.engine.seen} == {"GET"}


def test_a_network_that_runs_may_not_join_cannot_be_told_from_none(proxy: Proxy) -> None:
    client = proxy.client()
    container = client.containers.create(IMAGE, ["true"], **KEYWORDS)
    proxy.engine.seen.clear()
    for name in ("other", f"{2:064x}", "nothing"):
        with pytest.raises(NotFound, match="one of PROXY_NETWORKS"):
            client.networks.get(name)
        with pytest.raises(NotFound, match="one of PROXY_NETWORKS"):
            client.api.connect_container_to_network(container.id, name)
    assert {method for method, _, _ in proxy.engine.seen} == {"GET"}


def test_nobody_reads_a_runs_environment_back(proxy: Proxy) -> None:
    client = proxy.client()
    container = client.containers.get(client.containers.create(IMAGE, ["true"], **KEYWORDS).id)
    assert (container.status, container.labels["nurseconv.launched-by"]) == ("created", "nurseconv")
    shown = json.dumps(container.attrs) + json.dumps(client.networks.get(NETWORK).attrs)
    assert not any(word in shown for word in ("Env", SECRET, "Health", "Containers"))


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GET /v1.41/containers/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"GET /v1.41/containers/a/../json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"GET /v1.41/containers%2fjson HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"GET http://x/v1.41/containers/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"POST /v1.41/containers/a/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", 403),
        (b"GET /v1.41/version HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 403),
        (b"GET /v1.41/version HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{ }", 413),
        (b"POST /v1.41/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
         b"Connection: close\r\n\r\n{}", 415),
        (CREATE + b"Content-Length: 2\r\n\r\n{]", 400),
        (CREATE + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17, 413),
        (CREATE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"0\r\n\r\nPOST /v1.41/containers/ffffffffffff/stop HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
    ids=["list", "dots", "encoded-slash", "absolute", "attach", "h2c", "body-on-get", "plain-text", "not-json",
         "endless", "two-lengths", "connect"],
)  # fmt: skip
def test_a_crooked_request_ends_at_the_proxy(proxy: Proxy, request_bytes: bytes, expected: int) -> None:
    assert proxy.raw(request_bytes)[0] == expected
    assert proxy.engine.seen == []


def test_an_engine_in_trouble_is_not_taken_for_a_run_that_is_gone(proxy: Proxy) -> None:
    """Dagster fails a run whose container is not found; an error it only reports."""
    client = proxy.client()
    container = client.containers.create(IMAGE, ["true"], **KEYWORDS)
    proxy.engine.fails_with = 500
    with pytest.raises(APIError) as trouble:
        client.containers.get(container.id)
    assert trouble.value.status_code == 502


def test_without_an_engine_the_answer_says_so() -> None:
    engine = DockerEngine(networks=())
    with running_proxy(engine, **ENVIRONMENT, PROXY_DOCKER_SOCKET="/nonexistent/docker.sock") as alone:
        status, body = alone.raw(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (status, json.loads(body)) == (502, {"message": "Socket proxy: Docker does not answer."})


def test_a_proxy_without_a_policy_does_not_start() -> None:
    with pytest.raises(AssertionError, match="PROXY_IMAGES: "), running_proxy(DockerEngine(networks=())):
        pass


def test_each_decision_is_one_line_without_a_value(proxy: Proxy) -> None:
    before = len(proxy.lines())
    client = proxy.client()
    client.ping()
    container = client.containers.create(IMAGE, ["run", SECRET], **KEYWORDS)
    container.start()
    with pytest.raises(APIError):
        client.containers.create(IMAGE, ["true"], **KEYWORDS, domainname=SECRET)
    with pytest.raises(APIError):
        client.api._result(client.api._get(client.api._url(f"/{SECRET}")))
    told = [{key: value for key, value in line.items() if key != "timestamp"} for line in proxy.lines()[before:]]
    assert told == [
        {"event": "allowed", "method": "GET", "call": "version", "status": 200},
        {"event": "allowed", "method": "GET", "call": "ping", "status": 200},
        {"event": "allowed", "method": "POST", "call": "container.create", "status": 201},
        {"event": "allowed", "method": "GET", "call": "container.inspect", "status": 200},
        {"event": "allowed", "method": "POST", "call": "container.start", "status": 204},
        {"event": "refused", "method": "POST", "call": "container.create", "field": "Domainname", "status": 403},
        {"event": "refused", "method": "GET", "call": "unknown", "field": "Call", "status": 403},
    ]
    assert not any(SECRET in json.dumps(line) for line in proxy.lines())


@dataclass(frozen=True)
class RealEngine:
    """A proxy before the engine of this machine, that engine itself, the network and the volume that runs may have."""

    proxy: Proxy
    engine: docker.DockerClient
    network: str
    volume: str


# On one worker, one after the other: one test compares what the engine holds before and after.
on_the_real_engine = pytest.mark.xdist_group("real-docker-engine")


@pytest.fixture(scope="module")
def real() -> Iterator[RealEngine]:
    try:
        engine = docker.DockerClient(base_url="unix:///var/run/docker.sock", timeout=60)
        engine.images.get(REAL_IMAGE)
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine with {REAL_IMAGE} on this machine: {type(error).__name__}")
    network = engine.networks.create(f"nurseconv-proxy-{uuid4().hex[:8]}", internal=True)
    volume = engine.volumes.create(f"nurseconv-proxy-{uuid4().hex[:8]}")
    owner = f"tests-{uuid4().hex[:8]}"
    settings = {
        "PROXY_IMAGES": REAL_IMAGE, "PROXY_NETWORKS": str(network.name), "PROXY_MOUNTS": f"{volume.name}:/data",
        "PROXY_MAX_MEMORY": "256m", "PROXY_MAX_PIDS": "64", "PROXY_OWNER": owner,
    }  # fmt: skip
    try:
        with running_proxy(DockerEngine(networks=()), **settings) as proxy:
            yield RealEngine(proxy, engine, str(network.name), str(volume.name))
    finally:
        for left in engine.containers.list(all=True, filters={"label": f"nurseconv.launched-by={owner}"}):
            left.remove(force=True)
        network.remove()
        volume.remove()
        engine.close()


@on_the_real_engine
def test_the_real_engine_runs_what_the_launcher_asks_for_and_hardens_it(
    real: RealEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = {
        "volumes": {real.volume: {"bind": "/data", "mode": "rw"}}, "mem_limit": "128m", "tmpfs": {"/tmp": "size=16m"},
        "init": True, "stop_timeout": 1,
    }  # fmt: skip
    with launcher_on(real.proxy.port, monkeypatch, networks=[real.network], container_kwargs=keywords) as launcher:
        run = launch(launcher, REAL_IMAGE, ["sleep", "300"])
        assert launcher.check_run_worker_health(run).status.value == "RUNNING"
        container = real.engine.containers.get(run.tags["docker/container_id"])
        facts = container.exec_run(["cat", "/proc/1/status"]).output.decode()
        assert "CapBnd:\t0000000000000000" in facts
        assert "NoNewPrivs:\t1" in facts
        assert "Uid:\t10001\t10001" in facts
        assert container.exec_run(["touch", "/x"]).exit_code != 0
        assert container.exec_run(["touch", "/tmp/x"]).exit_code == 0
        host = container.attrs["HostConfig"]
        assert (host["Memory"], host["PidsLimit"], host["ReadonlyRootfs"]) == (128 * 2**20, 64, True)
        assert host["MaskedPaths"]
        assert launcher.terminate(run.run_id)
        assert launcher.check_run_worker_health(run).status.value == "FAILED"
    container.reload()
    assert container.status == "exited"


@on_the_real_engine
def test_the_real_client_is_refused_and_the_real_engine_makes_nothing(real: RealEngine) -> None:
    engine, client = real.engine, real.proxy.client()
    disk_of_the_host = docker.types.DriverConfig("local", {"type": "none", "o": "bind", "device": "/"})
    before = {one.id for one in engine.containers.list(all=True)}
    good = {"command": ["true"], "detach": True, "network": real.network}
    for field, more in {
        "HostConfig.Privileged": {"privileged": True},
        "HostConfig.Binds": {"volumes": ["/:/data"]},
        "HostConfig.Mounts": {"mounts": [docker.types.Mount("/data", real.volume, driver_config=disk_of_the_host)]},
        "HostConfig.Devices": {"devices": ["/dev/mem"]},
        "ExposedPorts": {"ports": {"80/tcp": 8080}},
        "HostConfig.IpcMode": {"ipc_mode": "host"},
        "HostConfig.Memory": {"mem_limit": "257m"},
        "Hostname": {"hostname": "postgres"},
    }.items():  # fmt: skip
        with pytest.raises(APIError, match=rf"Socket proxy: {field}"):
            client.containers.create(REAL_IMAGE, **{**good, **more})
    with pytest.raises(APIError, match="Socket proxy: Image"):
        client.containers.create("debian:bookworm-slim", **good)
    assert client.images.get(REAL_IMAGE).id == engine.images.get(REAL_IMAGE).id
    with pytest.raises(NotFound):
        client.images.get("debian:bookworm-slim")
    assert {one.id for one in engine.containers.list(all=True)} == before


@on_the_real_engine
def test_a_real_container_of_somebody_else_is_out_of_reach(real: RealEngine) -> None:
    other = real.engine.containers.run(
        REAL_IMAGE, ["sleep", "300"], detach=True, init=True, labels={"nurseconv.launched-by": "another-proxy"}
    )
    client = real.proxy.client()
    try:
        for name in (other.id, other.short_id, other.name):
            for action in (client.containers.get, client.api.stop, client.api.start):
                with pytest.raises(NotFound, match="none that this proxy made"):
                    action(name)
            for action in (client.api.kill, client.api.remove_container, client.api.pause, client.api.top):
                with pytest.raises(APIError, match="Socket proxy: Call"):
                    action(name)
        other.reload()
        assert other.status == "running"
    finally:
        other.remove(force=True)
