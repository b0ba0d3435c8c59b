"""Laws of one server: what is sent comes back completed, through a run container; nobody passes whom we do not know;
what is stopped and started again has lost nothing.

What lives here: the default stack of docker-compose.yml, as a user meets it at nginx.
When to add here: something that only holds between containers.
What to keep out: what a service does by itself (its own tests); the Celery engine (test_celery_stack.py).
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.stack.conftest import BASE, PORTS, ROOT, Stack, photograph, trusting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
RECORDING = ROOT / "samples" / "bucket" / "clinic" / "denials.ogg"
FLOOR_BYTES = 4 << 30
COMPLETED_WITHIN_S = 400
SERVICES = {"nginx", "certificate", "keyring", "postgres", "migrate", "api", "code-server", "dagster-webserver",
    "dagster-daemon", "socket-proxy"}  # fmt: skip


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[httpx2.Client]:
    with stack.client(stack.key("stack", "admin")) as client:
        yield client


@pytest.fixture(scope="module")
def completed(stack: Stack, admin: httpx2.Client) -> tuple[str, dict[str, Any]]:
    """A recording's id and results, posted through nginx; prints what each container takes meanwhile."""
    answer = admin.post("/api/v1/uploads", files={"file": (RECORDING.name, RECORDING.read_bytes())})
    assert answer.status_code == 202, answer.text
    upload_id, peaks = answer.json()["id"], {}
    deadline = time.monotonic() + COMPLETED_WITHIN_S
    while (results := admin.get(f"/api/v1/uploads/{upload_id}").json())["upload"]["status"] in (
        "pending",
        "processing",
    ):
        for name, (used, limit) in stack.memory().items():
            peaks[name] = (max(used, peaks.get(name, (0, 0))[0]), limit)
        assert time.monotonic() < deadline, (results["upload"], stack.compose("logs", "--tail=40"))
    _print_memory(peaks)
    return upload_id, {**results, "peaks": peaks}


def _print_memory(peaks: dict[str, tuple[int, int]]) -> None:
    print("\nmemory while a recording is served (MB used at most, MB allowed):")
    for name, (used, limit) in sorted(peaks.items()):
        print(f"  {name:<42}{used / 1e6:8.0f}{limit / 1e6:8.0f}")
    print(f"  {'all':<42}{sum(used for used, _ in peaks.values()) / 1e6:8.0f}")


def test_every_container_is_healthy(stack: Stack) -> None:
    states = stack.states()
    assert set(states) == SERVICES
    assert set(states.values()) == {"healthy", "exited 0"}


def test_a_posted_recording_comes_back_completed_through_a_run_container(
    stack: Stack, completed: tuple[str, dict[str, Any]]
) -> None:
    _, results = completed
    assert results["upload"]["status"] == "completed"
    assert results["transcription"]["text"]
    answered = [each for each in results["qa_results"] if each["answer_text"]]
    assert answered
    assert all(each["timestamp_start"] is not None for each in answered)
    assert len([name for name in results["peaks"] if "nurseconv" not in name]) >= 1, "no run container was seen"
    logs = stack.compose("logs", "socket-proxy")
    assert "create" in logs
    assert "start" in logs


def test_the_whole_stack_serves_a_recording_in_four_gigabytes(completed: tuple[str, dict[str, Any]]) -> None:
    peaks: dict[str, tuple[int, int]] = completed[1]["peaks"]
    assert sum(used for used, _ in peaks.values()) < FLOOR_BYTES
    assert all(limit < FLOOR_BYTES for _, limit in peaks.values()), "a service has no budget"


def test_the_dagster_ui_opens_for_admins_alone(stack: Stack, completed: tuple[str, dict[str, Any]]) -> None:
    with stack.client(port="DAGSTER_PORT") as stranger:
        refused = stranger.get("/runs")
        assert (refused.status_code, refused.headers["location"]) == (
            302,
            f"https://127.0.0.1:{PORTS['HTTPS_PORT']}/login",
        )
        assert stranger.post("/graphql", json={"query": "{ version }"}).status_code == 302
    with stack.client(stack.key("reader", "read", unit="*"), "DAGSTER_PORT") as reader:
        assert reader.get("/runs").status_code == 403
    with stack.client(stack.key("admin2", "admin"), "DAGSTER_PORT") as admin:
        query = "{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }"
        runs = admin.post("/graphql", json={"query": query}).json()["data"]["runsOrError"]["results"]
    done = [run for run in runs if run["jobName"] == "process_uploads" and run["status"] == "SUCCESS"]
    assert done
    assert any(tag["key"] == "docker/container_id" for tag in done[0]["tags"])


def test_a_page_of_another_site_may_lead_to_dagsters_pages_and_make_them_do_nothing(stack: Stack) -> None:
    with stack.client(stack.key("forged", "admin"), "DAGSTER_PORT") as admin:

        def status(method: str, path: str, site: str) -> int:
            return admin.request(method, path, headers={"Sec-Fetch-Site": site}).status_code

        assert status("GET", "/graphql?query=%7Bversion%7D", "same-origin") == 200
        for site in ("same-site", "cross-site"):
            assert status("GET", "/runs", site) == 200
            assert status("GET", "/graphql?query=%7Bversion%7D", site) == 403
            assert status("GET", "/%67raphql?query=%7Bversion%7D", site) == 403
            assert status("POST", "/graphql", site) == 403
            assert status("DELETE", "/runs", site) == 403


def test_the_api_believes_nginx_alone_who_asked(stack: Stack) -> None:
    """From loopback /metrics needs no key; a container of ours that claims to be there is asked for one."""
    ask = (
        "import urllib.request as r, urllib.error as e\n"
        "q = r.Request('http://api:8000/metrics', headers={'X-Forwarded-For': '127.0.0.1'})\n"
        "try: print(r.urlopen(q).status)\n"
        "except e.HTTPError as error: print(error.code)"
    )
    assert stack.compose("exec", "-T", "code-server", "python", "-c", ask).strip() == "401"


def test_nginx_speaks_tls_and_says_so(stack: Stack) -> None:
    plain = httpx2.get(f"http://127.0.0.1:{PORTS['HTTP_PORT']}/docs", follow_redirects=False)
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://127.0.0.1:{PORTS['HTTPS_PORT']}/docs")
    with stack.client() as client:
        found = client.get("/docs")
        assert client.get("/gate").status_code == 404
    assert found.status_code == 200
    assert "max-age=63072000" in found.headers["strict-transport-security"]
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "nginx/" not in found.headers.get("server", "")


def test_nginx_refuses_a_body_that_is_too_large_and_streams_the_others(admin: httpx2.Client) -> None:
    """It says so before the body: a sender who names its length has sent nothing yet."""
    connection = http.client.HTTPSConnection("127.0.0.1", PORTS["HTTPS_PORT"], timeout=30, context=trusting())
    connection.putrequest("POST", "/api/v1/uploads")
    connection.putheader("Authorization", admin.headers["Authorization"])
    connection.putheader("Content-Length", str(200 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_what_is_stopped_and_started_again_has_lost_nothing(
    stack: Stack, admin: httpx2.Client, completed: tuple[str, dict[str, Any]]
) -> None:
    upload_id, before = completed
    audio = admin.get(f"/api/v1/uploads/{upload_id}/audio").content
    assert audio == RECORDING.read_bytes()
    stack.down()
    stack.up()
    after = admin.get(f"/api/v1/uploads/{upload_id}").json()
    assert after["qa_results"] == before["qa_results"]
    assert after["transcription"] == before["transcription"]
    assert admin.get(f"/api/v1/uploads/{upload_id}/audio").content == audio


def test_the_dagster_ui_shows_the_assets_to_a_person_who_logged_in(
    stack: Stack, completed: tuple[str, dict[str, Any]], pictures: Path
) -> None:
    address = f"https://127.0.0.1:{PORTS['DAGSTER_PORT']}/asset-groups"
    photograph(stack, address, "text=conversations", pictures / "stack-dagster.png")


def test_prometheus_scrapes_the_api_with_a_key_of_its_own(stack: Stack, pictures: Path) -> None:
    (stack.folder / "secrets").mkdir()
    file = stack.folder / "secrets" / "metrics_key"
    file.write_text(stack.key("metrics", "read", unit="monitoring"))
    file.chmod(0o644)
    watched = Stack(stack.folder, (*BASE, "docker-compose.monitoring.yml"))
    watched.compose("up", "-d", "prometheus", "nginx")
    deadline, targets = time.monotonic() + 240, []
    with stack.client(stack.key("watcher", "admin"), "PROMETHEUS_PORT") as admin:
        while [target["health"] for target in targets] != ["up"]:
            assert time.monotonic() < deadline, (targets, watched.compose("logs", "--tail=20", "prometheus", "nginx"))
            time.sleep(2)
            try:
                answer = admin.get("/api/v1/targets")
            except httpx2.TransportError:  # nginx is being made anew, with another port
                continue
            if answer.status_code == 200:
                targets = answer.json()["data"]["activeTargets"]
        rules = admin.get("/api/v1/rules").json()["data"]["groups"]
        assert sum(len(group["rules"]) for group in rules) >= 10
        # Debian's Prometheus has the older page alone.
        page = "/targets" if admin.get("/targets").status_code == 200 else "/classic/targets"
    address = f"https://127.0.0.1:{PORTS['PROMETHEUS_PORT']}{page}"
    photograph(stack, address, "text=Endpoint", pictures / "stack-prometheus.png")
