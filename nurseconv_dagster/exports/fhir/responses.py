"""The answers, as a QuestionnaireResponse: typed where they have a value, with the reason where they have none.

What lives here: `build_response()`, and `typed_value()`, the one place where a value of the store becomes one of FHIR.
When to add here: an answer type of the catalogue, or something that a reader must know of an answer.
What to keep out: evidence and who said so (`provenances`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from nurseconv_dagster.exports.fhir.elements import (
    Element,
    Links,
    absent,
    extension,
    instant,
    plain_text,
    quantity,
    target_id,
)
from nurseconv_dagster.exports.fhir.questionnaires import choice_coding
from nurseconv_dagster.exports.fhir.shapes import Shape
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.rendering import NONE_STATED, render

# Source: FHIR R4B, code system data-absent-reason. Our state, which is finer, stands beside it.
ABSENT_REASONS = {
    "not_asked": "not-asked",
    "asked_no_answer": "asked-unknown",
    "declined": "asked-declined",
    "unable": "asked-unknown",
    "conflicting": "unknown",
    "not_applicable": "not-applicable",
}
# Source: FHIR R4B, datatype "integer": signed, 32 bits.
_INTEGERS = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer row with the question it answers.

    Args:
        row: of `question_answers`.
        question: null when the catalogue in force is not the one that was asked.
        shape: of its item.
    """

    row: Any
    question: Question | None
    shape: Shape


def build_response(links: Links, canonical: str, asked: Sequence[Asked]) -> Element:
    """Every question that was asked, in order, each with its state; "amended" once a reviewer has answered one."""
    is_amended = any(each.row.provider == "reviewer" for each in asked)
    return {
        "resourceType": "QuestionnaireResponse",
        "id": target_id(links.response),
        "questionnaire": canonical,
        "status": "amended" if is_amended else "completed",
        **links.about(),
        "authored": instant(max(each.row.created_at for each in asked)),
        "item": [_item(each) for each in asked],
    }


def typed_value(shape: Shape, value: Any, unit: str = "") -> Element:
    """The value as `value[x]`; empty when FHIR cannot carry it: another type, no finite number, beyond 32 bits.

    Args:
        shape: whose kind decides.
        value: of the store; of a quantity the number.
        unit: of a quantity.
    """
    if isinstance(value, bool):
        return {"valueBoolean": value} if shape.kind == "boolean" else {}
    if isinstance(value, int | float):
        return _number(shape, value, unit)
    if not isinstance(value, str) or not value.strip():
        return {}
    if shape.kind in ("choice", "open-choice"):
        return {"valueCoding": choice_coding(shape, plain_text(value))}
    return {"valueString": plain_text(value)} if shape.kind in ("text", "string") else {}


def _number(shape: Shape, value: float, unit: str) -> Element:
    if not isfinite(value):
        return {}
    if shape.kind == "integer":
        return {"valueInteger": int(value)} if value == int(value) and int(value) in _INTEGERS else {}
    if shape.kind == "quantity":
        return {"valueQuantity": quantity(value, unit or shape.unit)}
    return {"valueDecimal": value} if shape.kind == "decimal" else {}


def part_value(part: Shape, value: Mapping[str, Any]) -> Element:
    """One part of a panel, a struct or a list's object as `value[x]`; empty when it was not said."""
    return typed_value(part, value.get(part.name), str(value.get(f"{part.name}_unit", "")))


def _item(each: Asked) -> Element:
    row = each.row
    answers = _answers(each)
    return {
        "id": row.question_id,
        "linkId": row.question_id,
        "text": plain_text(row.question_text),
        "extension": [*_standing(row), *([] if answers else _reason(row))],
        **({"answer": answers} if answers else {}),
    }


def _standing(row: Any) -> list[Element]:
    """What a reader has to know before believing the answer."""
    found = [extension("state", valueCode=row.state), extension("needs-review", valueBoolean=row.needs_review)]
    if row.confidence_score is not None:
        found.append(extension("confidence", valueDecimal=row.confidence_score))
    if not row.is_valid:
        found.append(extension("implausible", valueBoolean=True))
    return found


def _reason(row: Any) -> list[Element]:
    """Why there is no answer; where words were found that no type takes, the words."""
    reason = ABSENT_REASONS.get(row.state, "as-text" if row.answer_text else "unknown")
    said = plain_text(row.answer_text or "").strip()
    return [absent(reason), *([extension("said", valueString=said)] if said else [])]


def _answers(each: Asked) -> list[Element]:
    row, shape = each.row, each.shape
    if row.state == "denied":  # an explicit "none" is an answer: an empty list would read as "nobody asked"
        return [{"valueString": plain_text(row.answer_text or NONE_STATED)}] if _takes_text(shape) else []
    if row.state != "answered":
        return []
    if row.answer_value is None:
        return [{"valueString": plain_text(row.answer_text)}] if row.answer_text and _takes_text(shape) else []
    values = row.answer_value if shape.repeats and isinstance(row.answer_value, list) else [row.answer_value]
    return [answer for value in values if (answer := _answer(each, value))]


def _takes_text(shape: Shape) -> bool:
    return shape.kind in ("text", "string", "open-choice")


def _answer(each: Asked, value: Any) -> Element:
    """One answer, its parts as items below it."""
    shape = each.shape
    if shape.kind == "quantity" and isinstance(value, Mapping):
        return typed_value(shape, value.get("value"), str(value.get("unit", "")))
    if not isinstance(value, Mapping):
        return typed_value(shape, value)
    answer = typed_value(shape, _say(each, value))
    parts = [
        {"linkId": part.link_id, "text": part.text, "answer": [typed]}
        for part in shape.parts
        if (typed := part_value(part, value))
    ]
    return {**answer, "item": parts} if answer and parts else answer


def _say(each: Asked, value: Mapping[str, Any]) -> str:
    """The whole of an answer with parts, in words; the parts in the catalogue's order, which Postgres does not keep."""
    if each.question is not None and each.shape.repeats:
        names = each.question.schema["items"].get("properties", value)
        return render(each.question, [{name: value[name] for name in names if name in value}])
    return each.row.answer_text or ""
