"""What an answer looks like in FHIR: the item's type, its choices, units, codes and parts.

What lives here: `Shape`, `shape_question()`. Questionnaire, response and observations are all built from it, so that
they cannot disagree.
When to add here: an answer type of the catalogue.
What to keep out: values (`responses`), how a catalogue file is read (extraction).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nurseconv_dagster.extraction.questions import Question

Kind = Literal["text", "string", "boolean", "integer", "decimal", "quantity", "choice", "open-choice"]

_PLAIN: dict[str, Kind] = {
    "boolean": "boolean", "integer": "integer", "number": "decimal", "choice": "choice", "quantity": "quantity"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """One item of the questionnaire.

    Args:
        link_id: the question's id; of a part "question.part".
        name: the part's key in the answer's value; "" for a whole answer.
        text: as shown to people.
        kind: the item's type in FHIR.
        repeats: one answer for each element of a list.
        unit: the one unit of a number, "" where there is none or it stands beside the number.
        units: those to choose from.
        choices: allowed values.
        code: as the catalogue has it.
        parts: of a panel, a struct or the objects of a list: items below the answer's text.
    """

    link_id: str
    text: str
    kind: Kind
    name: str = ""
    repeats: bool = False
    unit: str = ""
    units: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    code: str = ""
    parts: tuple[Shape, ...] = ()


def shape_question(row: Any, question: Question | None) -> Shape:
    """The shape of one answer row.

    Args:
        row: of `question_answers`; gives id, text and type.
        question: from the catalogue that the row was asked from; null when that is no longer the one in force: then
            there are no parts, units, choices and codes, since those of another version may mean something else.
    """
    if question is None:
        kind = _PLAIN.get(row.value_type, "text")
        return Shape(row.question_id, row.question_text, kind, repeats=row.value_type == "list")
    schema = question.schema
    items = schema.get("items", schema)
    return Shape(
        link_id=question.id,
        text=row.question_text,
        kind=_kind(items, is_open=bool(schema.get("x-deniable"))),
        repeats=question.value_type == "list",
        unit=schema.get("x-unit", ""),
        units=tuple(schema.get("x-units", ())),
        choices=tuple(items.get("enum", ())),
        code=question.code,
        parts=() if question.value_type == "quantity" else _parts(question.id, items),
    )


def _parts(question_id: str, schema: Mapping[str, Any]) -> tuple[Shape, ...]:
    """A struct's words are the answer itself, and a unit belongs to its number."""
    return tuple(
        Shape(
            link_id=f"{question_id}.{name}",
            name=name,
            text=str(field.get("x-label", name.replace("_", " "))),
            kind=_kind(field),
            unit=field.get("x-unit", ""),
            units=tuple(field.get("x-units", ())),
            choices=tuple(field.get("enum", ())),
            code=field.get("x-code", ""),
        )
        for name, field in schema.get("properties", {}).items()
        if name != "said" and "x-unit-of" not in field
    )


def _kind(schema: Mapping[str, Any], *, is_open: bool = False) -> Kind:
    if "enum" in schema:
        return "open-choice" if is_open else "choice"  # "none" is not among the choices
    if schema["type"] == "number" or "x-units" in schema:
        return "quantity" if "x-unit" in schema or "x-units" in schema else "decimal"
    kinds: dict[str, Kind] = {"boolean": "boolean", "integer": "integer"}
    return kinds.get(schema["type"], "string" if "pattern" in schema else "text")
