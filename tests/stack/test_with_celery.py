"""Laws of the Celery engine in containers: the same upload comes back, by three workers that Flower shows.

What lives here: the default stack with docker-compose.celery.yml.
When to add here: something that only holds between these containers.
What to keep out: the engine's own laws (tests/celery_engine).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.stack.conftest import BASE, PORTS, Stack, photograph
from tests.stack.test_compose import COMPLETED_WITHIN_S, RECORDING

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
FLOWER = f"https://127.0.0.1:{PORTS['FLOWER_PORT']}"


@pytest.fixture(scope="module")
def celery(project: Path) -> Iterator[Stack]:
    """The stack with Redis, Flower and three workers: two for everything but speech, and one that hears."""
    started = Stack(project, (*BASE, "docker-compose.celery.yml"))
    started.up("--scale", "worker=2")
    yield started
    started.down()


def password(stack: Stack, name: str) -> str:
    lines = (stack.folder / ".env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))


def test_a_recording_comes_back_through_the_queues_and_flower_shows_who_did_it(celery: Stack, pictures: Path) -> None:
    with celery.client(celery.key("queues", "admin")) as admin:
        assert admin.get("/health").json()["services"]["celery"] == "healthy"
        # Other bytes than the default engine's: the same ones would be the same upload.
        content = RECORDING.with_name("clinic_mono.ogg").read_bytes()
        posted = admin.post("/api/v1/uploads", files={"file": ("another.ogg", content)})
        assert posted.status_code == 202, posted.text
        address, deadline = f"/api/v1/uploads/{posted.json()['id']}", time.monotonic() + COMPLETED_WITHIN_S
        while (results := admin.get(address).json())["upload"]["status"] in ("pending", "processing"):
            assert time.monotonic() < deadline, (results["upload"], celery.compose("logs", "--tail=40"))
            time.sleep(1)
    assert results["upload"]["status"] == "completed", results["upload"]
    assert results["transcription"]["text"]

    known = ("nurseconv", password(celery, "FLOWER_PASSWORD"))
    with celery.client(port="FLOWER_PORT") as stranger:
        assert stranger.get("/api/workers", auth=known).status_code == 302
    with closing(celery.person()) as person:
        assert person.get(f"{FLOWER}/api/workers").status_code == 401
        workers = person.get(f"{FLOWER}/api/workers?refresh=1", auth=known).json()
        tasks = person.get(f"{FLOWER}/api/tasks", auth=known).json()
    assert len(workers) == 3
    did = {task["worker"] for task in tasks.values() if task["state"] == "SUCCESS"}
    assert len(did) >= 2, "speech and the rest are done by different workers"
    photograph(celery, f"{FLOWER}/workers", "text=Active", pictures / "stack-flower.png", known[1])
