"""The small parts that every resource is made of: texts, times, numbers with units, references, extensions.

What lives here: functions that give one element each, the addresses of code systems, and `Links`.
When to add here: an element that a second resource needs; a unit whose UCUM code somebody has looked up.
What to keep out: resources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

Element = dict[str, Any]

OURS = "urn:nurseconv:fhir:"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

# The catalogue's units in UCUM. Left out, since they are no units of UCUM or mean more than one: "units" (of insulin or
# heparin), "falls", "tablets". Source: The Unified Code for Units of Measure, tables of units.
UCUM_CODES = {
    "mmHg": "mm[Hg]", "/min": "/min", "C": "Cel", "F": "[degF]", "%": "%", "L/min": "L/min", "mg/dL": "mg/dL",
    "mmol/L": "mmol/L", "cm": "cm", "in": "[in_i]", "kg": "kg", "lb": "[lb_av]", "mL": "mL", "years": "a",
    "out of 10": "{score}", "points": "{score}",
}  # fmt: skip

# LOINC: up to seven digits and a check digit. Source: LOINC Users' Guide, "LOINC code".
_LOINC_FORM = re.compile(r"\d{1,7}-\d")
# FHIR strings hold no control characters but tab, carriage return and line feed. Source: FHIR R4B, datatype "string".
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Links:
    """References to the resources that others point to; ids follow from the upload and the run.

    Args:
        upload_id: namespace of all ids.
        encounter: null when the sender named none.
    """

    upload_id: UUID
    patient: Element
    encounter: Element | None
    document: Element
    questionnaire: Element
    response: Element

    def about(self) -> Element:
        """Whom and which visit a resource is about."""
        return {"subject": self.patient} | ({"encounter": self.encounter} if self.encounter else {})


def resource_id(upload_id: UUID, *path: object) -> str:
    """The same id for the same upload, run and thing, on every machine."""
    return str(uuid5(upload_id, "/".join(str(step) for step in path)))


def reference(resource_id: str) -> Element:
    """A reference to a resource of the same bundle."""
    return {"reference": f"urn:uuid:{resource_id}"}


def target_id(reference: Element) -> str:
    """The id of the resource that a reference leads to."""
    return str(reference["reference"]).removeprefix("urn:uuid:")


def extension(name: str, **value: Any) -> Element:
    """One of our own extensions, listed in docs/exports.md."""
    return {"url": f"{OURS}{name}", **value}


def absent(reason: str) -> Element:
    """FHIR's own extension that says why there is no value."""
    return {"url": ABSENT, "valueCode": reason}


def instant(moment: datetime) -> str:
    """A time of the store as FHIR writes it, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain_text(text: str) -> str:
    """The text with a space for each character that a FHIR string cannot hold: offsets still fit."""
    return _CONTROL.sub(" ", text)


def quantity(number: float, unit: str) -> Element:
    """A number with its unit, as said and in UCUM where that is sure."""
    return {"value": number, **({"unit": unit} if unit else {}), **_ucum(unit)}


def unit_coding(unit: str) -> Element:
    """The unit alone."""
    return {**_ucum(unit), "display": unit}


def _ucum(unit: str) -> Element:
    return {"system": UCUM, "code": UCUM_CODES[unit]} if unit in UCUM_CODES else {}


def loinc(code: str) -> list[Element]:
    """The code as a coding; empty where the catalogue has none, or one of another system (OASIS)."""
    return [{"system": LOINC, "code": code}] if _LOINC_FORM.fullmatch(code) else []


def concept(text: str, coding: list[Element] | None = None) -> Element:
    """A codeable concept; the text is always there."""
    return ({"coding": coding} if coding else {}) | {"text": text}
