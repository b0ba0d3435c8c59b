"""Bundles of made-up answers: whatever the store may hold for a question of any type, the bundle is valid."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurseconv_dagster.exports.fhir.bundle import build_bundle
from nurseconv_dagster.exports.fhir.elements import OURS, UCUM_CODES, instant, loinc
from nurseconv_dagster.extraction.answers import Answer, State
from nurseconv_dagster.extraction.questions import Catalogue, Profile, Question, ValueType
from nurseconv_dagster.extraction.schemas import build_schema
from nurseconv_dagster.store.conversations import Conversation
from tests.exports.bundles import check, extensions, items, leaves
from tests.exports.kept import CATALOGUE, QUESTIONS, made_up
from tests.fakes.talks import spoken

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PANEL = {
    "bp_sys": {"type": "number", "unit": "mmHg", "code": "8480-6"},
    "temp": {"type": "number", "units": {"C": [32, 42], "F": [90, 108]}, "code": "8310-5"},
    "device": {"type": "choice", "choices": {"room air": []}},
    "callback": {"type": "phone"},
}
# One question of each type, also those that the product's own catalogue does not use.
ENTRIES: dict[str, dict[str, Any]] = {
    "a_text": {"type": "text", "deniable": True},
    "a_list": {"type": "list", "deniable": True},
    "a_list_of_choices": {"type": "list", "deniable": True, "choices": {"one": [], "two  spaces": []}},
    "a_list_of_objects": {"type": "list", "fields": {"drug": {"type": "text"}, "dose": {"type": "number"}}},
    "an_integer": {"type": "integer", "unit": "points", "code": "72514-3"},
    "a_number": {"type": "number"},
    "a_number_with_unit": {"type": "number", "unit": "mL"},
    "a_boolean": {"type": "boolean"},
    "a_choice": {"type": "choice", "choices": {"full": [], "dnr": []}},
    "a_quantity": {"type": "quantity", "units": {"kg": [1, 300], "stone": [1, 50]}, "code": "29463-7"},
    "a_panel": {"type": "panel", "fields": PANEL},
    "a_struct": {"type": "struct", "fields": {"fell": {"type": "boolean"}, "times": {"type": "integer"}}},
}


def question(name: str, entry: dict[str, Any]) -> Question:
    return Question(
        name, f"About {name}?", (name,), (), "assessment", entry["type"], build_schema(entry), 1, False, False, False,
        code=entry.get("code", ""),
    )  # fmt: skip


MADE_UP = tuple(question(name, entry) for name, entry in ENTRIES.items())
ANY_CATALOGUE = Catalogue("9.9+abc", {"all": Profile("all", "All", (*MADE_UP, *QUESTIONS.values()), 4)})

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
numbers = st.one_of(st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False))


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the catalogue, as JSON holds them."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "array":
        return st.lists(values(schema["items"]), max_size=3)
    if schema["type"] == "object":
        parts = {name: values(part) for name, part in schema["properties"].items()}
        needed = {name: parts.pop(name) for name in schema["required"]}
        return st.fixed_dictionaries(needed, optional=parts)
    plain = {"string": words, "boolean": st.booleans(), "integer": st.integers(-(10**12), 10**12), "number": numbers}
    return plain[schema["type"]]


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    asked = draw(st.sampled_from(ANY_CATALOGUE.profiles["all"].questions))
    value = draw(st.one_of(st.none(), values(asked.schema), st.sampled_from([[], {}, "", "words", 7, True])))
    state = draw(st.sampled_from(get_args(State)))
    made = made_up(asked, state, value, draw(st.one_of(st.none(), words)))
    return replace(
        made,
        catalogue_version=draw(st.sampled_from([ANY_CATALOGUE.version, "0.1+old"])),
        provider=draw(st.sampled_from([made.provider, "gemini", "reviewer"])),
        is_valid=draw(st.booleans()),
        is_confident=draw(st.booleans()),
        evidence=tuple(replace(quote, quote=draw(words)) for quote in made.evidence),
    )


def conversation(*made: Answer, upload_id: UUID | None = None, **upload: Any) -> Conversation:
    """As the store would load it, without a store."""
    about = {
        "id": upload_id or uuid4(), "encounter_id": None, "nurse_id": None, "profile": None, "kind": "audio",
        "content_sha256": "c0" * 32, "content_type": "audio/wav", "file_size_bytes": 9, "created_at": NOON,
    }  # fmt: skip
    transcript = spoken("patient: and then")
    transcription = SimpleNamespace(run_no=1, created_at=NOON, model_name="whisper-base", model_revision="r1")
    rows = tuple(
        SimpleNamespace(
            **{**asdict(one), "evidence": [asdict(quote) for quote in one.evidence]},
            id=uuid4(), run_no=1, created_at=NOON,
        )
        for one in made
    )  # fmt: skip
    return Conversation(SimpleNamespace(**{**about, **upload}), transcription, transcript, rows, {})


def bundle(*made: Answer, catalogue: Catalogue = ANY_CATALOGUE, **upload: Any) -> dict[str, list[dict[str, Any]]]:
    return check(json.dumps(build_bundle(conversation(*made, **upload), catalogue), allow_nan=False))


def test_the_questions_here_are_of_every_type() -> None:
    assert {one.value_type for one in MADE_UP} == set(get_args(ValueType))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(answers(), min_size=1, max_size=6, unique_by=lambda one: one.question_id))
def test_any_answers_make_a_valid_bundle(made: list[Answer]) -> None:
    found = bundle(*made)
    [response] = found["QuestionnaireResponse"]
    for one in made:
        item = items(response)[one.question_id]
        told = extensions(item)
        assert told["state"] == one.state
        assert ("answer" in item) != ("data-absent-reason" in told)
        if "answer" in item:
            assert one.state in ("answered", "denied")


@settings(max_examples=50, deadline=None)
@given(answers())
def test_only_valid_confident_coded_numbers_become_observations(one: Answer) -> None:
    found = bundle(one).get("Observation", [])
    is_believed = one.state == "answered" and one.is_valid and (one.is_confident or one.provider == "reviewer")
    assert is_believed or not found
    for observation in found:
        assert observation["code"]["coding"][0]["system"] == "http://loinc.org"
        assert observation["status"] == ("final" if one.provider == "reviewer" else "preliminary")


def test_a_panel_gives_an_observation_for_each_coded_number_in_its_own_unit() -> None:
    value = {"bp_sys": 120, "temp": 98.6, "temp_unit": "F", "device": "room air"}
    made = made_up(MADE_UP[-2], value=value, text="BP 120", catalogue_version=ANY_CATALOGUE.version)
    found = {one["code"]["coding"][0]["code"]: one["valueQuantity"] for one in bundle(made)["Observation"]}
    ucum = "http://unitsofmeasure.org"
    assert found == {
        "8480-6": {"value": 120, "unit": "mmHg", "system": ucum, "code": "mm[Hg]"},
        "8310-5": {"value": 98.6, "unit": "F", "system": ucum, "code": "[degF]"},
    }


def test_a_unit_without_a_sure_ucum_code_is_told_in_words_only() -> None:
    weight = next(one for one in MADE_UP if one.id == "a_quantity")
    made = made_up(weight, value={"value": 12, "unit": "stone"}, catalogue_version=ANY_CATALOGUE.version)
    [observation] = bundle(made)["Observation"]
    assert observation["valueQuantity"] == {"value": 12, "unit": "stone"}


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_a_number_that_fhir_cannot_hold_is_told_in_words_with_the_reason(value: int) -> None:
    [response] = bundle(made_up("patient_age", value=value, text=str(value), is_valid=False), catalogue=CATALOGUE)[
        "QuestionnaireResponse"
    ]
    told = extensions(response["item"][0])
    assert (told["data-absent-reason"], told["said"], told["implausible"]) == ("as-text", str(value), True)
    assert "answer" not in response["item"][0]


def test_answers_of_another_catalogue_keep_their_values_and_lose_codes_and_units() -> None:
    """The catalogue in force may mean something else by the same question: no code is better than a wrong one."""
    made = made_up("pain_level", value=7, text="7 out of 10", catalogue_version="0.9+older")
    found = bundle(made, catalogue=CATALOGUE)
    assert items(found["QuestionnaireResponse"][0])["pain_level"]["answer"] == [{"valueInteger": 7}]
    assert "code" not in found["Questionnaire"][0]["item"][0]
    assert found["Questionnaire"][0]["version"] == "0.9+older"
    assert "Observation" not in found


def test_the_questionnaire_holds_every_question_of_the_catalogue_with_its_codes_choices_and_units() -> None:
    found = bundle(*(made_up(one, "not_asked") for one in QUESTIONS.values()), catalogue=CATALOGUE)
    asked = items(found["Questionnaire"][0])
    assert list(asked) == list(QUESTIONS)
    assert asked["pain_level"]["code"] == [{"system": "http://loinc.org", "code": "72514-3"}]
    assert "code" not in asked["preferred_language_interpreter"]  # OASIS has no address to give it under
    parts = {part["linkId"]: part for part in asked["fall_risk"]["item"]}
    assert parts["fall_risk.morse_total"]["code"][0]["code"] == "59460-6"
    options = [option["valueCoding"]["code"] for option in asked["code_status"]["answerOption"]]
    assert options == ["full", "dnr", "dni", "dnr_dni", "limited"]
    assert asked["high_risk_medications"]["type"] == "open-choice"
    assert all("required" not in one for one in asked.values())


def test_every_loinc_code_of_the_catalogue_has_the_right_check_digit() -> None:
    """A slip of one digit is another test or none. Source: LOINC Users' Guide, appendix on the mod 10 check digit."""
    fields = [field for one in QUESTIONS.values() for field in one.schema.get("properties", {}).values()]
    codes = [one.code for one in QUESTIONS.values()] + [field.get("x-code", "") for field in fields]
    found = [code for code in codes if loinc(code)]
    assert len(found) == 12
    for code in found:
        body, digit = code.split("-")
        doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(body))]
        assert (10 - sum(d // 10 + d % 10 for d in doubled) % 10) % 10 == int(digit), code


def test_every_unit_that_has_a_ucum_code_is_one_that_the_catalogue_uses() -> None:
    shapes = [one.schema for one in QUESTIONS.values()]
    fields = [field for schema in shapes for field in schema.get("properties", {}).values()]
    used = {unit for one in (*shapes, *fields) for unit in (one.get("x-unit"), *one.get("x-units", ())) if unit}
    assert set(UCUM_CODES) <= used
    assert used - set(UCUM_CODES) == {"of 4", "falls"}


def test_times_are_written_in_utc() -> None:
    assert instant(datetime.fromisoformat("2026-03-01T13:00:00.5+01:00")) == "2026-03-01T12:00:00.500000Z"


@settings(max_examples=20, deadline=None)
@given(st.lists(answers(), min_size=1, max_size=6, unique_by=lambda one: one.question_id))
def test_every_extension_of_ours_is_documented(made: list[Answer]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    found = build_bundle(conversation(*made), ANY_CATALOGUE)
    used = {value.removeprefix(OURS) for key, value in leaves(found) if key == "url" and str(value).startswith(OURS)}
    assert {name for name in used if not name.startswith("questionnaire:") and f"| `{name}` |" not in page} == set()
