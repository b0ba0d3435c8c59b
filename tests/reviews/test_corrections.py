"""What a reviewer may say: typed values that fit their question, evidence that stands in the transcript."""

from __future__ import annotations

import pytest

from nurseconv_dagster.errors import ReviewRefusedError
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.extraction.reviewing import Correction, confirm, correct, same_outcome, states_for
from tests.fakes.reviewed import CATALOGUE, TALK
from tests.fakes.talks import spoken, typed

QUESTIONS = {question.id: question for profile in CATALOGUE.profiles.values() for question in profile.questions}
ANSWERS = {answer.question_id: answer for answer in extract(TALK, "general", CATALOGUE, [RulesReader()]).answers}


def say(question_id, state="answered", value=None, talk=TALK, judged=None, **more):
    question = QUESTIONS[question_id]
    stood = judged or ANSWERS.get(question_id) or ANSWERS["chief_complaint"]
    return correct(stood, question, talk, Correction(state, value, **more), "2+new")


@pytest.mark.parametrize(
    ("question_id", "value", "text"),
    [
        ("pain_level", 4, "4 out of 10"),
        ("identity_verified", False, "no"),
        ("chief_complaint", "  chest pain ", "chest pain"),
        ("medication_adherence", "misses_doses", "misses doses"),
        ("symptoms", ["cough", "fever"], "cough; fever"),
        ("medications", [{"drug": "metformin", "dose": 500, "unit": "mg"}], "metformin 500 mg"),
        ("vital_signs", {"bp_sys": 140, "bp_dia": 85, "temp": 37.2, "temp_unit": "C"}, "BP 140/85 mmHg; Temp 37.2 C"),
        ("emergency_contact", {"said": "my daughter", "relation": "child"}, "my daughter"),
    ],
)  # fmt: skip
def test_a_value_of_every_type_is_taken_and_written_out_as_a_program_s_would_be(question_id, value, text):
    answer = say(question_id, value=value)
    assert (answer.answer_text, answer.is_valid, answer.catalogue_version) == (text, True, "2+new")


@pytest.mark.parametrize(
    ("question_id", "value", "why"),
    [
        ("pain_level", "four", "must be of type integer"),
        ("pain_level", None, "must be of type integer"),
        ("chief_complaint", "   ", "must not be empty"),
        ("medication_adherence", "whatever", "must be one of as_prescribed, misses_doses"),
        ("medications", [{"dose": 500}], "0 needs drug"),
        ("medications", [{"drug": "metformin", "colour": "red"}], "has a field that this question does not know"),
        ("vital_signs", {}, "at least one measurement"),
        ("vital_signs", {"temp": 37.2}, "needs its unit"),
        ("emergency_contact", {"said": "my wife", "phone": "call her"}, "phone must match"),
    ],
)  # fmt: skip
def test_a_value_of_another_shape_is_refused_with_where_and_what_is_allowed(question_id, value, why):
    with pytest.raises(ReviewRefusedError, match="does not fit the question") as refused:
        say(question_id, value=value)
    assert why in str(refused.value)


def test_a_refusal_never_repeats_what_was_typed():
    for question_id, value in (
        ("pain_level", "canary"),
        ("medication_adherence", "canary"),
        ("vital_signs", {"canary": 1}),
    ):
        with pytest.raises(ReviewRefusedError) as refused:
            say(question_id, value=value)
        assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("question_id", "value"), [("patient_age", 150), ("vital_signs", {"bp_sys": 80, "bp_dia": 90})]
)
def test_an_implausible_value_is_taken_only_when_it_is_said_to_be_meant(question_id, value):
    with pytest.raises(ReviewRefusedError) as refused:
        say(question_id, value=value)
    assert refused.value.code == "value_implausible"
    answer = say(question_id, value=value, accepts_implausible=True)
    assert (answer.answer_value, answer.is_valid, answer.needs_review) == (value, False, False)


def test_states_follow_the_question_and_the_talk():
    note = typed("Pt denies allergies.")
    assert states_for("list", TALK) == (
        "answered",
        "denied",
        "asked_no_answer",
        "declined",
        "unable",
        "conflicting",
        "not_applicable",
    )
    assert states_for("integer", TALK)[:2] == ("answered", "asked_no_answer")
    assert states_for("list", note) == ("answered", "denied", "conflicting", "not_applicable")
    for state, talk in (("denied", TALK), ("declined", note), ("not_asked", TALK)):
        with pytest.raises(ReviewRefusedError, match="allowed: answered"):
            say("pain_level", state, talk=talk)


def test_a_state_without_a_value_takes_none():
    assert say("allergies", "denied").answer_value == []
    assert say("allergies", "declined").answer_text is None
    with pytest.raises(ReviewRefusedError, match="has no value"):
        say("pain_level", "declined", 4)


def test_picked_words_become_evidence_with_their_seconds_and_speaker():
    talk = spoken("nurse: How bad is your pain?", "patient: About a seven today.")
    start = talk.full_text.index("About")
    answer = say("pain_level", value=7, talk=talk, spans=((start - 1, start + len("About a seven ")),))
    [item] = answer.evidence
    assert (item.quote, item.grade, item.role) == ("About a seven", "exact", "patient")
    assert talk.full_text[item.start_char : item.end_char] == item.quote
    assert (item.start_s, item.end_s) == (5.0, 7.8)


def test_evidence_that_stood_there_stays_what_it_was_when_it_is_picked_again():
    stood = ANSWERS["pain_level"].evidence[0]
    assert say("pain_level", value=4, spans=((stood.start_char, stood.end_char),)).evidence == (stood,)


@pytest.mark.parametrize("span", [(5, 5), (-1, 4), (0, 10_000), (9, 4)])
def test_evidence_outside_the_transcript_is_refused(span):
    with pytest.raises(ReviewRefusedError, match="no stretch of words"):
        say("pain_level", value=4, spans=(span,))


def test_conflicting_carries_both_sides():
    with pytest.raises(ReviewRefusedError, match="two pieces"):
        say("pain_level", "conflicting", spans=((0, 5),))
    assert say("pain_level", "conflicting", spans=((0, 5), (8, 12))).answer_text is not None


def test_the_same_outcome_is_the_same_state_and_value_however_written():
    assert same_outcome(say("symptoms", value=["Cough", "fever"]), say("symptoms", value=["fever", "cough"]))
    assert not same_outcome(say("symptoms", value=["cough"]), say("symptoms", "denied"))
    assert same_outcome(confirm(ANSWERS["pain_level"]), ANSWERS["pain_level"])
