"""NEWS2, the early warning score, from vital signs as they were stated.

What lives here: `news2()` and the bands of the chart.
When to add here: SpO2 scale 2, once the catalogue asks whether a clinician prescribed it.
What to keep out: any advice. It is arithmetic on what was said, not a monitor and not a medical device.

Source of all bands: Royal College of Physicians, "National Early Warning Score (NEWS) 2", 2017, charts 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nurseconv_dagster.scoring.asked import Item

ADULT_AGE = 16
SPO2_SCALE = 1

# (highest reading of the band, points); the last band has no upper end.
Bands = tuple[tuple[float, int], ...]
_NO_END = math.inf
BANDS: dict[str, Bands] = {
    "rr": ((8, 3), (11, 1), (20, 0), (24, 2), (_NO_END, 3)),
    "spo2": ((91, 3), (93, 2), (95, 1), (_NO_END, 0)),
    "bp_sys": ((90, 3), (100, 2), (110, 1), (219, 0), (_NO_END, 3)),
    "hr": ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (_NO_END, 3)),
    "temp": ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (_NO_END, 2)),
}
# Readings outside are slips of speech or hearing, not measurements: the parameter counts as missing.
PLAUSIBLE: dict[str, tuple[float, float]] = {
    "rr": (4, 60),
    "spo2": (50, 100),
    "bp_sys": (50, 260),
    "hr": (20, 250),
    "temp": (32, 42.5),
}
# A confusion that is not known to be old counts as new.
CONSCIOUSNESS = {"alert": 0, "confused": 3, "voice": 3, "pain": 3, "unresponsive": 3}
PARAMETERS = ("rr", "spo2", "oxygen", "bp_sys", "hr", "consciousness", "temp")


def news2(items: Mapping[str, Item]) -> dict[str, Any] | None:
    """{"status", "score", "band", "missing", "points", "spo2_scale"}; null unless an adult's vital sign was stated.

    Complete needs all seven parameters; with one missing the status is partial and there is no score and no band.

    Args:
        items: Q by question id; `patient_age`, `vital_signs` and `mental_status_orientation` are read.
    """
    age, panel = _number(_stated(items, "patient_age")), _stated(items, "vital_signs")
    if age is None or age < ADULT_AGE or not isinstance(panel, Mapping):
        return None
    points = {
        **{name: _points(name, _reading(panel, name)) for name in BANDS},
        "oxygen": _oxygen_points(panel),
        "consciousness": _consciousness_points(_stated(items, "mental_status_orientation")),
    }
    if all(points[name] is None for name in PARAMETERS if name != "consciousness"):
        return None
    known = {name: value for name in PARAMETERS if (value := points[name]) is not None}
    missing = [name for name in PARAMETERS if name not in known]
    score = None if missing else sum(known.values())
    return {
        "status": "partial" if missing else "complete",
        "score": score,
        "band": None if score is None else _band(score, max(known.values())),
        "missing": missing,
        "points": known,
        "spo2_scale": SPO2_SCALE,
    }


def _band(score: int, highest: int) -> str:
    """Clinical risk. Source: the report's table of thresholds and triggers."""
    if score >= 7:
        return "high"
    if score >= 5:
        return "medium"
    return "low_medium" if highest == 3 else "low"


def _points(name: str, reading: float | None) -> int | None:
    low, high = PLAUSIBLE[name]
    if reading is None or not low <= reading <= high:
        return None
    charted = _round_half_up(reading, 1 if name == "temp" else 0)
    return next(points for highest, points in BANDS[name] if charted <= highest)


def _reading(panel: Mapping[str, Any], name: str) -> float | None:
    """The stated reading in the chart's unit; null when it was not stated, or contradicts its own partner."""
    reading = _number(panel.get(name))
    if reading is None:
        return None
    if name == "temp" and str(panel.get("temp_unit", "C")).upper().startswith("F"):
        return (reading - 32) * 5 / 9
    diastolic = _number(panel.get("bp_dia")) if name == "bp_sys" else None
    return None if diastolic is not None and diastolic >= reading else reading


def _oxygen_points(panel: Mapping[str, Any]) -> int | None:
    """2 on oxygen, 0 on air; null when nothing was said, or both."""
    device, flow = panel.get("o2_device"), _number(panel.get("o2_flow"))
    on_oxygen = {device != "room air"} if device else set()
    if flow is not None:
        on_oxygen.add(flow > 0)
    return (2 if on_oxygen == {True} else 0) if len(on_oxygen) == 1 else None


def _consciousness_points(status: Any) -> int | None:
    return CONSCIOUSNESS.get(str(status.get("level"))) if isinstance(status, Mapping) else None


def _stated(items: Mapping[str, Item], name: str) -> Any:
    """The question's value; null unless answered. A conflict states nothing."""
    item = items.get(name)
    return item.answer.answer_value if item is not None and item.answer and item.state == "answered" else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _round_half_up(reading: float, digits: int) -> float:
    """To the chart's resolution; 38.05 is 38.1, and the float noise of a conversion does not lift a reading."""
    scale = 10.0**digits
    return math.floor(round(reading * scale, 6) + 0.5) / scale
