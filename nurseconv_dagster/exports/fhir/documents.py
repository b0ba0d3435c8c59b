"""Where it all comes from: patient, encounter, and the recording or typed text as a DocumentReference.

What lives here: `build_patient()`, `build_encounter()`, `build_document()`.
When to add here: something of the upload or its transcript that belongs into the chart.
What to keep out: file names, which may name a person, and the audio itself.
"""

from __future__ import annotations

from base64 import b64encode

from nurseconv_dagster.exports.fhir.elements import Element, Links, absent, concept, extension, instant, target_id
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.conversations import Conversation


def build_patient(resource_id: str) -> Element:
    """Somebody: no identifier and no name, for a name heard in a conversation is an answer and not an identity."""
    return {
        "resourceType": "Patient",
        "id": resource_id,
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">The patient of this conversation, not matched to a '
            "record.</div>",
        },
    }


def build_encounter(links: Links, encounter_id: str) -> Element:
    """The visit as the sender named it; of what kind it is and whether it is over nobody said."""
    return {
        "resourceType": "Encounter",
        "id": target_id(links.encounter or {}),
        "identifier": [{"value": encounter_id}],
        "status": "unknown",
        "class": {"extension": [absent("unknown")]},
        "subject": links.patient,
    }


def build_document(
    links: Links, conversation: Conversation, transcript: Transcript, *, include_transcript: bool
) -> Element:
    """The recording by its hash and id, and the transcript's text where it was asked for."""
    upload = conversation.upload
    what = "Typed nurse conversation" if upload.kind == "text" else "Recording of a nurse conversation"
    content = [{"attachment": _original(conversation)}]
    if include_transcript and transcript.full_text:
        content.append({"attachment": _text(conversation, transcript)})
    document: Element = {
        "resourceType": "DocumentReference",
        "id": target_id(links.document),
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{upload.id}"},
        "status": "current",
        "type": concept(what),
        "subject": links.patient,
        "date": instant(upload.created_at),
        "content": content,
    }
    if transcript.outcome == "no_speech":
        document["description"] = "Nobody speaks in this recording."
    if upload.nurse_id:
        document["author"] = [{"type": "Practitioner", "identifier": {"value": upload.nurse_id}}]
    if links.encounter:
        document["context"] = {"encounter": [links.encounter]}
    return document


def _original(conversation: Conversation) -> Element:
    """By hash and size. FHIR's own `hash` is SHA-1, which nobody should make new."""
    upload = conversation.upload
    return {
        "extension": [extension("sha256", valueString=upload.content_sha256)],
        "contentType": upload.content_type,
        "size": upload.file_size_bytes,
        "title": "original",
    }


def _text(conversation: Conversation, transcript: Transcript) -> Element:
    content = transcript.full_text.encode()
    return {
        "contentType": "text/plain; charset=utf-8",
        **({"language": transcript.language} if transcript.language else {}),
        "data": b64encode(content).decode(),
        "size": len(content),
        "title": "transcript",
        "creation": instant(conversation.transcription.created_at),
    }
