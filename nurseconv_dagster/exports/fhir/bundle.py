"""One conversation as a FHIR R4B bundle: what was asked, answered, measured, from what, and by whom.

What lives here: `build_bundle()`.
When to add here: a resource.
What to keep out: what is in a resource (the other modules of this package), and sending it anywhere.

Source: HL7 FHIR R4B (4.3.0), https://hl7.org/fhir/R4B/.
"""

from __future__ import annotations

from typing import Any

from nurseconv_dagster.exports.fhir import documents, provenances
from nurseconv_dagster.exports.fhir.elements import (
    Element,
    Links,
    instant,
    reference,
    resource_id,
    target_id,
)
from nurseconv_dagster.exports.fhir.observations import build_observations
from nurseconv_dagster.exports.fhir.questionnaires import build_questionnaire, questionnaire_url
from nurseconv_dagster.exports.fhir.responses import Asked, build_response
from nurseconv_dagster.exports.fhir.shapes import shape_question
from nurseconv_dagster.extraction.questions import Catalogue, Question
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.conversations import Conversation

NOBODY = "none"  # the provider of an answer that nobody claimed


def build_bundle(conversation: Conversation, catalogue: Catalogue, *, include_transcript: bool = False) -> Element:
    """A bundle of type collection; the same run gives the same bytes, and every reference leads to one of its entries.

    Not a document, which would have to be attested by an author, and not a transaction, which would write into a chart.

    Args:
        conversation: with a transcript.
        catalogue: the one in force.
        include_transcript: the text rides along; else only the quotes of the answers do.
    """
    transcript = conversation.transcript
    if transcript is None:
        raise ValueError("a bundle needs a transcript")
    links = _links(conversation)
    resources = _sources(conversation, transcript, links, include_transcript=include_transcript)
    devices = provenances.Devices(links)
    statements: list[Element] = []
    if not transcript.is_typed:
        statements.append(provenances.build_transcript_provenance(links, devices, conversation.transcription))
    if conversation.answers:
        answered, proven = _answers(conversation, links, devices, catalogue)
        resources += answered
        statements += proven
    return _bundle(conversation, [*resources, *devices.resources.values(), *statements])


def _links(conversation: Conversation) -> Links:
    upload = conversation.upload
    run = _run(conversation)

    def link(*path: object) -> Element:
        return reference(resource_id(upload.id, *path))

    return Links(
        upload_id=upload.id,
        patient=link("Patient"),
        encounter=link("Encounter", upload.encounter_id) if upload.encounter_id else None,
        document=link("DocumentReference", conversation.transcription.run_no),
        questionnaire=link("Questionnaire", run),
        response=link("QuestionnaireResponse", run),
    )


def _run(conversation: Conversation) -> str:
    """Which run of which question: a reviewer's answer is a new run of its one question."""
    return ",".join(f"{row.question_id}:{row.run_no}" for row in conversation.answers)


def _sources(
    conversation: Conversation, transcript: Transcript, links: Links, *, include_transcript: bool
) -> list[Element]:
    resources = [documents.build_patient(target_id(links.patient))]
    if links.encounter is not None:
        resources.append(documents.build_encounter(links, conversation.upload.encounter_id))
    document = documents.build_document(links, conversation, transcript, include_transcript=include_transcript)
    return [*resources, document]


def _answers(
    conversation: Conversation, links: Links, devices: provenances.Devices, catalogue: Catalogue
) -> tuple[list[Element], list[Element]]:
    """What was asked, answered and measured; and who said so."""
    profile = conversation.upload.profile
    asked = _asked(conversation, catalogue)
    version = " ".join(sorted({each.row.catalogue_version for each in asked}))
    observations = build_observations(links, asked, conversation.upload.created_at)
    resources = [
        build_questionnaire(target_id(links.questionnaire), profile, version, [each.shape for each in asked]),
        build_response(links, f"{questionnaire_url(profile)}|{version}", asked),
        *(observation for _, observation in observations),
    ]
    statements = [
        provenances.build_answer_provenance(
            links,
            devices,
            each.row,
            conversation.reviews.get(each.row.question_id),
            [observation for question_id, observation in observations if question_id == each.row.question_id],
        )
        for each in asked
        if each.row.provider != NOBODY
    ]
    return resources, statements


def _asked(conversation: Conversation, catalogue: Catalogue) -> list[Asked]:
    """Rows with their questions, those of the catalogue in force where it is the one that was asked."""
    questions = {question.id: question for profile in catalogue.profiles.values() for question in profile.questions}

    def find(row: Any) -> Question | None:
        return questions.get(row.question_id) if row.catalogue_version == catalogue.version else None

    return [Asked(row, find(row), shape_question(row, find(row))) for row in conversation.answers]


def _bundle(conversation: Conversation, resources: list[Element]) -> Element:
    upload, transcription = conversation.upload, conversation.transcription
    id_ = resource_id(upload.id, "Bundle", transcription.run_no, _run(conversation))
    made_at = max(
        [transcription.created_at]
        + [row.created_at for row in conversation.answers]
        + [review.reviewed_at for review in conversation.reviews.values()]
    )
    return {
        "resourceType": "Bundle",
        "id": id_,
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{id_}"},
        "type": "collection",
        "timestamp": instant(made_at),
        "entry": [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources],
    }
