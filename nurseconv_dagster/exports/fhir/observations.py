"""Measurements, as Observations: numbers whose code somebody has checked, said by somebody we believe.

What lives here: `build_observations()`.
When to add here: what else must be true of an answer before it may stand beside measured values.
What to keep out: answers without a code; they stay in the QuestionnaireResponse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from nurseconv_dagster.exports.fhir.elements import (
    Element,
    Links,
    concept,
    extension,
    instant,
    loinc,
    quantity,
    resource_id,
)
from nurseconv_dagster.exports.fhir.responses import Asked, part_value, typed_value
from nurseconv_dagster.exports.fhir.shapes import Shape


def build_observations(links: Links, asked: Sequence[Asked], arrived_at: datetime) -> list[tuple[str, Element]]:
    """Pairs of question id and Observation: one for each coded number of an answer that is valid and confident.

    Args:
        links: to what they are about and derived from.
        asked: all answers.
        arrived_at: of the upload. When it was measured is not known, so this is the time they bear, marked as such.
    """
    found = []
    for each in asked:
        if not _is_believed(each.row):
            continue
        for shape, measured in _coded_numbers(each):
            found.append((each.row.question_id, _observation(links, each, shape, measured, arrived_at)))
    return found


def _is_believed(row: Any) -> bool:
    return bool(row.state == "answered" and row.is_valid and (row.is_confident or row.provider == "reviewer"))


def _coded_numbers(each: Asked) -> Iterator[tuple[Shape, Element]]:
    """Shapes with a code and their quantities. Of a list no item is measured alone."""
    shape, value = each.shape, each.row.answer_value
    if shape.repeats:
        return
    whole = value.get("value") if isinstance(value, Mapping) and shape.kind == "quantity" else value
    unit = str(value.get("unit", "")) if isinstance(value, Mapping) else ""
    typed = [(shape, typed_value(shape, whole, unit))]
    if isinstance(value, Mapping):
        typed += [(part, part_value(part, value)) for part in shape.parts]
    for coded, element in typed:
        number = _as_quantity(coded, element)
        if number and loinc(coded.code):
            yield coded, number


def _as_quantity(shape: Shape, typed: Element) -> Element | None:
    if "valueQuantity" in typed:
        quantity_: Element = typed["valueQuantity"]
        return quantity_
    number = typed.get("valueInteger", typed.get("valueDecimal"))
    return None if number is None else quantity(number, shape.unit)


def _observation(links: Links, each: Asked, shape: Shape, measured: Element, arrived_at: datetime) -> Element:
    """Preliminary until a reviewer has said so: a program read it from speech."""
    return {
        "resourceType": "Observation",
        "id": resource_id(links.upload_id, "Observation", shape.link_id, each.row.run_no),
        "status": "final" if each.row.provider == "reviewer" else "preliminary",
        "code": concept(shape.text, loinc(shape.code)),
        **links.about(),
        "effectiveDateTime": instant(arrived_at),
        "_effectiveDateTime": {"extension": [extension("time-basis", valueCode="arrival")]},
        "issued": instant(each.row.created_at),
        "valueQuantity": measured,
        "derivedFrom": [links.response, links.document],
    }
