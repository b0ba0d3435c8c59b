"""Conversation dynamics: worked by hand on short recordings."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.scoring.dynamics import conversation_dynamics
from nurseconv_dagster.scoring.intervals import length_s, union
from nurseconv_dagster.speech.transcripts import Segment
from tests.scoring.made_up import RUBRIC, recording, spoken, timed, typed


def dynamics(*lines: tuple, duration_s: float, **facts: object) -> dict:
    found = conversation_dynamics(spoken(*lines, duration_s=duration_s, **facts), RUBRIC)
    assert found is not None
    return found


def test_a_conversation_in_figures() -> None:
    """60 s: nurse 0-10 (10 words), patient 9-19 (20 words), silence 19-25, nurse 25-35 and 36-46, patient 46-50.

    Own speech: nurse 30 s, patient 14 s; shares 30/44 and 14/44. Together 0-19, 25-35, 36-50 = 43 s: silence 17/60.
    Turns: nurse, patient, nurse, patient: 4 a minute. Silences between words: 6 s and 1 s: one pause.
    The patient starts 1 s before the nurse ends: one interruption. Longest nurse turn: 10 + 10 = 20 s.
    Nurse: 30 words in 30 s = 60 a minute. Patient: 28 words in 14 s = 120 a minute; one question in one minute.
    """
    found = dynamics(
        ("nurse", 0, 10, "What brings you in today? How old are you now?"),
        ("patient", 9, 19, "word " * 20),
        ("nurse", 25, 35, "word " * 10),
        ("nurse", 36, 46, "word " * 10),
        ("patient", 46, 50, "one two three four five six seven eight?"),
        duration_s=60,
    )
    assert found["talk_share"] == pytest.approx({"nurse": 30 / 44, "patient": 14 / 44})
    assert found["silence_ratio"] == pytest.approx(17 / 60)
    assert found["turns_per_minute"] == pytest.approx(4)
    assert (found["n_pauses"], found["longest_pause_s"]) == (1, pytest.approx(6))
    assert found["interruptions"] == {"nurse": 0, "patient": 1}
    assert found["longest_nurse_monologue_s"] == pytest.approx(20)
    assert found["words_per_minute"] == pytest.approx({"nurse": 60, "patient": 120})
    assert found["patient_questions_per_minute"] == pytest.approx(1)
    assert found["open_question_share"] == 0.5


def test_overlap_does_not_hide_silence() -> None:
    """Both speak 0-10 of 20 s: 20 s of talk, and still half of the recording is silent."""
    found = dynamics(("nurse", 0, 10, "a"), ("patient", 0, 10, "b"), duration_s=20)
    assert found["silence_ratio"] == pytest.approx(0.5)
    assert found["talk_share"] == {"nurse": 0.5, "patient": 0.5}
    assert found["interruptions"] == {"nurse": 0, "patient": 0}  # who starts together interrupts nobody


@pytest.mark.parametrize(("gap_s", "n"), [(2.99, 0), (3.0, 1), (3.5, 1)])
def test_a_pause_lasts_three_seconds_or_more(gap_s: float, n: int) -> None:
    found = dynamics(("nurse", 0, 2.1, "a"), ("patient", 2.1 + gap_s, 9, "b"), duration_s=9)
    assert found["n_pauses"] == n


@pytest.mark.parametrize(("start_s", "n"), [(4.51, 0), (4.5, 1), (4.0, 1), (5.0, 0)])
def test_an_interruption_overlaps_half_a_second_or_more(start_s: float, n: int) -> None:
    found = dynamics(("nurse", 0, 5, "a"), ("patient", start_s, 9, "but wait"), duration_s=9)
    assert found["interruptions"]["patient"] == n


def test_a_listener_s_sign_is_no_interruption_and_ends_no_turn() -> None:
    lines = (("nurse", 0, 10, "a"), ("patient", 4, 5, "Mm-hmm, okay."), ("nurse", 10, 20, "b"))
    found = dynamics(*lines, duration_s=20)
    assert found["interruptions"] == {"nurse": 0}
    assert found["longest_nurse_monologue_s"] == pytest.approx(20)
    assert found["turns_per_minute"] == pytest.approx(3)  # 1 turn in 20 s


def test_the_same_word_after_a_question_is_an_answer() -> None:
    found = dynamics(
        ("nurse", 0, 10, "Does it hurt?"), ("patient", 10, 11, "Yeah."), ("nurse", 11, 20, "b"), duration_s=20
    )
    assert found["turns_per_minute"] == pytest.approx(9)  # 3 turns in 20 s


def test_a_silence_inside_a_segment_is_seen_in_its_words() -> None:
    """One segment of 0-10 s with words at 0-1 and 9-10: 8 s are silent."""
    words = (timed("one", 0, 1), timed("two", 9, 10))
    segment = Segment(0, "one two", 0, 10, "nurse", "nurse", words=words)
    found = conversation_dynamics(recording([segment], 10), RUBRIC)
    assert found is not None
    assert (found["n_pauses"], found["silence_ratio"]) == (1, pytest.approx(0.8))


def test_without_roles_or_times_there_are_no_dynamics() -> None:
    assert conversation_dynamics(spoken((None, 0, 5, "a"), duration_s=5), RUBRIC) is None
    assert conversation_dynamics(typed(("nurse", "a"), ("patient", "b")), RUBRIC) is None


def test_a_tenth_of_the_speech_may_be_without_a_role() -> None:
    assert conversation_dynamics(spoken(("nurse", 0, 9, "a"), (None, 9, 10, "b"), duration_s=10), RUBRIC) is not None
    assert conversation_dynamics(spoken(("nurse", 0, 8, "a"), (None, 8, 10, "b"), duration_s=10), RUBRIC) is None


def test_two_nurses_take_turns_though_they_share_a_role() -> None:
    segments = [
        Segment(0, "a", 0, 5, "channel_0", "nurse"),
        Segment(0, "b", 5, 8, "channel_1", "nurse"),
    ]
    found = conversation_dynamics(recording(segments, 60), RUBRIC)
    assert found is not None
    assert found["turns_per_minute"] == pytest.approx(2)
    assert found["patient_questions_per_minute"] is None
    assert found["open_question_share"] is None


def test_what_needs_the_word_lists_is_null_in_another_language() -> None:
    found = dynamics(("nurse", 0, 5, "¿Qué le pasa?"), ("patient", 5, 9, "Me duele."), duration_s=9, language="es")
    assert found["interruptions"] is None
    assert found["open_question_share"] is None
    assert found["turns_per_minute"] > 0


seconds = st.floats(0, 100)
intervals = st.lists(st.tuples(seconds, seconds), max_size=20)


@given(intervals)
def test_a_union_is_in_order_apart_and_no_longer_than_its_parts(parts: list[tuple[float, float]]) -> None:
    merged = union(parts)
    assert all(before[1] < after[0] for before, after in pairwise(merged))
    assert length_s(merged) <= sum(max(0.0, end - start) for start, end in parts) + 1e-4
    assert union(merged) == merged


@given(st.lists(st.tuples(st.sampled_from(["nurse", "patient"]), seconds, seconds), min_size=1, max_size=15))
def test_shares_stay_between_0_and_1(rows: list[tuple[str, float, float]]) -> None:
    lines = sorted((role, min(a, b), max(a, b), "word") for role, a, b in rows)
    found = conversation_dynamics(spoken(*lines, duration_s=90), RUBRIC)  # type: ignore[arg-type]
    if found is None:
        return
    assert sum(found["talk_share"].values()) == pytest.approx(1)
    assert 0 <= found["silence_ratio"] <= 1
