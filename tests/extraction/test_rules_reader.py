"""The reader without a model: precise, and silent rather than wrong."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript


def load_benchmark(name: str) -> ModuleType:
    """A module of the benchmarks folder, which is no package."""
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


talks = load_benchmark("talks")
QUESTIONS: dict[str, Question] = {
    question.id: question for profile in load_catalogue().profiles.values() for question in profile.questions
}


def said(text: str, question_id: str, *, is_note: bool = False) -> tuple[str | None, list[str]]:
    """State and quotes of the rules' claim."""
    transcript: Transcript = talks.transcript_of(text, is_note=is_note)
    for claim in RulesReader().propose([QUESTIONS[question_id]], transcript):
        return claim.state, [quote for quote, _ in claim.quotes]
    return None, []


@pytest.mark.parametrize(
    ("text", "question_id", "quote"),
    [
        ("Your pressure is one forty over eighty-five.", "vital_signs", "pressure is one forty over eighty-five"),
        ("BP 142/88, HR 104, T 37.9 C, SpO2 95% RA.", "vital_signs", "BP 142/88, HR 104, T 37.9 C, SpO2 95%"),
        ("He's satting 94 percent on two liters.", "vital_signs", "satting 94 percent on two liters"),
        ("Temp ninety-eight point six today.", "vital_signs", "Temp ninety-eight point six"),
        ("Nurse: Rate your pain from zero to ten.\nPatient: Maybe a six.", "pain_level", "Maybe a six"),
        ("She says seven out of ten.", "pain_level", "seven out of ten"),
        ("Patient is resting, denies pain.", "pain_level", "denies pain"),
        ("Nurse: How old are you?\nPatient: I'm eighty-one.", "patient_age", "eighty-one"),
        ("A 58-year-old man came in.", "patient_age", "58"),
        ("Nurse: Your full name, please?\nPatient: It's Rosa Delgado.", "patient_name", "Rosa Delgado"),
        ("Bed four is Mrs. Okafor, 66, full code.", "patient_name", "Mrs. Okafor"),
        ("He is DNR but not DNI.", "code_status", "DNR but not DNI"),
        ("She's a high fall risk, bed alarm on.", "fall_risk", "a high fall risk, bed alarm on"),
        (
            "Nurse: Any allergies?\nPatient: Penicillin, it gives me hives.",
            "allergies",
            "Penicillin, it gives me hives",
        ),
        ("I am allergic to sulfa.", "allergies", "sulfa"),
        ("I take lisinopril 20 mg daily.", "medications", "lisinopril 20 mg daily"),
        ("Your appointment is with Dr. Hwang on Friday.", "follow_up", "with Dr. Hwang on Friday"),
        ("Nurse: Date of birth?\nPatient: August 14, 1958.", "identity_verified", "August 14, 1958"),
    ],
)
def test_what_is_said_outright_is_found(text: str, question_id: str, quote: str) -> None:
    assert said(text, question_id) == ("answered", [quote])


@pytest.mark.parametrize(
    "text",
    [
        "Nurse: Any allergies?\nPatient: No, none that I know of.",
        "NKDA.",
        "No known drug allergies.",
    ],
)
def test_an_explicit_no_is_denied(text: str) -> None:
    assert said(text, "allergies")[0] == "denied"


@pytest.mark.parametrize(
    ("text", "question_id"),
    [
        ("My neighbour is allergic to penicillin.", "allergies"),
        ("My husband takes warfarin.", "medications"),
        ("My sister's eighty-nine years old.", "patient_age"),
        ("My father had his gallbladder out in 1990.", "surgical_history"),
        ("If your temperature is 101 call us.", "vital_signs"),
        ("We've stopped the amlodipine.", "medications"),
        ("She is not allergic to latex.", "allergies"),
        ("Nurse: Is your pain eight out of ten?\nPatient: I don't know.", "pain_level"),
        ("Nurse: Hello, my name is Mark Weller, I'll be your nurse tonight.\nPatient: Hi.", "patient_name"),
    ],
)
def test_other_people_and_what_ifs_and_what_is_over_are_no_answer(text: str, question_id: str) -> None:
    assert said(text, question_id)[0] not in ("answered", "denied")


@pytest.mark.parametrize(
    ("reply", "state"),
    [("I'd rather not say.", "declined"), ("No idea.", "unable"), ("Is it lunch yet?", "asked_no_answer")],
)
def test_a_question_without_an_answer_is_claimed_as_such(reply: str, state: str) -> None:
    assert said(f"Nurse: Any allergies?\nPatient: {reply}", "allergies")[0] == state


def test_a_measurement_whose_name_stands_in_the_question_is_quoted_with_it() -> None:
    state, quotes = said("Nurse: Have you taken her temperature?\nCaller: Yeah, it was 101.3.", "vital_signs")
    assert state == "answered"
    assert quotes == ["Have you taken her temperature?\nYeah, it was 101.3"]


def test_no_fever_does_not_deny_every_symptom() -> None:
    assert said("Nurse: Any fever?\nPatient: No.", "symptoms")[0] != "denied"


@pytest.mark.parametrize("part", ["heldout", "probe"])
def test_on_talks_that_nothing_was_tuned_on_the_rules_beat_the_model_alone_and_are_seldom_wrong(part: str) -> None:
    f1, false = [], []
    for talk in talks.load_talks(part):
        asked = [question for key, question in QUESTIONS.items() if talk.judges(key)]
        claims = {claim.question_id: claim for claim in RulesReader().propose(asked, talk.transcript)}
        for question in asked:
            claim = claims.get(question.id)
            quotes = [words for words, _ in claim.quotes] if claim and claim.state in ("answered", "denied") else []
            golds = talk.golds.get(question.id)
            if golds:
                f1.append(talks.answer_f1(quotes, golds) if quotes else 0.0)
            else:
                false.append(bool(quotes))
    assert sum(f1) / len(f1) > 0.6  # the model alone: 0.62 and 0.45
    assert sum(false) / len(false) < 0.03  # the model alone: 0.13 and 0.06


@given(st.text(max_size=300))
def test_whatever_is_said_the_quotes_are_the_transcripts_own_words(text: str) -> None:
    transcript = talks.transcript_of(text)
    for claim in RulesReader().propose(list(QUESTIONS.values()), transcript):
        for quote, segment_ids in claim.quotes:
            assert quote
            assert quote in transcript.full_text
            assert set(segment_ids) <= {segment.id for segment in transcript.segments}
