"""The form of a correction, made from the JSON schema of the question.

What lives here: `Field` and `field_of()`: which inputs a value of this type needs, filled with what stands there.
When to add here: an answer type, or a key of the schema that people should see.
What to keep out: judging what was typed (`extraction.reviewing`), reading the inputs back (`static/forms.js`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from nurseconv_dagster.api.review.labels import plain
from nurseconv_dagster.extraction.questions import Question

Kind = Literal["text", "short", "number", "boolean", "choice", "several", "lines", "object", "rows"]


@dataclass(frozen=True, slots=True)
class Field:
    """One input, or a group of inputs.

    Args:
        name: of the property it fills; "" for the whole value.
        kind: text (several lines), short, number, boolean, choice (one of), several (some of), lines (one item a
            line), object (inputs of `parts`), rows (any number of such objects).
        label: for people.
        value: what stands there; null for nothing.
        choices: allowed values, as they are stored.
        unit: shown behind a number.
        hint: what is usual.
        is_whole: whole numbers only.
        parts: the inputs of an object or of one row.
    """

    name: str
    kind: Kind
    label: str
    value: Any = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    hint: str = ""
    is_whole: bool = False
    parts: tuple[Field, ...] = ()

    def filled(self, value: Any) -> tuple[Field, ...]:
        """The parts with what stands in one object.

        Args:
            value: an object of this shape, or null for an empty row.
        """
        known = value if isinstance(value, dict) else {}
        return tuple(replace(part, value=known.get(part.name)) for part in self.parts)


def field_of(question: Question, value: Any) -> Field:
    """The form of the question's value.

    Args:
        question: whose schema says what is allowed.
        value: what stands there, of any shape; null for an empty form.
    """
    return _field("", question.text, question.schema, value)


def _field(name: str, label: str, schema: dict[str, Any], value: Any) -> Field:
    if "enum" in schema:
        return Field(name, "choice", label, value, tuple(map(str, schema["enum"])))
    kind = schema.get("type")
    if kind == "array":
        return _list(name, label, schema, value)
    if kind == "object":
        return Field(name, "object", label, value, parts=_parts(schema, value))
    if kind in ("integer", "number"):
        unit = schema.get("x-unit", "")
        return Field(name, "number", label, value, (), unit, _usual(schema), is_whole=kind == "integer")
    if kind == "boolean":
        return Field(name, "boolean", label, value)
    return Field(name, "short" if name and name != "said" else "text", label, value, hint=_pattern(schema))


def _list(name: str, label: str, schema: dict[str, Any], value: Any) -> Field:
    items = schema["items"]
    if "enum" in items:
        return Field(name, "several", label, value or [], tuple(items["enum"]))
    if items["type"] == "object":
        return Field(name, "rows", label, value or [], parts=_parts(items, None))
    return Field(name, "lines", label, value or [])


def _parts(schema: dict[str, Any], value: Any) -> tuple[Field, ...]:
    known = value if isinstance(value, dict) else {}
    return tuple(_field(name, _label(name, part), part, known.get(name)) for name, part in schema["properties"].items())


def _label(name: str, schema: dict[str, Any]) -> str:
    """The catalogue's own short label, but a name of its own where two fields share one (BP)."""
    if name == "said":
        return "In their words"
    if "x-unit-of" in schema:
        return f"{plain(schema['x-unit-of'])}: unit"
    words = schema.get("x-words") or []
    return plain(words[0] if words and "x-label" in schema else name)


def _usual(schema: dict[str, Any]) -> str:
    limits = schema.get("x-range")
    return f"usually {limits[0]:g} to {limits[1]:g}" if limits else ""


def _pattern(schema: dict[str, Any]) -> str:
    return "digits only" if "pattern" in schema else ""
