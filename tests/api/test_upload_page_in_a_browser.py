"""The upload page in a real browser: typed, recorded with the browser's own microphone, followed to the answers."""

from __future__ import annotations

import shutil
import threading

import pytest
from sqlalchemy import func, select, update

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.store.tables import conversation_uploads
from tests.api.serving import serve
from tests.fakes.results import CANARY, add_results

pytestmark = pytest.mark.xdist_group("upload-page")
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *MICROPHONE])
        yield browser
        browser.close()


@pytest.fixture
def pipeline(engine):
    """Completes what arrives, as the daemon would."""
    stop = threading.Event()

    def work():
        waiting = select(conversation_uploads.c.id).where(conversation_uploads.c.status == "pending")
        while not stop.wait(0.1):
            with engine.begin() as connection:
                ids = list(connection.execute(waiting).scalars())
            for upload_id in ids:
                add_results(engine, upload_id, {"symptoms": "answered", "allergies": "not_asked"})
                mine = update(conversation_uploads).where(conversation_uploads.c.id == upload_id)
                done = {"status": "completed", "stage": "done", "updated_at": func.clock_timestamp()}
                with engine.begin() as connection:
                    connection.execute(mine.values(done))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(20)


@pytest.fixture
def page(chromium, api_settings, key):
    """The page of somebody who has logged in, and everything the browser complained about."""
    token = key("review", "upload", "read", units=["icu"])["Authorization"].removeprefix("Bearer ")
    with serve(create_app(api_settings)) as address:
        opened = chromium.new_page(base_url=address)
        opened.complaints = []
        opened.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.goto("/login?next=/upload")
        opened.fill("#key", token)
        opened.click("button")
        opened.wait_for_url("**/upload")
        yield opened
        opened.close()


def sent(engine):
    with engine.connect() as connection:
        return connection.execute(select(conversation_uploads)).one()


def test_a_typed_conversation_is_sent_with_the_consent_and_followed_to_its_answers(page, pipeline, engine):
    page.check("text=type it")
    page.fill("#text", "Nurse: How are you?\nPatient: Well.")
    page.fill("#encounter_id", "e1")
    page.check("#consent")
    page.click(".send")
    page.wait_for_selector("#answers tr:nth-child(2)")
    assert CANARY in page.inner_text("#answers")
    assert "not asked" in page.inner_text("#answers")
    row = sent(engine)
    assert (row.kind, row.unit, row.consent, row.encounter_id) == ("text", "icu", True, "e1")
    assert page.get_attribute("#review", "href") == f"/review/conversations/{row.id}"
    assert page.complaints == []


def test_the_browser_s_own_recording_is_taken(page, pipeline, engine):
    page.check("text=record now")
    page.click("#record")
    page.wait_for_selector("#clock:has-text('0:02')")
    page.click("#record")
    page.wait_for_selector("#recorded")
    page.click(".send")
    page.wait_for_selector("#answers tr:nth-child(2)")
    row = sent(engine)
    assert (row.kind, row.original_filename, row.consent) == ("audio", "recording.webm", False)
    assert page.complaints == []


def test_a_file_that_is_refused_says_why_and_can_be_sent_again(page, pipeline, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"%PDF-1.7")
    page.set_input_files("#file", tmp_path / "a.wav")
    page.click(".send")
    page.wait_for_selector("#what.wrong")
    assert "audio" in page.inner_text("#sentence")
    assert page.is_enabled(".send")
