"""A real Prometheus scrapes the real API with a key and evaluates the committed rules."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from sqlalchemy import Engine

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.keys import make_key
from tests.api.conftest import api_settings  # noqa: F401 - a fixture
from tests.api.servers import free_port, running_server
from tests.monitoring.conftest import PROMETHEUS, RULES

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed: apt-get install prometheus"
)


def own_address() -> str:
    """An address of this machine that is not loopback: from there the metrics need a key."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network address but loopback")
        return str(probe.getsockname()[0])


def configuration(target: str, key_file: Path) -> dict[str, Any]:
    """The committed one, in a hurry, with this machine's addresses and paths."""
    wanted = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    wanted["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    wanted["rule_files"] = [str(PROMETHEUS / name) for name in wanted["rule_files"]]
    [job] = wanted["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [target]}]
    job["authorization"]["credentials_file"] = str(key_file)
    return wanted


@pytest.fixture
def ask(api_settings: Settings, engine: Engine, tmp_path: Path) -> Iterator[Callable[[str], Any]]:  # noqa: F811
    """Asks Prometheus' own API; its key lies in the file `key`."""
    key_file, port = tmp_path / "key", free_port()
    key_file.write_text(make_key(engine, "metrics", scopes=["read"], units=["monitoring"], actor="test"))
    settings = api_settings.model_copy(update={"host": "0.0.0.0"})
    with running_server(settings, workers=1) as address:
        target = f"{own_address()}:{address.rpartition(':')[2]}"
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration(target, key_file)))
        process = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        )  # fmt: skip
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:
            yield lambda path: client.get(path).json()["data"]
        process.terminate()
        process.wait(30)


def until(what: Callable[[], Any]) -> Any:
    """What comes true within a minute."""
    for _ in range(120):
        try:
            if found := what():
                return found
        except httpx2.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError("it did not come true within a minute")


def test_prometheus_scrapes_with_its_key_and_evaluates_every_rule(ask: Callable[[str], Any], tmp_path: Path) -> None:
    def targets(health: str) -> list[dict[str, Any]]:
        return [one for one in ask("/targets")["activeTargets"] if one["health"] == health]

    until(lambda: targets("up"))
    until(lambda: ask("/query?query=nurseconv_queue_depth")["result"])

    def evaluated() -> bool:
        rules = [rule for group in ask("/rules")["groups"] for rule in group["rules"]]
        return {rule["name"] for rule in rules if rule["health"] == "ok"} == {rule["alert"] for rule in RULES}

    until(evaluated)
    (tmp_path / "key").write_text("nc_wrong_key")
    assert "401" in until(lambda: targets("down"))[0]["lastError"]
