"""FHIR bundles of conversations that went through the real rooms and the real store."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, update

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.exports.files import ExportFile, Unavailable, export_upload
from nurseconv_dagster.extraction.answers import STATES_WITH_EVIDENCE
from nurseconv_dagster.intake.texts import read_text
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.speech.typed import transcribe_text
from nurseconv_dagster.store.conversations import load_conversation
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.results import save_transcript
from nurseconv_dagster.store.tables import STATES, conversation_uploads
from tests.exports.bundles import check, extensions, items
from tests.exports.kept import CATALOGUE, QUESTIONS, SILENCE, answer, arrive, made_up, review, walk
from tests.fakes.notes import note
from tests.fakes.talks import spoken, typed

SAMPLES = Path(__file__).parents[2] / "samples"
BUCKET = SAMPLES / "bucket"


def export(engine: Engine, upload_id: UUID, **options: bool) -> bytes:
    file = export_upload(engine, upload_id, "fhir", CATALOGUE, **options)
    assert isinstance(file, ExportFile)
    assert (file.name, file.media_type) == (f"{upload_id}.fhir.json", "application/fhir+json")
    return b"".join(file.chunks)


def sample(name: str) -> tuple[Transcript, dict[str, object]]:
    """A sample as it is said, with its sidecar: the typed note as typed, recordings by their reference transcripts."""
    reference = json.loads((SAMPLES / "reference" / f"{name}.json").read_text())
    file = BUCKET / reference["file"]
    sidecar = json.loads(Path(f"{file}.json").read_text())
    if file.suffix == ".txt":
        return transcribe_text(read_text(file.read_bytes())), sidecar
    return spoken(*(f"{turn['role']}: {turn['text']}" for turn in reference["transcript"])), sidecar


@pytest.mark.parametrize("name", ["admission", "clinic_mono", "denials", "discharge", "handoff", "phone_note"])
def test_the_bundle_of_every_sample_is_valid_and_complete(engine: Engine, name: str) -> None:
    transcript, sidecar = sample(name)
    upload_id = walk(engine, transcript, **{"profile": "general", **sidecar})
    found = check(export(engine, upload_id))
    [response], [document] = found["QuestionnaireResponse"], found["DocumentReference"]
    conversation = load_conversation(engine, upload_id)
    assert list(items(response)) == [row.question_id for row in conversation.answers]
    assert {name for name, item in items(response).items() if "answer" in item} == {
        row.question_id for row in conversation.answers if row.state in ("answered", "denied")
    }
    assert document["masterIdentifier"]["value"] == f"urn:uuid:{upload_id}"
    assert ("Encounter" in found) == ("encounter_id" in sidecar)
    proven = [each for each in found["Provenance"] if "extension" in each["target"][0]]
    assert len(proven) == sum(row.provider != "none" for row in conversation.answers)


def test_every_quote_of_a_bundle_stands_in_the_transcript_at_its_offsets_and_seconds(engine: Engine) -> None:
    upload_id = walk(engine, sample("admission")[0], "admission")
    found = check(export(engine, upload_id, include_transcript=True))
    [document] = found["DocumentReference"]
    full_text = b64decode(document["content"][1]["attachment"]["data"]).decode()
    assert full_text == load_conversation(engine, upload_id).transcript.full_text
    quotes = [
        extensions(evidence)
        for provenance in found["Provenance"]
        for entity in provenance.get("entity", [])
        for evidence in entity.get("extension", [])
    ]
    assert len(quotes) > 5
    for quote in quotes:
        assert full_text[quote["start-char"] : quote["end-char"]] == quote["quote"]
        assert 0 <= quote["start-s"] < quote["end-s"]


def test_the_transcript_rides_along_only_when_asked_for(engine: Engine) -> None:
    words = "quokkamarine weather today"
    upload_id = walk(engine, typed(f"nurse: {words}", "nurse: Any allergies?", "patient: No."))
    assert words not in export(engine, upload_id).decode()
    assert "quokkamarine" not in str(check(export(engine, upload_id)))
    [document] = check(export(engine, upload_id, include_transcript=True))["DocumentReference"]
    assert words in b64decode(document["content"][1]["attachment"]["data"]).decode()


def test_two_exports_of_the_same_run_are_the_same_bytes_and_another_run_has_other_ids(engine: Engine) -> None:
    upload_id = walk(engine, typed(*note(1).splitlines()))
    first = export(engine, upload_id)
    assert export(engine, upload_id) == first
    answer(engine, upload_id, made_up("pain_level", value=3, text="3 out of 10"))
    before, after = check(first), check(export(engine, upload_id))
    assert after["Patient"] == before["Patient"]
    assert after["QuestionnaireResponse"][0]["id"] != before["QuestionnaireResponse"][0]["id"]


def test_a_recording_in_which_nobody_speaks_is_a_valid_bundle_in_which_nothing_applies(engine: Engine) -> None:
    found = check(export(engine, walk(engine, SILENCE)))
    [response], [document] = found["QuestionnaireResponse"], found["DocumentReference"]
    assert document["description"] == "Nobody speaks in this recording."
    assert {extensions(item)["data-absent-reason"] for item in response["item"]} == {"not-applicable"}
    assert "Observation" not in found


def test_an_upload_without_answers_yet_is_a_bundle_of_its_recording_alone(engine: Engine) -> None:
    found = check(export(engine, arrive(engine, spoken("nurse: Good morning."))))
    assert set(found) == {"Patient", "DocumentReference", "Device", "Provenance"}


def test_no_bundle_is_made_before_there_is_a_transcript_or_after_erasure(engine: Engine) -> None:
    waiting = arrive(engine)
    refused = export_upload(engine, waiting, "fhir", CATALOGUE)
    assert isinstance(refused, Unavailable)
    assert refused.code == "no_transcript"
    with transaction(engine) as connection:
        connection.execute(update(conversation_uploads).values(status="erased"))
    with pytest.raises(UnknownUploadError):
        export_upload(engine, waiting, "fhir", CATALOGUE)


def test_each_state_is_told_and_each_missing_value_has_its_reason(engine: Engine) -> None:
    upload_id = arrive(engine, spoken("patient: and then"))
    asked = dict(zip(STATES, QUESTIONS, strict=False))
    text = {"answered": "Ann", "denied": "none", "conflicting": "yes / no"}
    value = {"answered": "Ann"}
    answer(engine, upload_id, *(made_up(q, s, value.get(s), text.get(s)) for s, q in asked.items()))
    [response] = check(export(engine, upload_id))["QuestionnaireResponse"]
    found = {extensions(item)["state"]: item for item in response["item"]}
    assert set(found) == set(STATES)
    reasons = {state: extensions(item).get("data-absent-reason") for state, item in found.items()}
    assert reasons == {
        "answered": None,
        "denied": "as-text",  # of an integer: no such answer exists, and none is invented
        "not_asked": "not-asked",
        "asked_no_answer": "asked-unknown",
        "declined": "asked-declined",
        "unable": "asked-unknown",
        "conflicting": "unknown",
        "not_applicable": "not-applicable",
    }
    assert found["answered"]["answer"] == [{"valueString": "Ann"}]
    assert extensions(found["conflicting"])["said"] == "yes / no"
    assert {state for state, item in found.items() if "confidence" in extensions(item)} == STATES_WITH_EVIDENCE


@pytest.mark.parametrize("question", ["allergies", "symptoms", "high_risk_medications"])
def test_an_explicit_none_is_an_answer_and_never_a_gap(engine: Engine, question: str) -> None:
    upload_id = arrive(engine, spoken("patient: and then"))
    answer(engine, upload_id, made_up(question, "denied", None, "none"))
    [response] = check(export(engine, upload_id))["QuestionnaireResponse"]
    assert items(response)[question]["answer"] == [{"valueString": "none"}]
    assert "data-absent-reason" not in extensions(items(response)[question])


def test_answers_are_typed_with_their_parts_below_them(engine: Engine) -> None:
    upload_id = arrive(engine, spoken("patient: and then"))
    drug = {"drug": "metformin", "dose": 500, "unit": "mg", "frequency": "twice a day"}
    temp = {"temp": 98.6, "temp_unit": "F", "spo2": 97, "o2_device": "room air"}
    answer(
        engine,
        upload_id,
        made_up("medications", value=[drug, {"drug": "aspirin"}], text="metformin 500 mg twice a day; aspirin"),
        made_up("vital_signs", value=temp, text="Temp 98.6 F; SpO2 97 %"),
        made_up("patient_age", value=81, text="81 years"),
        made_up("identity_verified", value=True, text="yes"),
        made_up("code_status", value="dnr", text="dnr"),
        made_up("high_risk_medications", value=["insulin", "opioid"], text="insulin; opioid"),
    )
    [response] = check(export(engine, upload_id))["QuestionnaireResponse"]
    found = {link_id: item["answer"] for link_id, item in items(response).items()}
    assert [one["valueString"] for one in found["medications"]] == ["metformin 500 mg twice a day", "aspirin"]
    dose = {part["linkId"]: part["answer"] for part in found["medications"][0]["item"]}
    assert dose["medications.dose"] == [{"valueDecimal": 500}]
    assert found["patient_age"] == [{"valueInteger": 81}]
    assert found["identity_verified"] == [{"valueBoolean": True}]
    assert found["code_status"][0]["valueCoding"]["code"] == "dnr"
    assert [one["valueCoding"]["display"] for one in found["high_risk_medications"]] == ["insulin", "opioid"]
    vitals = {part["linkId"]: part["answer"][0] for part in found["vital_signs"][0]["item"]}
    fahrenheit = {"value": 98.6, "unit": "F", "system": "http://unitsofmeasure.org", "code": "[degF]"}
    assert vitals["vital_signs.temp"]["valueQuantity"] == fahrenheit
    assert vitals["vital_signs.o2_device"]["valueCoding"]["display"] == "room air"


def test_a_reviewer_is_named_as_the_author_of_a_correction_and_as_the_verifier_of_a_confirmation(
    engine: Engine,
) -> None:
    upload_id = arrive(engine, spoken("patient: and then"))
    answer(engine, upload_id, made_up("pain_level", value=7, text="7"), made_up("patient_age", value=81, text="81"))
    rows = {row.question_id: row for row in load_conversation(engine, upload_id).answers}
    review(engine, upload_id, rows["pain_level"].id, "corrected", "key-7")
    review(engine, upload_id, rows["patient_age"].id, "confirmed", "key-8")
    corrected = made_up("pain_level", value=2, text="2", provider="reviewer", evidence=(), is_confident=False)
    answer(engine, upload_id, corrected, made_up("patient_age", value=81, text="81"))
    found = check(export(engine, upload_id))
    agents = {
        extensions(each["target"][0])["targetElement"]: each["agent"]
        for each in found["Provenance"]
        if "extension" in each["target"][0]
    }
    [author] = agents["pain_level"]
    assert (author["type"]["text"], author["who"]) == ("author", {"display": "key-7"})
    # The confirmation was of the run before: nobody has looked at this one.
    assert [agent["type"]["text"] for agent in agents["patient_age"]] == ["assembler"]
    row = next(row for row in load_conversation(engine, upload_id).answers if row.question_id == "patient_age")
    review(engine, upload_id, row.id, "confirmed", "key-8")
    again = check(export(engine, upload_id))
    [confirmed] = [each["agent"] for each in again["Provenance"] if "patient_age" in str(each["target"])]
    assert confirmed[1]["who"] == {"display": "key-8"}
    assert found["QuestionnaireResponse"][0]["status"] == "amended"
    assert [each["status"] for each in found["Observation"]] == ["final"]


def test_while_an_upload_is_run_again_its_answers_keep_the_transcript_they_were_read_from(engine: Engine) -> None:
    first = spoken("patient: and then I fell")
    upload_id = arrive(engine, first)
    answer(engine, upload_id, made_up("symptoms", value=["fell"], text="fell"))
    with transaction(engine) as connection:
        save_transcript(connection, upload_id, spoken("patient: something else"))
    [document] = check(export(engine, upload_id, include_transcript=True))["DocumentReference"]
    assert b64decode(document["content"][1]["attachment"]["data"]).decode() == first.full_text


def test_the_sender_is_named_as_sent_and_the_time_is_that_of_arrival(engine: Engine) -> None:
    upload_id = arrive(engine, spoken("patient: and then"), encounter_id="enc-7", nurse_id="n-1")
    answer(engine, upload_id, made_up("pain_level", value=7, text="7 out of 10"))
    found = check(export(engine, upload_id))
    assert found["Encounter"][0]["identifier"] == [{"value": "enc-7"}]
    assert found["DocumentReference"][0]["author"][0]["identifier"] == {"value": "n-1"}
    assert set(found["Patient"][0]) == {"resourceType", "id", "text"}
    arrived = load_conversation(engine, upload_id).upload.created_at.astimezone(UTC)
    [pain] = found["Observation"]
    assert pain["effectiveDateTime"] == arrived.isoformat().replace("+00:00", "Z")
    assert extensions(pain["_effectiveDateTime"]) == {"time-basis": "arrival"}


def test_no_file_name_is_in_a_bundle(engine: Engine) -> None:
    assert b"x.txt" not in export(engine, walk(engine, typed(*note(1).splitlines())), include_transcript=True)
