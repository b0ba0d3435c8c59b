"""A real browser before a real server: Debian's Chromium, driven by Playwright, and uvicorn on a port of its own.

What lives here: fixtures of the tests that need a browser.
When to add here: a fixture that a second module here asks for.
What to keep out: laws.
"""

from __future__ import annotations

import math
import shutil
import struct
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, update

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.intake.vault import FileVault, hash_file
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.keys import make_key
from nurseconv_dagster.store.tables import conversation_uploads
from tests.api.serving import serve
from tests.fakes.reviewed import reviewed_upload
from tests.fakes.talks import spoken

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-gpu-compositing", "--mute-audio", "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # fmt: skip
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
    with serve(create_app(settings)) as served:
        yield served


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
def new_page(chromium, address: str) -> Iterator[Callable[..., object]]:
    """A page of a browser that nobody has logged in with; fails the test for what the browser complains about.

    That a request was refused, or did not come through, is what some tests are about.
    """
    complaints: list[str] = []
    contexts = []

    def make(**options: object) -> object:
        context = chromium.new_context(base_url=address, **{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    meant = ("status of 401", "status of 409", "status of 415", "status of 422", "net::ERR_FAILED")
    assert [line for line in complaints if not any(part in line for part in meant)] == []


@pytest.fixture
def new_key(store_engine: Engine) -> Callable[..., str]:
    """Makes a key for 4-west with these scopes."""
    return lambda *scopes: make_key(store_engine, "a person", scopes=scopes, units=("4-west",), actor="test")


@pytest.fixture
def open_page(new_page, new_key, address: str) -> Callable[..., object]:
    """Opens a page as somebody of 4-west who has logged in; a reviewer unless told otherwise."""

    def open_as(path: str, scopes: tuple[str, ...] = ("review", "read"), **options: object) -> object:
        page = new_page(**options)
        page.goto(f"/login?next={path}")
        page.get_by_label("Your key").fill(new_key(*scopes))
        page.keyboard.press("Enter")
        page.wait_for_url(address + path)
        return page

    return open_as


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """What axe complains about on a page, in light and, of its colours, in dark."""
    found = pytest.importorskip(
        "axe_core_python.sync_playwright", reason="needs axe-core-python: it is in the extra dev"
    )

    def complaints(page: object) -> list[str]:
        violations = found.Axe().run(page)["violations"]
        page.emulate_media(color_scheme="dark")
        violations += found.Axe().run(page, options={"runOnly": ["color-contrast"]})["violations"]
        page.emulate_media(color_scheme="light")
        return [
            f"{item['id']}: {node['html']} {node['failureSummary']}" for item in violations for node in item["nodes"]
        ]

    return complaints


def _tone(file: Path, seconds: int) -> Path:
    samples = (int(3000 * math.sin(i / 8)) for i in range(8000 * seconds))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file
