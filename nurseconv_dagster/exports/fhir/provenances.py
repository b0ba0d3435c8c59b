"""Who said so and how it is known: models as Devices, and a Provenance with evidence for each answer.

What lives here: `Devices`, `build_transcript_provenance()`, `build_answer_provenance()`.
When to add here: something that makes an answer traceable.
What to keep out: the answer itself (`responses`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nurseconv_dagster.exports.fhir.elements import (
    Element,
    Links,
    concept,
    extension,
    instant,
    plain_text,
    reference,
    resource_id,
)

# Source: FHIR R4B, code system provenance-participant-type.
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_TARGET_ELEMENT = "http://hl7.org/fhir/StructureDefinition/targetElement"


class Devices:
    """The programs that took part, each once, in the order they are asked for."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.resources: dict[str, Element] = {}

    def transcriber(self, transcription: Any) -> Element:
        """A reference to what turned speech into text."""
        return self._device("speech recognition", transcription.model_name, transcription.model_revision)

    def reader(self, row: Any) -> Element:
        """A reference to what read the answer: its version is the hash of all that it was asked with."""
        name = f"{row.provider}: {row.model_name}" if row.model_name else row.provider
        return self._device("reading of answers", name, row.prompt_sha256)

    def _device(self, task: str, name: str, version: str) -> Element:
        id_ = resource_id(self._links.upload_id, "Device", task, name, version)
        self.resources[id_] = {
            "resourceType": "Device",
            "id": id_,
            "deviceName": [{"name": name, "type": "model-name"}],
            "type": concept(f"software: {task}"),
            **({"version": [{"value": version}]} if version else {}),
        }
        return reference(id_)


def build_transcript_provenance(links: Links, devices: Devices, transcription: Any) -> Element:
    """Which model wrote the transcript."""
    return {
        "resourceType": "Provenance",
        "id": resource_id(links.upload_id, "Provenance", "transcript", transcription.run_no),
        "target": [links.document],
        "recorded": instant(transcription.created_at),
        "agent": [_agent("assembler", devices.transcriber(transcription))],
    }


def build_answer_provenance(
    links: Links, devices: Devices, row: Any, review: Any, observations: Sequence[Element]
) -> Element:
    """Who answered, from which catalogue, on what evidence, and which reviewer stands behind it.

    Args:
        links: to what was read.
        devices: takes in the model.
        row: of `question_answers`.
        review: the newest row of `answer_reviews` of the question; null when nobody looked.
        observations: those made of this answer.
    """
    item = {"url": _TARGET_ELEMENT, "valueUri": row.question_id}
    catalogue = links.questionnaire | {"display": f"catalogue {row.catalogue_version}"}
    evidence = [_evidence(proof) for proof in row.evidence]
    return {
        "resourceType": "Provenance",
        "id": resource_id(links.upload_id, "Provenance", row.question_id, row.run_no),
        "target": [links.response | {"extension": [item]}, *(reference(each["id"]) for each in observations)],
        "recorded": instant(row.created_at),
        "agent": _agents(devices, row, review),
        "entity": [
            {**({"extension": evidence} if evidence else {}), "role": "source", "what": links.document},
            {"role": "source", "what": catalogue},
        ],
    }


def _agents(devices: Devices, row: Any, review: Any) -> list[Element]:
    if row.provider == "reviewer":
        return [_agent("author", {"display": review.reviewer if review is not None else "reviewer"})]
    agents = [_agent("assembler", devices.reader(row))]
    if review is not None and review.question_answer_id == row.id and review.verdict == "confirmed":
        agents.append(_agent("verifier", {"display": review.reviewer}))
    return agents


def _agent(kind: str, who: Element) -> Element:
    return {"type": concept(kind, [{"system": _PARTICIPANT, "code": kind}]), "who": who}


def _evidence(proof: dict[str, Any]) -> Element:
    """A quote, and where it stands: code points of the transcript, seconds of the recording."""
    parts: list[tuple[str, str, Any]] = [
        ("quote", "valueString", plain_text(proof["quote"])),
        ("grade", "valueCode", proof["grade"]),
        ("start-char", "valueInteger", proof["start_char"]),
        ("end-char", "valueInteger", proof["end_char"]),
        ("start-s", "valueDecimal", proof["start_s"]),
        ("end-s", "valueDecimal", proof["end_s"]),
        ("role", "valueCode", proof["role"]),
    ]
    return extension(
        "evidence", extension=[{"url": name, kind: value} for name, kind, value in parts if value is not None]
    )
