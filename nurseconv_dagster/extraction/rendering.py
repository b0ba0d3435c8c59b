"""A typed value is written out for people: `answer_text`.

What lives here: `render()` for a value, `write_answer()` for an answer in any state.
When to add here: an answer type that plain rules do not write well.
What to keep out: translation, units that were not said, anything that judges (`values.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nurseconv_dagster.extraction.answers import Evidence, State
from nurseconv_dagster.extraction.numbers import canonical
from nurseconv_dagster.extraction.questions import Question

NONE_STATED = "none"  # an explicit negative: "no allergies"


def render(question: Question, value: Any) -> str:
    """The value as one line: list items joined by "; ", a panel as "BP 140/85 mmHg; HR 88 /min".

    Args:
        question: gives units and labels.
        value: a value that fits the question's type.
    """
    schema = question.schema
    if question.value_type == "list":
        return "; ".join(_item(item) for item in value) if value else NONE_STATED
    if question.value_type == "panel":
        return _panel(schema, value)
    if question.value_type == "struct":
        return str(value["said"])
    if question.value_type == "quantity":
        return f"{_plain(value['value'])} {value['unit']}"
    unit = schema.get("x-unit", "")
    return f"{_plain(value)} {unit}".strip() if question.value_type in ("integer", "number") else _plain(value)


def write_answer(question: Question, state: State, value: Any, evidence: Sequence[Evidence]) -> str | None:
    """From the value; "none" for a denial; the quotes side by side for a conflict or where no value could be typed."""
    if state == "denied":
        return NONE_STATED
    if state == "answered" and value is not None:
        return render(question, value)
    if state in ("answered", "conflicting"):
        return " / ".join(item.quote for item in evidence)
    return None


def _item(item: Any) -> str:
    """An object's parts in order: "metformin 500 mg by mouth twice a day", "penicillin (hives)"."""
    if not isinstance(item, Mapping):
        return _plain(item)
    parts = dict(item)
    reaction = parts.pop("reaction", None)
    text = " ".join(_plain(part) for part in parts.values())
    return f"{text} ({reaction})" if reaction else text


def _panel(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    """Measurements in the catalogue's order; a pair that belongs together ("below") is written as one."""
    pairs = {upper: lower for lower, upper in schema.get("x-below", {}).items() if lower in value and upper in value}
    lines = []
    for name, field in schema["properties"].items():
        if name not in value or name in pairs.values() or "x-unit-of" in field:
            continue
        number = _plain(value[name]) + (f"/{_plain(value[pairs[name]])}" if name in pairs else "")
        unit = field.get("x-unit") or value.get(f"{name}_unit", "")
        lines.append(f"{field.get('x-label', name)} {number} {unit}".strip())
    return "; ".join(lines)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return canonical(value) if isinstance(value, int | float) else str(value).replace("_", " ")
