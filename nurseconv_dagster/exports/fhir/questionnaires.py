"""The questions that were asked, as a Questionnaire.

What lives here: `build_questionnaire()`.
When to add here: something of the catalogue that a reader of answers needs.
What to keep out: answers. "Required" is left out too: it is what a conversation should hold, not what a response must.
"""

from __future__ import annotations

from collections.abc import Sequence

from nurseconv_dagster.exports.fhir.elements import OURS, Element, loinc, plain_text, unit_coding
from nurseconv_dagster.exports.fhir.shapes import Shape

_UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
_UNIT_OPTION = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption"


def questionnaire_url(profile: str | None) -> str:
    """The canonical address, the same for all conversations of a profile."""
    return f"{OURS}questionnaire:{profile or 'default'}"


def build_questionnaire(resource_id: str, profile: str | None, version: str, shapes: Sequence[Shape]) -> Element:
    """The questions in the order they were asked, under the version that stands on each answer."""
    return {
        "resourceType": "Questionnaire",
        "id": resource_id,
        "url": questionnaire_url(profile),
        "version": version,
        "title": f"Questions put to a nurse conversation, profile {profile or 'default'}",
        "status": "active",
        "subjectType": ["Patient"],
        "item": [_item(shape) for shape in shapes],
    }


def choice_coding(shape: Shape, choice: str) -> Element:
    """One of the catalogue's choices, in a code system of its own: nobody has mapped them to a terminology."""
    return {"system": f"{OURS}choice:{shape.link_id}", "code": " ".join(choice.split()), "display": choice}


def _item(shape: Shape) -> Element:
    item: Element = {"linkId": shape.link_id, "text": plain_text(shape.text), "type": shape.kind}
    if units := _units(shape):
        item["extension"] = units
    if coding := loinc(shape.code):
        item["code"] = coding
    if shape.repeats:
        item["repeats"] = True
    if shape.choices:
        item["answerOption"] = [{"valueCoding": choice_coding(shape, choice)} for choice in shape.choices]
    if shape.parts:
        item["item"] = [_item(part) for part in shape.parts]
    return item


def _units(shape: Shape) -> list[Element]:
    units = shape.units or ((shape.unit,) if shape.unit else ())
    url = _UNIT_OPTION if shape.kind == "quantity" else _UNIT
    return [{"url": url, "valueCoding": unit_coding(unit)} for unit in units]
