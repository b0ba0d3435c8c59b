"""The upload page in a real browser: typed, recorded with the browser's own microphone, followed to the answers."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select, update

from nurseconv_dagster.store.tables import conversation_uploads
from tests.fakes.results import CANARY, add_results

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]
SENDER = ("review", "upload", "read")


@pytest.fixture
def pipeline(store_engine):
    """Completes what arrives, as the daemon would."""
    stop = threading.Event()

    def work():
        waiting = select(conversation_uploads.c.id).where(conversation_uploads.c.status == "pending")
        while not stop.wait(0.1):
            with store_engine.begin() as connection:
                ids = list(connection.execute(waiting).scalars())
            for upload_id in ids:
                add_results(store_engine, upload_id, {"symptoms": "answered", "allergies": "not_asked"})
                mine = update(conversation_uploads).where(conversation_uploads.c.id == upload_id)
                done = {"status": "completed", "stage": "done", "updated_at": func.clock_timestamp()}
                with store_engine.begin() as connection:
                    connection.execute(mine.values(done))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(20)


@pytest.fixture
def page(open_page):
    return open_page("/upload", SENDER)


def sent(engine):
    with engine.connect() as connection:
        return connection.execute(select(conversation_uploads)).one()


def test_a_typed_conversation_is_sent_with_the_consent_and_followed_to_its_answers(page, pipeline, store_engine):
    page.check("text=type it")
    page.fill("#text", "Nurse: How are you?\nPatient: Well.")
    page.fill("#encounter_id", "e1")
    page.check("#consent")
    page.click("#send")
    page.wait_for_selector("#answers tr:nth-child(2)")
    assert CANARY in page.inner_text("#answers")
    assert "not asked" in page.inner_text("#answers")
    row = sent(store_engine)
    assert (row.kind, row.unit, row.consent, row.encounter_id) == ("text", "4-west", True, "e1")
    assert page.get_attribute("#review", "href") == f"/review/conversations/{row.id}"


def test_the_browser_s_own_recording_is_taken(page, pipeline, store_engine):
    page.check("text=record now")
    page.click("#record")
    page.wait_for_selector("#clock:has-text('0:02')")
    page.click("#record")
    page.wait_for_selector("#recorded")
    page.click("#send")
    page.wait_for_selector("#answers tr:nth-child(2)")
    row = sent(store_engine)
    assert (row.kind, row.original_filename, row.consent) == ("audio", "recording.webm", False)


def test_a_file_that_is_refused_says_why_and_can_be_sent_again(page, pipeline, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"%PDF-1.7")
    page.set_input_files("#file", tmp_path / "a.wav")
    page.click("#send")
    page.wait_for_selector("#what.wrong")
    assert "audio" in page.inner_text("#sentence")
    assert page.is_enabled("#send")


def test_no_mouse_is_needed_and_the_page_s_name_and_address_tell_nothing_of_the_file(page, store_engine, address):
    press = page.keyboard.press
    page.get_by_label("a file").focus()
    press("ArrowDown")
    press("ArrowDown")
    press("Tab")
    page.keyboard.type("Nurse: How are you?")
    page.get_by_label("The patient agrees").focus()
    press("Space")
    press("Tab")
    press("Enter")
    page.get_by_text("(step 1 of 4)").wait_for()
    assert sent(store_engine).consent is True
    assert (page.title(), page.url) == ("Send a conversation · nurseconv", f"{address}/upload")


def test_whoever_may_only_send_is_told_that_it_was_sent(open_page):
    page = open_page("/upload", ("upload",))
    page.check("text=type it")
    page.fill("#text", "Nurse: How are you?")
    page.click("#send")
    page.get_by_role("heading", name="Sent").wait_for()
    assert page.is_enabled("#send")
    assert page.locator("nav a").all_text_contents() == ["Upload", "API docs"]


def test_axe_finds_nothing_on_a_page_that_was_filled_in(open_page, pipeline, axe):
    page = open_page("/upload", SENDER, viewport={"width": 390, "height": 844})
    assert not axe(page)
    page.click("#send")
    page.wait_for_selector("#what.wrong")
    assert not axe(page)
    page.check("text=type it")
    page.fill("#text", "Nurse: How are you?")
    page.click("#send")
    page.wait_for_selector("#answers tr:nth-child(2)")
    assert not axe(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
