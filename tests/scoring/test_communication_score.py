"""The communication score: AIDET, teach-back, plain language; worked by hand."""

from __future__ import annotations

import pytest

from nurseconv_dagster.scoring.communication import communication
from nurseconv_dagster.scoring.plain_language import n_syllables, plain_language, reading_grade
from nurseconv_dagster.scoring.turns import turns_of
from tests.scoring.made_up import RUBRIC, answer, items, question, typed

ELEMENTS = ("acknowledge", "introduce", "duration", "explanation", "thank")
TEACH_BACK = question("teach_back_done", category="education")


def seen(sentence: str, *, before: tuple[str, ...] = ()) -> set[str]:
    """The AIDET elements seen when a nurse says the sentence to a patient."""
    lines = [line for text in (*before, sentence) for line in (("nurse", text), ("patient", "I see that you do."))]
    parts = communication(typed(*lines, language="en"), {}, RUBRIC).parts  # type: ignore[arg-type]
    return {element for element in ELEMENTS if parts[f"{element}_segment_ids"]}


@pytest.mark.parametrize(
    ("sentence", "element"),
    [
        ("Good morning, Mrs. Ortega.", "acknowledge"),
        ("Mr. Hale, are you ready for me?", "acknowledge"),
        ("It's nice to meet you.", "acknowledge"),
        ("My name is Joan.", "introduce"),
        ("I'm one of the night nurses.", "introduce"),
        ("I'm Joan, your nurse.", "introduce"),
        ("I’m Joan.", "introduce"),
        ("I'll be looking after you tonight.", "introduce"),
        ("This should only take about five minutes.", "duration"),
        ("The scan takes half an hour.", "duration"),
        ("I'll be back in ten minutes.", "duration"),
        ("The doctor will see you within the hour.", "duration"),
        ("I'm going to check your blood pressure now.", "explanation"),
        ("We do that because the tablet can upset your stomach.", "explanation"),
        ("Let me explain what happens next.", "explanation"),
        ("Thank you for telling me.", "thank"),
    ],
)
def test_an_element_is_seen_in_plain_speech(sentence: str, element: str) -> None:
    assert element in seen(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Do you have any allergies?",
        "Take two tablets every six hours.",
        "You said it takes your breath away.",
        "I'm going to be honest with you.",
        "No, thank you.",
        "No thanks.",
        "I'm sorry to hear that.",
        "I'm going to the nurse.",
        "How long did the pain last?",
        "It's Monday today and we are on the ward.",
        "Is your morning cough gone?",
        "Thank God you came.",
    ],
)
def test_other_speech_shows_no_element(sentence: str) -> None:
    assert seen(sentence) == set()


def test_a_greeting_counts_only_at_the_start() -> None:
    later = ("Where does it hurt?",) * RUBRIC.communication.opening_turns
    assert seen("Hello, my name is Joan.", before=later) == set()
    assert seen("Thank you for telling me.", before=later) == {"thank"}


def test_the_score_of_a_short_visit() -> None:
    """Acknowledge, introduce, duration and thank are seen, explanation is not: 4/5 = 0.8.

    Teach-back is answered: 1. Plain language: under 100 words, null. (0.5*0.8 + 0.3*1) / 0.8 = 0.875.
    """
    visit = typed(
        ("nurse", "Hello, my name is Joan. This will take five minutes."),
        ("patient", "All right."),
        ("nurse", "Where is the pain? Thank you."),
    )
    scored = communication(visit, items((TEACH_BACK, answer("teach_back_done", value=True))), RUBRIC)
    assert scored.value == pytest.approx(0.875)
    assert scored.parts["aidet"] == pytest.approx(0.8)
    assert (scored.parts["introduce_segment_ids"], scored.parts["thank_segment_ids"]) == ([0], [2])
    assert scored.parts["explanation_segment_ids"] == []


@pytest.mark.parametrize(
    ("state", "value", "earned"),
    [("answered", True, 1), ("answered", False, 0), ("denied", None, 0), ("asked_no_answer", None, 0.5),
     ("declined", None, 1), ("not_asked", None, 0), ("conflicting", True, 0.5)],
)  # fmt: skip
def test_teach_back_earns_by_its_answer(state: str, value: object, earned: float) -> None:
    found = items((TEACH_BACK, answer("teach_back_done", state, value)))  # type: ignore[arg-type]
    assert communication(typed((None, "a")), found, RUBRIC).value == earned


def test_teach_back_is_seen_when_the_patient_answers_in_more_than_a_word() -> None:
    found = items((TEACH_BACK, answer("teach_back_done", "not_asked")))
    request = ("nurse", "Can you tell me in your own words what you will do at home?")
    told, brushed_off = ("patient", "I keep it dry and call you if it gets red."), ("patient", "Sure.")
    assert communication(typed(request, told), found, RUBRIC).parts["teach_back"] == 1
    assert communication(typed(request, brushed_off), found, RUBRIC).parts["teach_back"] == 0
    assert communication(typed(request, told), {}, RUBRIC).parts["teach_back"] is None


def test_with_nobody_to_speak_to_or_without_roles_there_is_nothing_to_judge() -> None:
    hello = "Hello, my name is Joan."
    assert communication(typed(("nurse", hello)), {}, RUBRIC).value is None
    assert communication(typed((None, hello), (None, "Hi.")), {}, RUBRIC).value is None


def test_another_language_is_not_judged() -> None:
    spanish = (("nurse", "Buenos días, me llamo Ana."), ("patient", "Buenos días."))
    assert communication(typed(*spanish, language="es"), {}, RUBRIC).value is None
    assert communication(typed(*spanish), {}, RUBRIC).value is None  # a typed text does not say its language


def test_an_element_that_runs_over_two_segments_has_both_as_evidence() -> None:
    lines = (("nurse", "I'll be back in"), ("nurse", "ten minutes."), ("patient", "Okay, I will wait here."))
    visit = typed(*lines, language="en")  # type: ignore[arg-type]
    assert communication(visit, {}, RUBRIC).parts["duration_segment_ids"] == [0, 1]


def test_the_reading_grade_of_two_sentences() -> None:
    """ "We check your blood pressure." we-check-your-blood-pres|sure: 5 words, 6 syllables.

    "It is low." 3 words, 3 syllables. 0.39*8/2 + 11.8*9/8 - 15.59 = 1.56 + 13.275 - 15.59 = -0.755.
    """
    assert reading_grade(["We check your blood pressure. It is low."]) == pytest.approx(-0.755)


def test_numbers_and_titles_do_not_end_a_sentence() -> None:
    """One sentence of 6 words, "37.2" not counted: see-Dr-Wu-when-it-is, 6 syllables.

    0.39*6 + 11.8*1 - 15.59 = -1.45.
    """
    assert reading_grade(["See Dr. Wu when it is 37.2."]) == pytest.approx(0.39 * 6 + 11.8 - 15.59)


@pytest.mark.parametrize(
    ("word", "n"),
    [("take", 1), ("table", 2), ("tables", 2), ("gives", 1), ("doses", 2), ("moved", 1), ("needed", 2),
     ("medicine", 3), ("medication", 4), ("the", 1), ("blood", 1), ("pressure", 2), ("you", 1), ("hmm", 1)],
)  # fmt: skip
def test_syllables_are_counted_by_vowel_groups(word: str, n: int) -> None:
    assert n_syllables(word) == n


def test_plain_language_falls_from_grade_6_to_grade_12() -> None:
    """100 words of one syllable in sentences of n words: grade 0.39*n + 11.8 - 15.59 = 0.39*n - 3.79.

    n = 10: 0.11, so 1. n = 50: 15.71, so 0. n = 33.3 (three sentences of 33, 33, 34): 9.21, so (12-9.21)/6 = 0.465.
    """
    rules = RUBRIC.communication.plain_language

    def score(*lengths: int) -> float | None:
        text = " ".join("go " * (n - 1) + "now." for n in lengths)
        return plain_language(turns_of(typed(("nurse", text)).segments), rules).value

    assert score(*[10] * 10) == 1
    assert score(50, 50) == 0
    assert score(33, 33, 34) == pytest.approx((12 - (0.39 * 100 / 3 - 3.79)) / 6)
    assert score(50, 49) is None
