"""The login in a real browser: where it leads, what a wrong key is told, and the way out."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]


def test_a_wrong_key_is_told_and_the_right_one_leads_on_without_a_mouse(new_page, new_key, axe, address):
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto("/")
    assert not axe(page)
    page.keyboard.type("nc_wrong")  # the field has the focus
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("unknown").wait_for()
    assert not axe(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.type(new_key("review", "read"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/review")


def test_every_page_has_the_way_to_the_others_and_out(open_page, address):
    page = open_page("/upload", ("review", "upload", "read"))
    assert page.locator("nav [aria-current]").text_content() == "Upload"
    page.get_by_role("link", name="Review").click()
    page.wait_for_url(f"{address}/review")
    assert page.locator("nav a").all_text_contents() == ["Review", "Upload", "API docs"]
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Your key").wait_for()
    assert page.locator("nav").count() == 0
    page.goto("/upload")
    page.wait_for_url(f"{address}/login?next=/upload")
