"""The review page in a real browser: heard, judged, by mouse and by keyboard, without a complaint of browser or axe."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from nurseconv_dagster.intake.arrivals import Sidecar
from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.listings import list_results
from tests.fakes.reviewed import current, doubt, judge, reviewed_upload, walk
from tests.fakes.uploads import new_upload

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]


def card(page, question_id):
    return page.locator(f"#q-{question_id}")


def saved(page):
    page.locator(".toast.seen", has_text="Saved").wait_for()


def lit(page):
    return " ".join(page.locator(".transcript .lit").all_text_contents())


def test_an_answer_is_heard_corrected_and_reaches_score_and_marts(home, store_engine, recording, open_page, tmp_path):
    upload_id = recording(profile="general")
    doubt(store_engine, upload_id, "pain_level")
    page = open_page("/review")
    page.screenshot(path=tmp_path / "queue.png")
    page.locator(".conversation").click()
    page.wait_for_url("**/conversations/*")
    before = list_results(store_engine, upload_id)[2].overall_score
    card(page, "pain_level").locator(".value").click()
    assert lit(page) == "About a seven."
    page.wait_for_function("() => !audio.paused && audio.currentTime > 25")
    page.locator(".w.now").first.wait_for()
    card(page, "pain_level").get_by_role("button", name="Correct").click()
    page.get_by_label("Value").fill("4")
    page.get_by_role("button", name="Save").click()
    saved(page)
    assert card(page, "pain_level").locator("strong").text_content() == "4 out of 10"
    assert page.locator("#done-text").text_content() == "1 of 1"
    page.get_by_text("All that waited here is done").wait_for()
    page.screenshot(path=tmp_path / "conversation.png")
    page.locator(".score i", has_text="being updated").wait_for()
    assert drive(home).is_reported
    with store_engine.connect() as connection:
        mart = text("select value_number, provider, needs_review from marts.answers where question_id = 'pain_level'")
        assert tuple(connection.execute(mart).one()) == (4, "reviewer", False)
    page.locator(".score:not(:has(i))").wait_for()  # it came by itself
    after = list_results(store_engine, upload_id)[2].overall_score
    assert after > before
    assert page.locator(".score b").text_content() == f"{after:.0f}"


def test_a_reviewer_needs_no_mouse(store_engine, recording, open_page):
    upload_id = recording()
    for question_id in ("patient_age", "allergies", "pain_level"):
        doubt(store_engine, upload_id, question_id)
    page = open_page(f"/review/conversations/{upload_id}")
    press = page.keyboard.press
    assert "chosen" in card(page, "patient_age").get_attribute("class")
    press("c")
    saved(page)
    press("j")
    assert lit(page) == "no known allergies."
    press("Space")
    page.wait_for_function("() => !audio.paused && audio.currentTime > 15")
    press("Space")
    page.wait_for_function("() => audio.paused")
    press("m")
    page.keyboard.type("not asked, jc?")  # letters typed into a comment are no commands
    press("Escape")
    press("n")
    page.locator("#q-allergies.reviewed").wait_for()
    press("u")
    page.locator("#q-allergies .state.denied").wait_for()
    press("j")
    press("e")
    page.locator(".correction").wait_for()
    press("ControlOrMeta+a")
    page.keyboard.type("3")
    press("Enter")
    page.locator("#q-pain_level.reviewed").wait_for()
    press("?")
    page.locator("dialog[open]").wait_for()
    press("Escape")
    press("a")
    assert page.locator(".card:visible").count() == 12
    press("k")
    assert [current(store_engine, upload_id, name).state for name in ("patient_age", "allergies")] == [
        "answered",
        "denied",
    ]
    assert current(store_engine, upload_id, "pain_level").answer_value == 3
    with store_engine.connect() as connection:
        notes = connection.execute(text("select notes from answer_reviews where notes is not null")).scalars().all()
    assert notes == ["not asked, jc?"]


def test_axe_finds_nothing_to_complain_about(store_engine, recording, open_page, axe):
    upload_id = recording(profile="admission")
    doubt(store_engine, upload_id, "pain_level")
    doubt(store_engine, upload_id, "allergies", "conflict")
    judge(store_engine, current(store_engine, upload_id, "patient_age").id, notes="heard it twice")
    page = open_page("/review")
    assert not axe(page)
    page.locator(".conversation").click()
    page.wait_for_url("**/conversations/*")
    page.keyboard.press("a")
    for question_id in ("allergies", "vital_signs", "symptoms"):
        card(page, question_id).get_by_role("button", name="Correct").click()
        card(page, question_id).locator(".correction").wait_for()
    assert not axe(page)
    page.keyboard.press("Escape")
    page.locator("#help-button").click()
    assert not axe(page)


def test_a_typed_talk_has_no_player_and_is_judged_all_the_same_on_a_tablet(store_engine, open_page):
    upload_id = reviewed_upload(store_engine)
    doubt(store_engine, upload_id, "allergies")
    page = open_page(f"/review/conversations/{upload_id}", viewport={"width": 768, "height": 1024}, has_touch=True)
    assert page.locator("audio").count() == 0
    card(page, "allergies").tap()
    assert lit(page) == "no known allergies."
    page.locator("#q-allergies .confirm").tap()
    saved(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_marked_words_become_evidence(store_engine, recording, open_page):
    upload_id = recording()
    doubt(store_engine, upload_id, "chief_complaint")
    page = open_page(f"/review/conversations/{upload_id}")
    card(page, "chief_complaint").get_by_role("button", name="Correct").click()
    page.get_by_label("Value").fill("cough")
    page.evaluate(
        """() => {
          const words = [...document.querySelectorAll(".w")];
          const at = words.findIndex((word) => word.textContent === "cough");
          getSelection().setBaseAndExtent(words[at - 1].firstChild, 0, words[at].firstChild, 5);
        }"""
    )
    page.get_by_role("button", name="Add the words").click()
    page.get_by_role("button", name="Save").click()
    saved(page)
    row = current(store_engine, upload_id, "chief_complaint")
    assert (row.answer_value, row.evidence[-1]["quote"]) == ("cough", "a cough")


def test_what_cannot_be_saved_is_told_with_the_way_out(store_engine, recording, open_page):
    upload_id = recording()
    doubt(store_engine, upload_id, "pain_level")
    doubt(store_engine, upload_id, "patient_age")
    page = open_page(f"/review/conversations/{upload_id}")
    age, pain = card(page, "patient_age"), card(page, "pain_level")
    age.get_by_role("button", name="Correct").click()
    page.get_by_label("Value").fill("154")
    page.get_by_role("button", name="Save").click()
    age.get_by_role("button", name="It is meant").click()
    saved(page)
    assert age.get_by_text("outside its plausible range").count() == 1
    judge(store_engine, current(store_engine, upload_id, "pain_level").id, reviewer="somebody else")
    pain.locator(".confirm").click()
    page.get_by_role("button", name="Load again").click()
    page.locator("#q-pain_level.reviewed").wait_for()
    assert "somebody else" in pain.locator("summary").text_content()


def test_a_lost_connection_is_told_and_nothing_typed_is_lost(store_engine, recording, open_page):
    upload_id = recording()
    doubt(store_engine, upload_id, "pain_level")
    page = open_page(f"/review/conversations/{upload_id}")
    pain = card(page, "pain_level")
    pain.get_by_role("button", name="Correct").click()
    page.get_by_label("Value").fill("2")
    page.route("**/reviews", lambda route: route.abort())
    page.get_by_role("button", name="Save").click()
    pain.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    page.unroute("**/reviews")
    page.get_by_role("button", name="Save").click()
    saved(page)
    assert current(store_engine, upload_id, "pain_level").answer_value == 2


def test_a_conversation_at_work_is_followed_and_shown_when_it_is_done(home, store_engine, open_page, axe):
    upload_id = ArrivalLedger(store_engine).record_arrival(new_upload(sidecar=Sidecar(unit="4-west"))).upload_id
    page = open_page(f"/review/conversations/{upload_id}")
    page.get_by_text("(step 1 of 4)").wait_for()
    assert not axe(page)
    walk(store_engine)
    page.locator(".card").first.wait_for()
    assert page.locator(".score").count() == 1


def test_a_verdict_on_one_answer_leaves_the_others_as_they_are(store_engine, recording, open_page):
    upload_id = recording()
    doubt(store_engine, upload_id, "pain_level")
    doubt(store_engine, upload_id, "patient_age")
    page = open_page(f"/review/conversations/{upload_id}")
    card(page, "patient_age").locator(".confirm").click()
    saved(page)
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.get_by_label("Value").fill("2")
    walk(store_engine)
    page.locator(".score:not(:has(i))").wait_for()
    assert page.get_by_label("Value").input_value() == "2"
    assert page.locator("#done-text").text_content() == "1 of 2"


def test_answers_that_a_new_run_replaced_are_shown_by_themselves(store_engine, recording, open_page):
    upload_id = recording()
    with store_engine.begin() as connection:
        connection.execute(text("update conversation_uploads set restart_from = 'answers'"))
    page = open_page(f"/review/conversations/{upload_id}")
    page.locator(".score i").wait_for()
    walk(store_engine)
    page.locator(".score:not(:has(i))").wait_for()
    shown = card(page, "pain_level").get_attribute("data-answer")
    assert shown == str(current(store_engine, upload_id, "pain_level").id)
