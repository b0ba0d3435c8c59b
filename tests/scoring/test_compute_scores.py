"""All scores together: one conversation by hand, silence, and the laws over any answers."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.scoring.compute import SCORE_NAMES, compute_scores
from nurseconv_dagster.scoring.scores import Scores
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.tables import SCORE_COLUMNS
from tests.scoring.made_up import RUBRIC, VERSION, answer, call, extraction, profile, question, silence, spoken, typed

GENERAL = load_catalogue().profiles["general"]
HOME = load_catalogue().profiles["home"]
NOTE = typed((None, "No pain."))


def scores_of(transcript: Transcript, *answers: Any, calls: Any = (), asked: Any = GENERAL) -> Scores:
    return compute_scores(transcript, extraction(*answers, calls=tuple(calls)), asked, VERSION, RUBRIC)


def test_the_scores_are_those_that_the_store_keeps() -> None:
    assert SCORE_NAMES == SCORE_COLUMNS
    assert set(SCORE_NAMES) <= {field.name for field in fields(Scores)}


def test_a_typed_note_by_hand() -> None:
    """Weights 3 (critical, allergies), 2 and 1 (optional); states denied, answered fuzzy, not asked.

    Completeness 5/6, required 5/5, safety-critical 3/3. Confidence (3*0.9 + 2*0.6)/5 = 0.78. Coverage 2/4. Safety 1.
    Overall: no communication, no transcription: exp((.30 ln 5/6 + .20 ln .5 + .15 ln .78 + .20 ln 1) / .85) =
    exp((-0.05470 - 0.13863 - 0.03727 + 0) / .85) = exp(-0.27129) = 0.76240, so 76.24.
    """
    asked = profile(
        question("allergies", 3, "allergies", critical=True),
        question("symptoms", 2, "medical_history"),
        question("follow_up", 1, "follow_up", required=False),
    )
    found = scores_of(
        NOTE,
        answer("allergies", "denied", confidence=0.9),
        answer("symptoms", grade="fuzzy", confidence=0.6, review=True),
        answer("follow_up", "not_asked"),
        calls=[call(4, 2, 1, 1, quote_not_found=2)],
        asked=asked,
    )
    assert found.completeness_score == pytest.approx(5 / 6)
    assert (found.required_completeness, found.safety_completeness) == (1, 1)
    assert found.confidence_score == pytest.approx(0.78)
    assert found.evidence_coverage == 0.5
    assert found.number_faithfulness == 1
    assert found.medical_history_score == pytest.approx((3 + 2 * 0.9) / 5)
    assert found.treatment_score == 0
    assert (found.patient_info_score, found.communication_score, found.transcription_quality_score) == (
        None,
        None,
        None,
    )
    assert found.overall_score == pytest.approx(76.24, abs=0.01)
    assert (found.questions_answered, found.questions_total) == (2, 3)
    assert (found.high_confidence_answers, found.answers_requiring_review) == (2, 1)
    assert (found.score_version, found.catalogue_version) == (RUBRIC.score_version, VERSION)


def test_a_recording_without_speech_has_counts_and_no_scores() -> None:
    rows = [answer(one.id, "not_asked") for one in GENERAL.questions[:10]]
    rows += [answer(one.id, "not_applicable") for one in GENERAL.questions[10:]]
    found = scores_of(silence(), *rows, calls=[call(2, 1)])
    assert all(getattr(found, name) is None for name in SCORE_NAMES)
    assert (found.dynamics, found.news2, found.components) == (None, None, {})
    assert (found.questions_answered, found.questions_total) == (0, 10)


def test_a_typed_conversation_without_any_answer_scores_zero_not_null() -> None:
    found = scores_of(NOTE)
    assert found.completeness_score == 0
    assert found.confidence_score is None
    assert found.evidence_coverage is None


def test_a_poor_recording_is_not_scored_overall_but_keeps_its_parts() -> None:
    poor = spoken(("nurse", 0, 9, "a"), duration_s=10, snr_db=0)
    segment = {**asdict(poor.segments[0]), "avg_logprob": -3.0, "flags": ("low_logprob",), "words": ()}
    poor = Transcript(**{**asdict(poor), "segments": (type(poor.segments[0])(**segment),)})
    found = scores_of(poor, answer("allergies"))
    assert found.transcription_quality_score is not None
    assert found.transcription_quality_score < 0.4
    assert found.overall_score is None
    assert found.components["overall_score"]["withheld_below"] == 0.4
    assert found.completeness_score is not None


def test_a_conflict_in_a_safety_critical_answer_caps_the_overall_score() -> None:
    rows = [answer(one.id, confidence=1.0) for one in GENERAL.questions if one.id != "allergies"]
    found = scores_of(NOTE, *rows, answer("allergies", "conflicting", review=True), calls=[call(12, 12)])
    assert found.overall_score == 60
    assert found.components["overall_score"]["safety_critical_conflicts"] == ["allergies"]
    others = [answer(one.id, confidence=1.0) for one in GENERAL.questions if one.id != "patient_age"]
    uncapped = scores_of(NOTE, *others, answer("patient_age", "conflicting"), calls=[call(12, 12)])
    assert uncapped.overall_score is not None
    assert uncapped.overall_score > 60
    assert uncapped.components["overall_score"]["safety_critical_conflicts"] == []


rows = st.lists(
    st.tuples(
        st.sampled_from(("answered", "denied", "declined", "unable", "asked_no_answer", "conflicting", "not_asked",
                         "not_applicable")),
        st.sampled_from(("exact", "normalised", "fuzzy")),
        st.floats(0, 1),
        st.sampled_from(("word", True, False, 7, ["a", "b"], {"hr": 80, "rr": 16}, None)),
        st.booleans(),
    ),
    min_size=len(HOME.questions),
    max_size=len(HOME.questions),
)  # fmt: skip
claims = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
    lambda pair: call(max(pair), min(pair), max(pair), min(pair))
)
conversations = st.sampled_from(
    (
        NOTE,
        typed(("nurse", "Hello, my name is Joan."), ("patient", "Hi, I am in pain.")),
        spoken(("nurse", 0, 5, "Does it hurt?"), ("patient", 4, 9, "It does."), duration_s=12, snr_db=20),
        spoken((None, 0, 5, "It hurts."), duration_s=12, snr_db=3),
    )
)


def answers_of(drawn: list[Any]) -> list[Any]:
    return [
        answer(one.id, state, value, grade=grade, confidence=confidence, valid=valid)
        for one, (state, grade, confidence, value, valid) in zip(HOME.questions, drawn, strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(rows, st.lists(claims, max_size=3), conversations, st.randoms())
def test_any_answers_give_scores_within_bounds_whatever_their_order(
    drawn: list[Any], calls: list[Any], transcript: Transcript, random: Any
) -> None:
    answers = answers_of(drawn)
    found = scores_of(transcript, *answers, calls=calls, asked=HOME)
    for name in SCORE_NAMES[:-1]:
        value = getattr(found, name)
        assert value is None or 0 <= value <= 1, name
    assert found.overall_score is None or 5 - 1e-9 <= found.overall_score <= 100
    shuffled = list(answers)
    random.shuffle(shuffled)
    assert scores_of(transcript, *shuffled, calls=calls[::-1], asked=HOME) == found


@settings(max_examples=30, deadline=None)
@given(rows, st.lists(claims, max_size=3), conversations)
def test_components_are_numbers_nulls_and_ids_never_words(
    drawn: list[Any], calls: list[Any], transcript: Transcript
) -> None:
    found = scores_of(transcript, *answers_of(drawn), calls=calls, asked=HOME)
    ids = {one.id for one in HOME.questions}
    assert json.loads(json.dumps(found.components, allow_nan=False)) == found.components
    for parts in found.components.values():
        for value in parts.values():
            plain = value if isinstance(value, list) else [value]
            assert all(one is None or isinstance(one, int | float) or one in ids for one in plain)


def test_a_whole_home_visit_with_the_shipped_catalogue() -> None:
    """Every question answered exactly at confidence 1, every claim kept, a clear voice: nothing is missing but AIDET.

    Acknowledge and introduce are seen, the other three are not: 2/5; teach-back 1; too few words for a reading grade.
    Communication (0.5*0.4 + 0.3*1)/0.8 = 0.625. Transcription: exp(-0.1) = 0.90484 at 0.50, unflagged 1 at 0.20, SNR 1
    at 0.15, no timed words: (0.45242 + 0.35)/0.85 = 0.94402.
    Overall: 100 * 0.625^0.10 * 0.94402^0.05 = 100 * 0.95409 * 0.99712 = 95.13.
    """
    visit = spoken(("nurse", 0, 4, "Hello, my name is Joan."), ("patient", 4, 8, "Come in."), duration_s=10, snr_db=30)
    rows = [answer(one.id, value=True if one.id in ("identity_verified", "teach_back_done") else "word", confidence=1)
            for one in HOME.questions]  # fmt: skip
    found = scores_of(visit, *rows, calls=[call(29, 29)], asked=HOME)
    assert found.communication_score == pytest.approx(0.625)
    assert found.transcription_quality_score == pytest.approx(0.94402, abs=1e-5)
    assert found.overall_score == pytest.approx(95.13, abs=0.01)
    assert found.information_density_score == 1
    assert found.dynamics is not None
