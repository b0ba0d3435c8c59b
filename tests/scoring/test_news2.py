"""NEWS2: every boundary of the chart, and when there is a score at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.scoring.asked import Item
from nurseconv_dagster.scoring.news2 import BANDS, CONSCIOUSNESS, PLAUSIBLE, news2
from tests.scoring.made_up import answer, items, question

CALM: dict[str, Any] = {
    "rr": 16, "spo2": 97, "o2_device": "room air", "bp_sys": 120, "bp_dia": 80, "hr": 70, "temp": 37, "temp_unit": "C",
}  # fmt: skip


def stated(
    panel: dict[str, Any] | None = None, *, age: Any = 70, level: Any = "alert", **changes: Any
) -> dict[str, Item]:
    """An adult's vital signs; a change to None takes a reading away."""
    readings = {key: value for key, value in {**(panel or CALM), **changes}.items() if value is not None}
    pairs = [(question("vital_signs"), answer("vital_signs", value=readings))]
    if age is not None:
        pairs.append((question("patient_age"), answer("patient_age", value=age)))
    if level is not None:
        status = answer("mental_status_orientation", value={"said": "words", "level": level})
        pairs.append((question("mental_status_orientation"), status))
    return items(*pairs)


def score(**changes: Any) -> dict[str, Any]:
    found = news2(stated(**changes))
    assert found is not None
    return found


# Source: RCP, National Early Warning Score (NEWS) 2, 2017, chart 1: The NEWS scoring system. SpO2 by scale 1.
CHART = [
    *[("rr", reading, points) for reading, points in
      [(4, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (60, 3)]],
    *[("spo2", reading, points) for reading, points in
      [(50, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)]],
    *[("bp_sys", reading, points) for reading, points in
      [(81, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3), (260, 3)]],
    *[("hr", reading, points) for reading, points in
      [(20, 3), (40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2), (130, 2), (131, 3),
       (250, 3)]],
    *[("temp", reading, points) for reading, points in
      [(32, 3), (35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.0, 1), (39.1, 2), (42.5, 2)]],
    *[("o2_device", device, points) for device, points in
      [("room air", 0), ("nasal cannula", 2), ("mask", 2), ("ventilator", 2)]],
]  # fmt: skip


@pytest.mark.parametrize(("parameter", "reading", "points"), CHART)
def test_every_band_of_the_chart(parameter: str, reading: Any, points: int) -> None:
    found = score(**{parameter: reading})
    assert found["status"] == "complete"
    assert found["score"] == points


@pytest.mark.parametrize(
    ("level", "points"), [("alert", 0), ("confused", 3), ("voice", 3), ("pain", 3), ("unresponsive", 3)]
)
def test_anything_but_alert_scores_three(level: str, points: int) -> None:
    assert score(level=level)["score"] == points


def test_a_sick_patient_by_hand() -> None:
    """rr 22: 2, SpO2 93: 2, on oxygen: 2, systolic 105: 1, pulse 112: 2, alert: 0, 38.4 C: 1. Sum 10, high."""
    found = score(rr=22, spo2=93, o2_device="mask", bp_sys=105, hr=112, temp=38.4)
    assert (found["score"], found["band"], found["missing"]) == (10, "high", [])


@pytest.mark.parametrize(
    ("changes", "total", "band"),
    [
        ({}, 0, "low"),
        ({"hr": 95, "spo2": 93, "temp": 38.5}, 4, "low"),
        ({"rr": 25}, 3, "low_medium"),  # three in a single parameter
        ({"rr": 25, "hr": 95, "temp": 38.5}, 5, "medium"),
        ({"rr": 24, "spo2": 93, "hr": 112}, 6, "medium"),
        ({"rr": 25, "spo2": 93, "hr": 112}, 7, "high"),
    ],
)
def test_the_clinical_risk_bands(changes: dict[str, Any], total: int, band: str) -> None:
    found = score(**changes)
    assert (found["score"], found["band"]) == (total, band)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"rr": None}, ["rr"]),
        ({"o2_device": None}, ["oxygen"]),
        ({"level": None}, ["consciousness"]),
        ({"level": None, "spo2": None, "temp": None}, ["spo2", "consciousness", "temp"]),
        ({"level": "sleepy"}, ["consciousness"]),
    ],
)
def test_with_a_parameter_missing_there_is_no_score(changes: dict[str, Any], missing: list[str]) -> None:
    found = score(**changes)
    assert (found["status"], found["score"], found["band"], found["missing"]) == ("partial", None, None, missing)


def test_an_implausible_reading_is_missing_not_clamped() -> None:
    assert score(hr=400)["missing"] == ["hr"]
    assert score(temp=98.6, temp_unit=None)["missing"] == ["temp"]
    assert score(bp_sys=80, bp_dia=120)["missing"] == ["bp_sys"]


@pytest.mark.parametrize(
    ("fahrenheit", "points"),
    [(95.0, 3), (95.1, 1), (96.8, 1), (97.0, 0), (98.6, 0), (100.4, 0), (100.6, 1), (102.2, 1), (102.4, 2)],
)
def test_fahrenheit_is_read_on_the_celsius_chart(fahrenheit: float, points: int) -> None:
    """95.0 F = 35.0 C; 95.1 = 35.06, charted 35.1; 96.8 = 36.0; 97.0 = 36.1; 100.4 = 38.0; 102.2 = 39.0."""
    assert score(temp=fahrenheit, temp_unit="F")["score"] == points


@pytest.mark.parametrize(
    ("device", "flow", "points"),
    [(None, 2, 2), (None, 0, 0), ("nasal cannula", 2, 2), ("nasal cannula", None, 2), ("room air", 0, 0)],
)
def test_oxygen_is_known_by_device_or_flow(device: Any, flow: Any, points: int) -> None:
    assert score(o2_device=device, o2_flow=flow)["points"]["oxygen"] == points


def test_room_air_with_a_flow_says_nothing() -> None:
    assert score(o2_device="room air", o2_flow=2)["missing"] == ["oxygen"]


@pytest.mark.parametrize("age", [None, 15, 3, True, "seventy"])
def test_only_known_adults_have_a_score(age: Any) -> None:
    assert news2(stated(age=age)) is None


def test_sixteen_is_adult() -> None:
    assert news2(stated(age=16)) is not None


def test_without_a_stated_vital_sign_there_is_nothing() -> None:
    assert news2(stated({"glucose": 110})) is None
    assert news2(items((question("patient_age"), answer("patient_age", value=70)))) is None


def test_vital_signs_in_conflict_state_nothing() -> None:
    found = stated()
    conflict = answer("vital_signs", "conflicting", value=CALM)
    assert news2({**found, **items((question("vital_signs"), conflict))}) is None


def test_the_shipped_catalogue_speaks_of_the_same_parameters() -> None:
    by_id = {one.id: one for one in load_catalogue().profiles["admission"].questions}
    panel = by_id["vital_signs"].schema["properties"]
    assert {*BANDS, "bp_dia", "temp_unit", "o2_device", "o2_flow"} <= set(panel)
    assert set(panel["temp_unit"]["enum"]) == {"C", "F"}
    assert "room air" in panel["o2_device"]["enum"]
    assert set(by_id["mental_status_orientation"].schema["properties"]["level"]["enum"]) == set(CONSCIOUSNESS)
    assert {name: tuple(panel[name]["x-range"]) for name in PLAUSIBLE if name != "temp"} == {
        name: limits for name, limits in PLAUSIBLE.items() if name != "temp"
    }
    assert tuple(panel["temp"]["x-units"]["C"]) == PLAUSIBLE["temp"]


def test_the_result_is_plain_json() -> None:
    assert json.loads(json.dumps(score())) == score()
