"""Results are judged as a careful person would judge them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.evaluation.comparing import Case, Comparison, compare_answers, evaluate, token_f1
from nurseconv_dagster.evaluation.references import Reference, ReferenceAnswer, load_references
from nurseconv_dagster.evaluation.tables import render_report
from nurseconv_dagster.evaluation.tallies import Tally, tally_by_question, tally_by_state
from nurseconv_dagster.evaluation.word_errors import count_word_errors, word_error_rate

VOCABULARY = ["no", "pain", "four", "ten", "milligrams", "aspirin", "the", "left", "daily"]
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join)


def compare(expected: dict[str, Any], given: dict[str, Any] | None) -> Comparison:
    rows = [] if given is None else [{"question_id": "q", "answer_text": None, "answer_value": None, **given}]
    return compare_answers({"q": ReferenceAnswer(**expected)}, rows)["q"]


def counts(comparison: Comparison) -> tuple[int, int, int]:
    return comparison.tp, comparison.fp, comparison.fn


def test_spelling_of_numbers_articles_case_and_punctuation_do_not_matter() -> None:
    spoken = "Metformin, five hundred milligrams twice a day"

    assert token_f1(spoken, "metformin 500 mg twice a day") == 1
    assert token_f1("one forty over eighty-five", "140/85") == 1
    assert token_f1("a left hip", "The left hip.") == 1


def test_a_right_answer_counts_once() -> None:
    comparison = compare(
        {"state": "answered", "text": "penicillin"}, {"state": "answered", "answer_text": "Penicillin."}
    )

    assert counts(comparison) == (1, 0, 0)
    assert comparison.state_ok
    assert comparison.text_f1 == 1


def test_a_wrong_answer_is_both_false_and_missing() -> None:
    comparison = compare({"state": "answered", "text": "penicillin"}, {"state": "answered", "answer_text": "latex"})

    assert counts(comparison) == (0, 1, 1)


def test_half_of_the_words_are_enough_and_less_is_not() -> None:
    expected = {"state": "answered", "text": "lower back pain"}

    assert counts(compare(expected, {"state": "answered", "answer_text": "back"})) == (1, 0, 0)
    assert counts(compare(expected, {"state": "answered", "answer_text": "my back hurts"})) == (0, 1, 1)


@pytest.mark.parametrize("given", [None, {"state": "not_asked"}, {"state": "declined"}])
def test_a_missing_answer_is_missed_and_nothing_else(given: dict[str, Any] | None) -> None:
    assert counts(compare({"state": "answered", "text": "penicillin"}, given)) == (0, 0, 1)


@pytest.mark.parametrize("state", ["not_asked", "declined", "asked_no_answer", "unable", "not_applicable"])
def test_an_answer_that_nobody_gave_is_false(state: str) -> None:
    assert counts(compare({"state": state}, {"state": "answered", "answer_text": "penicillin"})) == (0, 1, 0)
    assert counts(compare({"state": state}, {"state": "not_asked"})) == (0, 0, 0)


def test_a_denial_read_as_an_answer_is_wrong_whatever_its_words() -> None:
    denied = {"state": "denied", "text": "no allergies at all"}

    assert counts(compare(denied, {"state": "denied", "answer_text": "none"})) == (1, 0, 0)
    assert counts(compare(denied, {"state": "answered", "answer_text": "no allergies at all"})) == (0, 1, 1)


def test_a_single_number_is_right_or_wrong_and_its_words_do_not_help() -> None:
    four = {"state": "answered", "text": "a four", "value": 4}

    right = compare(four, {"state": "answered", "answer_text": "4 out of 10", "answer_value": 4})
    wrong = compare(four, {"state": "answered", "answer_text": "a four", "answer_value": 5})
    untyped = compare(four, {"state": "answered", "answer_text": "a four"})

    assert [counts(one) for one in (right, wrong, untyped)] == [(1, 0, 0), (0, 1, 1), (0, 1, 1)]


def test_true_is_not_one_and_one_is_one_point_zero() -> None:
    yes, one = {"state": "answered", "text": "yes", "value": True}, {"state": "answered", "text": "one", "value": 1}

    assert compare(yes, {"state": "answered", "answer_value": 1}).value_share == 0
    assert compare(one, {"state": "answered", "answer_value": True}).value_share == 0
    assert compare(one, {"state": "answered", "answer_value": 1.0}).value_share == 1


def test_of_a_panel_the_expected_fields_are_compared_one_by_one() -> None:
    expected = {"state": "answered", "text": "one forty over eighty-five", "value": {"bp_sys": 140, "bp_dia": 85}}
    given = {"state": "answered", "answer_text": "BP", "answer_value": {"bp_sys": 140, "bp_dia": 58, "hr": 70}}

    assert compare(expected, given).value_share == 0.5
    assert compare(expected, {**given, "answer_value": None}).value_share == 0


def test_a_list_of_choices_is_equal_in_any_order_and_only_as_a_whole() -> None:
    expected = {"state": "answered", "text": "metformin; aspirin", "value": ["hypoglycemic", "antiplatelet"]}

    assert compare(expected, {"state": "answered", "answer_value": ["antiplatelet", "hypoglycemic"]}).tp == 1
    assert compare(expected, {"state": "answered", "answer_value": ["antiplatelet"]}).tp == 0


def test_questions_outside_the_reference_are_not_judged() -> None:
    rows = [{"question_id": "other", "state": "answered", "answer_text": "x", "answer_value": None}]

    assert compare_answers({}, rows) == {}


@given(WORDS, WORDS)
def test_token_f1_is_symmetric_and_between_nothing_and_all(one: str, other: str) -> None:
    assert token_f1(one, other) == token_f1(other, one)
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, one) == 1


def test_word_errors_are_counted_after_normalisation() -> None:
    assert word_error_rate("I take ten tablets, don't I?", "i take 10 tablets do not i") == 0
    assert word_error_rate("one two three four words here", "one two three four birds here") == pytest.approx(1 / 3)
    assert word_error_rate("said", "") == 1


def test_words_heard_in_silence_are_errors_without_a_rate() -> None:
    assert count_word_errors("", "thank you for watching").n_errors == 4
    assert word_error_rate("", "thank you for watching") is None
    assert word_error_rate("", "") is None


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)

    with pytest.raises(SettingsError, match=r"nurseconv\[evaluation\]") as raised:
        word_error_rate("a", "b")
    assert raised.value.code == "missing_extra"


def test_totals_pool_words_and_leave_out_damaged_and_typed_conversations() -> None:
    evaluation = evaluate(
        [case("long", "b c d e f g h i", "b c d e f g h x"), case("short", "b c", "x y"), TYPED, DAMAGED]
    )

    assert set(evaluation.words) == {"long", "short"}
    assert evaluation.all_words.rate == pytest.approx(3 / 10)
    assert set(evaluation.comparisons) == {"long", "short", "typed"}


def test_a_recording_without_a_transcript_counts_as_wholly_misheard() -> None:
    assert evaluate([case("lost", "b c d", None)]).all_words.rate == 1


def test_false_answers_are_counted_over_the_unanswerable_questions_only() -> None:
    evaluation = evaluate(
        [
            case("one", "", "", {"p": "not_asked", "q": "declined", "r": "not_asked"}, {"p": "answered"}),
            case("two", "", "", {"p": "answered", "q": "not_asked"}, {"p": "answered", "q": "not_asked"}),
        ]
    )

    assert evaluation.false_answer_rate == pytest.approx(1 / 4)
    assert tally_by_question(evaluation) == {"p": Tally(tp=1, fp=1), "q": Tally(), "r": Tally()}
    assert tally_by_state(evaluation)["answered"] == Tally(tp=1, fp=1)
    assert tally_by_state(evaluation)["declined"] == Tally(fn=1)


def test_rates_without_a_case_are_null() -> None:
    empty, nothing = evaluate([]), Tally()

    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    assert (empty.false_answer_rate, empty.mean_text_f1, empty.all_words.rate, empty.state_accuracy) == (None,) * 4
    assert "-" in render_report(empty)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_lies_between_precision_and_recall(tp: int, fp: int, fn: int) -> None:
    tally = Tally(tp, fp, fn)
    if tally.precision is not None and tally.recall is not None and tally.f1 is not None:
        low, high = sorted((tally.precision, tally.recall))
        assert low - 1e-9 <= tally.f1 <= high + 1e-9


def test_a_report_shows_every_conversation_question_and_state_but_no_words_of_them() -> None:
    report = render_report(
        evaluate([case("one", "secret words", "secret birds", {"p": "answered"}, {"p": "answered"})])
    )

    assert all(label in report for label in ("one", "p  ", "answered", "50.0 %", "precision"))
    assert "secret" not in report
    assert "penicillin" not in report


def test_references_are_read_by_name(tmp_path: Path) -> None:
    write_reference(tmp_path, "b")
    write_reference(tmp_path, "a", {"q": {"state": "denied", "text": "none"}})

    assert [reference.name for reference in load_references(tmp_path)] == ["a", "b"]
    assert load_references(tmp_path)[0].answers["q"].value is None


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "answered"},
        {"state": "not_asked", "text": "penicillin"},
        {"state": "maybe", "text": "penicillin"},
        {"state": "answered", "text": "penicillin", "comment": "penicillin"},
    ],
)
def test_a_wrong_reference_is_refused_with_its_place_and_without_its_words(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    write_reference(tmp_path, "a")
    write_reference(tmp_path, "jane_doe", {"allergies": answer})

    with pytest.raises(SettingsError, match=r"reference 2 .*allergies") as raised:
        load_references(tmp_path)
    assert "penicillin" not in str(raised.value)
    assert "jane" not in str(raised.value)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b'"text"'])
def test_what_is_no_reference_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)

    with pytest.raises(SettingsError, match="reference 1"):
        load_references(tmp_path)


def case(
    name: str,
    said: str,
    heard: str | None,
    expected: dict[str, str] | None = None,
    given: dict[str, str] | None = None,
    *,
    file: str = "a.ogg",
    outcome: str = "speech",
) -> Case:
    answers = {
        id_: {"state": state, "text": "penicillin" if state == "answered" else None}
        for id_, state in (expected or {}).items()
    }
    reference = Reference.model_validate(
        {
            "name": name,
            "file": file,
            "outcome": outcome,
            "transcript": [{"role": "nurse", "text": said}],
            "answers": answers,
        }
    )
    rows = [
        {"question_id": id_, "state": state, "answer_text": "penicillin", "answer_value": None}
        for id_, state in (given or {}).items()
    ]
    return Case(reference, heard, rows, is_typed=file.endswith(".txt"))


TYPED = case("typed", "b c", "x y", file="note.txt")
DAMAGED = case("damaged", "b c", None, outcome="damaged")


def write_reference(folder: Path, name: str, answers: dict[str, Any] | None = None) -> None:
    content = {"file": f"{name}.ogg", "outcome": "speech", "transcript": [], "answers": answers or {}}
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
