"""The JSON schema of an answer, made from a question's entry in the catalogue.

What lives here: `build_schema()` and `find_misfit()`, which tells when an entry's keys do not fit its type.
When to add here: an answer type, or a key that shapes answers.
What to keep out: checking a value against the schema (`values.py`), reading one from words (`reading.py`).

Besides the standard keywords a schema carries: `x-unit`, `x-range` (plausible, not enforced by validation), `x-units`
(ranges by unit), `x-words`, `x-choices` (words of each value), `x-zero`, `x-label`, `x-code`, `x-split`,
`x-deniable`, `x-read-as`, `x-below`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Which shaping keys a type takes. Source: the header of catalogue.yaml.
_KEYS_OF_TYPE: dict[str, frozenset[str]] = {
    "text": frozenset({"deniable"}),
    "list": frozenset({"split", "choices", "fields", "deniable", "read_as"}),
    "integer": frozenset({"unit", "range", "zero"}),
    "number": frozenset({"unit", "range", "zero"}),
    "boolean": frozenset(),
    "choice": frozenset({"choices"}),
    "quantity": frozenset({"units"}),
    "panel": frozenset({"fields", "below"}),
    "struct": frozenset({"fields"}),
}
_SHAPING = frozenset().union(*_KEYS_OF_TYPE.values())
_NEEDED = {"choice": "choices", "quantity": "units", "panel": "fields", "struct": "fields"}

Misfit = tuple[tuple[str, ...], str]


def build_schema(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of `answer_value` for a checked catalogue entry."""
    schema = _shape(entry)
    for key in ("unit", "range", "units", "zero", "split", "deniable", "read_as", "below"):
        if key in entry:
            schema[f"x-{key.replace('_', '-')}"] = _plain(entry[key])
    if "choices" in entry:
        schema["x-choices"] = _plain(entry["choices"])
    return schema


def find_misfit(entry: Mapping[str, Any]) -> Misfit | None:
    """Where and why an entry's keys do not fit its type or its ranges make no sense; null when all is well."""
    return _find_strange_key(entry) or _find_reversed_range(entry) or _find_bad_field(entry)


def _find_strange_key(entry: Mapping[str, Any]) -> Misfit | None:
    kind = entry["type"]
    for key in entry:
        if key in _SHAPING and key not in _KEYS_OF_TYPE[kind]:
            return (key,), f"the key '{key}' does not belong to the type '{kind}'"
    if kind in _NEEDED and _NEEDED[kind] not in entry:
        return ("type",), f"the type '{kind}' needs the key '{_NEEDED[kind]}'"
    return None


def _find_bad_field(entry: Mapping[str, Any]) -> Misfit | None:
    fields: Mapping[str, Any] = entry.get("fields", {})
    for name, field in fields.items():
        if field["type"] == "choice" and "choices" not in field:
            return ("fields", name), f"the field '{name}' of type 'choice' needs the key 'choices'"
        if (misfit := _find_reversed_range(field)) is not None:
            return ("fields", name, *misfit[0]), misfit[1]
    for lower, upper in entry.get("below", {}).items():
        if lower not in fields or upper not in fields:
            return ("below", lower), f"'below' names '{lower}' and '{upper}', which must both be fields"
    return None


def _find_reversed_range(entry: Mapping[str, Any]) -> Misfit | None:
    ranges: list[tuple[tuple[str, ...], Any]] = [(("range",), entry["range"])] if "range" in entry else []
    ranges += [(("units", unit), limits) for unit, limits in entry.get("units", {}).items()]
    for path, (low, high) in ranges:
        if low >= high:
            return path, f"the range [{low}, {high}] is empty; write [low, high]"
    return None


def _shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    return _SHAPES[entry["type"]](entry)


def _choice_shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"enum": list(entry["choices"])}


def _list_shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "choices" in entry:
        items: dict[str, Any] = {"enum": list(entry["choices"])}
    elif "fields" in entry:
        items = _object(_properties(entry["fields"]), required=[next(iter(entry["fields"]))])
    else:
        items = {"type": "string", "minLength": 1}
    return {"type": "array", "items": items}


def _quantity_shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    return _object({"value": {"type": "number"}, "unit": {"enum": list(entry["units"])}}, required=["value", "unit"])


def _panel_shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    return _object(_properties(entry["fields"]), required=[]) | {"minProperties": 1}


def _struct_shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    said = {"type": "string", "minLength": 1}
    return _object({"said": said, **_properties(entry["fields"])}, required=["said"])


def _properties(fields: Mapping[str, Any]) -> dict[str, Any]:
    """One property per field; a field with several units gets a second one, `<name>_unit`."""
    properties: dict[str, Any] = {}
    for name, field in fields.items():
        property_ = _shape(field)
        for key in ("unit", "range", "units", "words", "label", "choices", "code"):
            if key in field:
                property_[f"x-{key}"] = _plain(field[key])
        properties[name] = property_
        if "units" in field:
            properties[f"{name}_unit"] = {"enum": list(field["units"]), "x-unit-of": name}
    return properties


def _object(properties: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _plain(value: Any) -> Any:
    """Ordinary containers instead of those that remember lines, so that a schema can be stored and compared."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


_SHAPES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "text": lambda _: {"type": "string", "minLength": 1},
    "integer": lambda _: {"type": "integer"},
    "number": lambda _: {"type": "number"},
    "boolean": lambda _: {"type": "boolean"},
    "phone": lambda _: {"type": "string", "pattern": r"^\d{7,15}$"},
    "choice": _choice_shape,
    "list": _list_shape,
    "quantity": _quantity_shape,
    "panel": _panel_shape,
    "struct": _struct_shape,
}
