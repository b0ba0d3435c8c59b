"""Laws of typed values: read from evidence, judged, written out; never clamped, never more than was said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.reading import parse_value
from nurseconv_dagster.extraction.rendering import render
from nurseconv_dagster.extraction.schemas import build_schema
from nurseconv_dagster.extraction.values import check_value, find_unproven

QUESTIONS = {q.id: q for profile in load_catalogue().profiles.values() for q in profile.questions}
PRESSURE = {"bp_sys": 140, "bp_dia": 85}


def own_question(**entry: Any) -> Question:
    """A question of a hospital's own, for types the default does not use."""
    return Question("own", "?", ("?",), (), "assessment", entry["type"], build_schema(entry), 1, True, False, False)


@pytest.mark.parametrize(
    ("question_id", "quote", "value"),
    [
        ("patient_name", "My name is Maria Lopez.", "Maria Lopez"),
        ("patient_age", "I'm seventy-two years old", 72),
        ("patient_age", "seventy-two", 72),
        ("patient_age", "a 45-year-old man", 45),
        ("patient_age", "born March third 1950, she's 74", 74),
        ("patient_age", "thirty, no wait, forty", 40),
        ("patient_age", "March 3rd, 1951", None),
        ("patient_age", "on May 5 I turned 60", 60),
        ("pain_level", "five out of ten", 5),
        ("pain_level", "7/10", 7),
        ("pain_level", "on a scale of zero to ten it's an eight", 8),
        ("pain_level", "no pain", 0),
        ("pain_level", "No, none at all", 0),
        ("pain_level", "six or seven", 7),
        ("pain_level", "for five days", None),
        ("pain_level", "it's pretty bad", None),
        ("code_status", "I don't want CPR", "dnr"),
        ("code_status", "full code", "full"),
        ("identity_verified", "No, we could not check", False),
        ("symptoms", "I have chest pain and shortness of breath", ["chest pain", "shortness of breath"]),
        ("symptoms", "no fever, but a cough", ["cough"]),
        ("symptoms", "no fever, chills or cough", None),
        ("past_medical_history", "a history of diabetes, asthma, and COPD", ["diabetes", "asthma", "COPD"]),
        ("discharge_instructions", "Do not lift. See Dr. Hwang.", ["Do not lift", "See Dr. Hwang"]),
        ("infection_precautions", "contact and droplet", ["contact", "droplet"]),
        ("high_risk_medications", "I take warfarin and Lantus", ["anticoagulant", "insulin"]),
    ],
)
def test_values_are_read_from_words(question_id: str, quote: str, value: object) -> None:
    assert parse_value(QUESTIONS[question_id], (quote,)) == value


@pytest.mark.parametrize(
    ("quote", "items"),
    [
        (
            "lisinopril 10 mg every morning and metformin five hundred milligrams twice a day",
            [("lisinopril", 10, "mg", "every morning"), ("metformin", 500, "mg", "twice a day")],
        ),
        ("20 mg of Lasix daily", [("Lasix", 20, "mg", "daily")]),
        ("half a milligram of lorazepam as needed", [("lorazepam", 0.5, "mg", "as needed")]),
        ("insulin glargine ten units at bedtime", [("insulin glargine", 10, "units", "at bedtime")]),
        ("I stopped taking metoprolol, now I take atenolol", [("atenolol", None, None, None)]),
        ("carvedilol 6.25 twice a day", [("carvedilol", 6.25, None, "twice a day")]),
        ("just a water pill", [("water pill", None, None, None)]),
        ("cephalexin four times a day for seven days", [("cephalexin", None, None, "four times a day")]),
        ("paracetamol, two of them", [("paracetamol", None, None, None)]),
        ("I'm not taking warfarin", None),
    ],
)
def test_medicines_keep_their_own_dose(quote: str, items: list[tuple[object, ...]] | None) -> None:
    value = parse_value(QUESTIONS["medications"], (quote,))
    found = value and [tuple(item.get(key) for key in ("drug", "dose", "unit", "frequency")) for item in value]
    assert found == items


@pytest.mark.parametrize(
    ("quote", "items"),
    [
        ("I'm allergic to penicillin, it gives me hives", [("penicillin", "hives")]),
        ("Latex gives me a rash and codeine makes me sick", [("Latex", "rash"), ("codeine", "sick")]),
        ("Penicillin and sulfa.", [("Penicillin", None), ("sulfa", None)]),
        ("shellfish allergy", [("shellfish", None)]),
        ("no known allergies", None),
    ],
)
def test_a_reaction_belongs_to_its_substance(quote: str, items: list[tuple[object, ...]] | None) -> None:
    value = parse_value(QUESTIONS["allergies"], (quote,))
    assert (value and [(item["substance"], item.get("reaction")) for item in value]) == items


@pytest.mark.parametrize(
    ("quote", "panel"),
    [
        ("one forty over eighty-five", PRESSURE),
        (
            "BP 140/85, HR 72, temp 98.6, O2 sat 96% on room air",
            {**PRESSURE, "hr": 72, "temp": 98.6, "temp_unit": "F", "spo2": 96, "o2_device": "room air"},
        ),
        ("pulse 72, no wait, 78", {"hr": 78}),
        ("pulse 72 lying, pulse 90 standing", {"hr": 72}),
        ("your heart's going at a hundred and four", {"hr": 104}),
        ("oxygen 94 percent on two liters", {"spo2": 94, "o2_flow": 2}),
        ("Temp of 37.2 Celsius, respirations eighteen", {"temp": 37.2, "temp_unit": "C", "rr": 18}),
        ("blood sugar was a hundred and forty-five", {"glucose": 145, "glucose_unit": "mg/dL"}),
        ("all good", None),
    ],
)
def test_each_measurement_finds_its_number(quote: str, panel: dict[str, object] | None) -> None:
    assert parse_value(QUESTIONS["vital_signs"], (quote,)) == panel


def test_feet_and_pounds_are_read_as_said() -> None:
    panel = parse_value(QUESTIONS["height_weight"], ("five foot ten and 180 pounds",))
    assert panel == {"height": 70, "height_unit": "in", "weight": 180, "weight_unit": "lb"}


@pytest.mark.parametrize(
    ("question_id", "quote", "fields"),
    [
        ("fall_risk", "I fell twice last month", {"fell": True, "n_falls": 2}),
        ("fall_risk", "No falls", {"fell": False}),
        ("fall_risk", "a high fall risk, Morse of 65", {"morse_total": 65}),
        ("substance_use", "I quit smoking, but I have a beer", {"tobacco": False, "alcohol": True}),
        ("substance_use", "Do you smoke?\nNo.", {"tobacco": False}),
        ("emergency_contact", "My daughter Ann, 555-123-4567", {"relation": "child", "phone": "5551234567"}),
        ("mobility_assistive_device", "two assist and a walker", {"device": "walker", "assistance": "assist of 2"}),
    ],
)
def test_a_struct_keeps_the_words_and_what_can_be_read(question_id: str, quote: str, fields: dict[str, object]) -> None:
    value = parse_value(QUESTIONS[question_id], (quote,))
    assert value is not None
    assert value.pop("said")
    assert value == fields


@given(st.sampled_from(sorted(QUESTIONS)), st.text(max_size=60))
def test_whatever_is_read_fits_the_schema_or_is_told_apart(question_id: str, quote: str) -> None:
    question = QUESTIONS[question_id]
    value = parse_value(question, (quote,))
    if value is not None and check_value(question, value)[1] != "wrong_type":
        assert Draft202012Validator(question.schema).is_valid(value)
        assert render(question, value)


@pytest.mark.parametrize(
    ("question_id", "value", "reason"),
    [
        ("pain_level", 10, ""),
        ("pain_level", 11, "out_of_range"),
        ("pain_level", 7.5, "wrong_type"),
        ("pain_level", True, "wrong_type"),
        ("patient_age", 130, "out_of_range"),
        ("vital_signs", {"bp_sys": 85, "bp_dia": 140}, "not_below"),
        ("vital_signs", {"hr": 251}, "out_of_range"),
        ("vital_signs", {"hr": 250, "rr": 4, "spo2": 50}, ""),
        ("vital_signs", {"temp": 98.6, "temp_unit": "C"}, "out_of_range"),
        ("vital_signs", {"temp": 98.6, "temp_unit": "F"}, ""),
        ("vital_signs", {"temp": 98.6}, "unit_missing"),
        ("vital_signs", {"pulse": 80}, "wrong_type"),
        ("height_weight", {"weight": 351, "weight_unit": "kg"}, "out_of_range"),
        ("code_status", "maybe", "wrong_type"),
        ("medications", [{"drug": "aspirin", "dose": "81"}], "wrong_type"),
        ("fall_risk", {"said": "fell", "n_falls": 99}, "out_of_range"),
    ],
)
def test_values_are_judged_and_never_changed(question_id: str, value: object, reason: str) -> None:
    assert check_value(QUESTIONS[question_id], value) == (reason == "", reason)


@pytest.mark.parametrize(
    ("question_id", "value", "quote", "reason"),
    [
        ("vital_signs", PRESSURE, "one forty over eighty-five", ""),
        ("vital_signs", {**PRESSURE, "hr": 88}, "one forty over eighty-five", "number_not_in_evidence"),
        ("pain_level", 0, "no pain", ""),
        ("pain_level", 7, "it is bad", "number_not_in_evidence"),
        ("medications", {"drug": "metformin", "frequency": "2 times a day"}, "metformin twice a day", ""),
        ("medications", {"drug": "metformin", "dose": 50}, "metformin 500 mg", "number_not_in_evidence"),
        ("medications", {"drug": "hydralazine"}, "hydroxyzine 25 mg", "word_not_in_evidence"),
        ("skin_wounds", "sore on the left heel", "a sore on the right heel", "word_not_in_evidence"),
        ("identity_verified", True, "may I check your wristband", ""),
        ("mobility_assistive_device", {"said": "two people", "assistance": "assist of 2"}, "with two people", ""),
    ],
)
def test_a_value_says_no_more_than_its_evidence(question_id: str, value: object, quote: str, reason: str) -> None:
    assert find_unproven(QUESTIONS[question_id], value, (quote,)) == reason


@pytest.mark.parametrize(
    ("question_id", "value", "text"),
    [
        ("symptoms", ["cough", "fever"], "cough; fever"),
        ("symptoms", [], "none"),
        ("vital_signs", {**PRESSURE, "hr": 88}, "BP 140/85 mmHg; HR 88 /min"),
        ("vital_signs", {"temp": 98.6, "temp_unit": "F", "o2_device": "room air"}, "Temp 98.6 F; O2 room air"),
        ("allergies", [{"substance": "latex", "reaction": "rash"}], "latex (rash)"),
        ("medications", [{"drug": "aspirin", "dose": 81.0, "unit": "mg", "frequency": "daily"}], "aspirin 81 mg daily"),
        ("patient_age", 72, "72 years"),
        ("pain_level", 4, "4 out of 10"),
        ("identity_verified", False, "no"),
        ("medication_adherence", "as_prescribed", "as prescribed"),
        ("fall_risk", {"said": "I fell twice", "n_falls": 2}, "I fell twice"),
    ],
)
def test_values_are_written_plainly(question_id: str, value: object, text: str) -> None:
    assert render(QUESTIONS[question_id], value) == text


def test_a_quantity_is_a_number_with_one_of_its_units() -> None:
    question = own_question(type="quantity", units={"mL": [0, 5000], "L": [0, 5]})
    value = parse_value(question, ("about two hundred and fifty milliliters of water",))
    assert value == {"value": 250, "unit": "mL"}
    assert check_value(question, value) == (True, "")
    assert check_value(question, {"value": 250, "unit": "L"}) == (False, "out_of_range")
    assert render(question, value) == "250 mL"


def test_a_number_may_have_decimals() -> None:
    question = own_question(type="number", unit="mg/dL", range=[0, 20])
    assert parse_value(question, ("creatinine is one point two",)) == 1.2
    assert render(question, 1.2) == "1.2 mg/dL"
