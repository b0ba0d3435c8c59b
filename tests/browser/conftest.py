"""A real browser before a real server: Debian's Chromium, driven by Playwright, and uvicorn on a port of its own.

What lives here: fixtures of the tests that need a browser.
When to add here: a fixture that a second module here asks for.
What to keep out: laws.
"""

from __future__ import annotations

import math
import shutil
import socket
import struct
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn
from sqlalchemy import Engine, update

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.intake.vault import FileVault, hash_file
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.keys import make_key
from nurseconv_dagster.store.tables import conversation_uploads
from tests.fakes.reviewed import reviewed_upload
from tests.fakes.talks import spoken

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-gpu-compositing", "--mute-audio", "--disable-dev-shm-usage"]
VISIT = (
    "nurse: Good morning. How old are you?",
    "patient: I am 54.",
    "nurse: What brings you in today?",
    "patient: I have had a cough for three days.",
    "nurse: Do you have any allergies?",
    "patient: No, no known allergies.",
    "nurse: How bad is your pain from zero to ten?",
    "patient: About a seven.",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """The browser; tests are skipped, with the reason, where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: it is in the extra dev")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def address(home: Settings) -> Iterator[str]:
    """Where the home's API is served; nothing is drawn for the audit, so that only what a test doubts waits."""
    settings = home.model_copy(update={"review_audit_share": 0.0})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def recording(home: Settings, store_engine: Engine, tmp_path: Path) -> Callable[..., UUID]:
    """Makes a completed upload of a spoken talk with sound in the vault: a tone of the talk's length."""

    def make(talk: Transcript | None = None, sound: Path | None = None, **sidecar: object) -> UUID:
        talk = talk or spoken(*VISIT)
        upload_id = reviewed_upload(store_engine, talk, **sidecar)
        file = sound or _tone(tmp_path / f"{upload_id}.wav", math.ceil(talk.duration_s or 1))
        object_key = FileVault(home.vault_dir).put(file, hash_file(file)[0])
        kind = "audio/ogg" if file.suffix == ".ogg" else "audio/wav"
        facts = {"kind": "audio", "object_key": object_key, "content_type": kind, "duration_s": talk.duration_s}
        with store_engine.begin() as connection:
            mine = conversation_uploads.c.id == upload_id
            connection.execute(update(conversation_uploads).where(mine).values(facts))
        return upload_id

    return make


@pytest.fixture
def open_page(chromium, address: str, store_engine: Engine) -> Iterator[Callable[..., object]]:
    """Opens a page as a reviewer of 4-west who has logged in; fails the test for what the browser complains about.

    That a request was refused, or did not come through, is what some tests are about.
    """
    complaints: list[str] = []
    contexts = []

    def open_as(path: str, **options: object) -> object:
        context = chromium.new_context(base_url=address, **{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        key = make_key(store_engine, "a reviewer", scopes=("review", "read"), units=("4-west",), actor="test")
        page.goto(f"/login?next={path}")
        page.get_by_label("Your key").fill(key)
        page.keyboard.press("Enter")
        page.wait_for_url(address + path)
        return page

    yield open_as
    for context in contexts:
        context.close()
    meant = ("status of 409", "status of 422", "net::ERR_FAILED")
    assert [line for line in complaints if not any(part in line for part in meant)] == []


def _tone(file: Path, seconds: int) -> Path:
    samples = (int(3000 * math.sin(i / 8)) for i in range(8000 * seconds))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file
