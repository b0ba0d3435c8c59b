"""Laws of alerts, panels and runbooks: they read what is there, agree with each other, and leave no measure out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.architecture.test_project import headings
from tests.monitoring.conftest import GRAFANA, PANELS, ROOT, RULES, names_in

RUNBOOKS = ROOT / "docs" / "operations" / "runbooks.md"
MONITORING = ROOT / "docs" / "operations" / "monitoring.md"
MEASURES = {"tasks", "api", "database", "uploads", "ai"}
SEVERITIES = {"warning", "critical"}


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])


def threshold_of(expression: str) -> tuple[str, float]:
    """The comparison that an alert is about, and its number."""
    found = re.findall(r"([<>=]+)\s*([\d.]+)", expression.partition(" or ")[0])
    return found[-1][0], float(found[-1][1])


def test_every_expression_reads_only_what_a_scrape_really_has(exported: set[str]) -> None:
    known = exported | {"up"}
    unknown = {(where, name) for where, text in expressions() for name in names_in(text) - known}
    assert unknown == set()
    assert len({name for _, text in expressions() for name in names_in(text)}) > 15


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_where_its_page_is(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].strip().endswith(".")
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / page == RUNBOOKS
    assert anchor in headings(RUNBOOKS)


def test_every_runbook_has_the_same_four_parts_and_belongs_to_an_alert() -> None:
    text = RUNBOOKS.read_text(encoding="utf-8")
    pages = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert len(pages) == len(RULES)
    named = [rule["alert"] for rule in RULES if f"`{rule['alert']}`" in text]
    assert named == [rule["alert"] for rule in RULES]
    parts = ("**For the ward.**", "**Look at.**", "**Do.**", "**Escalate**")
    assert {title: [part for part in parts if part not in page] for title, page in pages.items()} == {
        title: [] for title in pages
    }


def test_every_measure_has_an_alert_and_a_panel() -> None:
    with_alert = {rule["group"].removeprefix("nurseconv-") for rule in RULES}
    shown = {link["title"] for panel in PANELS for link in panel.get("links", ())}
    with_panel = {rule["group"].removeprefix("nurseconv-") for rule in RULES if rule["alert"] in shown}
    assert with_alert & with_panel >= MEASURES


def test_every_alert_has_a_panel_with_its_threshold_and_its_page() -> None:
    panels = {link["title"]: (panel, link["url"]) for panel in PANELS for link in panel.get("links", ())}
    for rule in RULES:
        panel, url = panels.pop(rule["alert"])
        assert url == rule["annotations"]["runbook_url"]
        comparison, limit = threshold_of(rule["expr"])
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["value"] for step in steps] == [None, limit], rule["alert"]
        assert steps[0]["color"] == ("red" if comparison == "<" else "green"), rule["alert"]
    assert panels == {}


def test_the_operators_page_names_every_alert_and_every_metric_in_them() -> None:
    page = MONITORING.read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in page] == []
    wanted = {re.sub(r"_(bucket|sum|count)$", "", name) for rule in RULES for name in names_in(rule["expr"])} - {"up"}
    assert sorted(name for name in wanted if f"`{name}`" not in page) == []


def test_the_dashboard_asks_the_source_that_is_provisioned() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"] for source in sources}


def test_panels_lie_side_by_side_and_have_ids_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        taken |= cells
