"""Laws of replies: what is not exactly as asked for is no reply, and nothing is read into it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.errors import ProviderReplyError
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.hosted.replies import MALFORMED, MAX_QUOTES, Reading, read_reply, reply_schema
from nurseconv_dagster.extraction.hosted.windows import QUESTIONS_PER_CALL
from tests.fakes.model_client import said

EVERY = {q.id: q for profile in load_catalogue().profiles.values() for q in profile.questions}
ASKED = (EVERY["allergies"], EVERY["identity_verified"], EVERY["code_status"], EVERY["pain_level"])
SHOWN = frozenset(range(10))
SECRET = "Zebulon"


def reply(**parts: Any) -> dict[str, Any]:
    silent = {
        "allergies": said("not_asked"),
        "identity_verified": said("not_asked", choice="none"),
        "code_status": said("not_asked", choice="none"),
        "pain_level": said("not_asked"),
    }
    return {**silent, **parts}


def read(said_: Any) -> Reading:
    return read_reply(said_ if isinstance(said_, str) else json.dumps(said_), ASKED, SHOWN)


def refused(text: Any) -> ProviderReplyError:
    with pytest.raises(ProviderReplyError) as caught:
        read(text)
    assert caught.value.code == MALFORMED
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_good_reply_becomes_one_claim_per_question() -> None:
    reading = read(reply(allergies=said("answered", ("allergic to latex", [3, 4]), ("nuts", []))))
    assert [claim.question_id for claim in reading.claims] == [question.id for question in ASKED]
    claim = reading.claims[0]
    assert (claim.state, claim.quotes) == ("answered", (("allergic to latex", (3, 4)), ("nuts", ())))
    assert (claim.value, claim.probability, claim.call_no) == (None, None, None)


@pytest.mark.parametrize(
    ("question_id", "choice", "state", "value"),
    [
        ("identity_verified", "yes", "answered", True),
        ("identity_verified", "no", "answered", False),
        ("identity_verified", "none", "answered", None),
        ("identity_verified", "yes", "declined", None),
        ("code_status", "dnr", "answered", "dnr"),
        ("code_status", "none", "answered", None),
        ("code_status", "dnr", "conflicting", None),
    ],
)
def test_only_a_choice_that_was_answered_is_a_value(question_id: str, choice: str, state: str, value: Any) -> None:
    reading = read(reply(**{question_id: said(state, ("words", [1]), choice=choice)}))
    assert next(claim for claim in reading.claims if claim.question_id == question_id).value == value


@pytest.mark.parametrize(
    "text",
    [
        "```json\n%s\n```",
        "Here is the reply you asked for:\n%s",
        "%s\nLet me know, if you need more.",
        "\ufeff  %s  ",
    ],
)
def test_prose_and_fences_around_the_object_are_cut_off(text: str) -> None:
    assert read(text % json.dumps(reply(), indent=1)) == read(reply())


WHOLE = json.dumps(reply())


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        "{}",
        "[]",
        f"[{WHOLE}]",
        f"{WHOLE} {WHOLE}",
        f"{WHOLE}]",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        "}{",
        "null",
        '{"a":' * 100_000 + "}" * 100_000,
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        WHOLE.replace("[]", "[NaN]", 1),
        WHOLE.replace("[]", "[-Infinity]", 1),
        WHOLE.replace("[]", f"[{'9' * 5000}]", 1),
        WHOLE.replace('"evidence"', f'"{SECRET}"', 1),
        "{" + f'"allergies": {json.dumps(said(SECRET))}, ' + WHOLE[1:],
        WHOLE.replace('"state": "not_asked"', '"state": "denied", "state": "not_asked"', 1),
    ],
)
def test_what_is_not_one_whole_object_of_the_asked_shape_is_refused(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    "part",
    [
        None,
        "answered",
        {},
        {"state": "answered"},
        said(SECRET),
        said("not_applicable"),
        said("answered", choice="yes"),
        {**said("answered"), "value": SECRET},
        {**said("answered"), "evidence": None},
        {**said("answered"), "evidence": [SECRET]},
        {**said("answered"), "evidence": [{"quote": SECRET}]},
        {**said("answered"), "evidence": [{"segment_ids": [1], "quote": 7}]},
        {**said("answered"), "evidence": [{"segment_ids": ["1"], "quote": SECRET}]},
        {**said("answered"), "evidence": [{"segment_ids": [True], "quote": SECRET}]},
        {**said("answered"), "evidence": [{"segment_ids": [1.0], "quote": SECRET}]},
        {**said("answered"), "evidence": [{"segment_ids": 1, "quote": SECRET}]},
    ],
)
def test_a_part_of_another_shape_is_refused(part: Any) -> None:
    refused(reply(allergies=part))


def test_a_state_that_the_question_cannot_have_and_a_choice_of_another_set_are_refused() -> None:
    refused(reply(pain_level=said("denied", ("no pain", [1]))))
    refused(reply(code_status=said("answered", choice=SECRET)))
    refused(reply(identity_verified=said("answered")))


def test_a_question_left_out_or_added_is_refused_with_counts() -> None:
    short = reply()
    del short["allergies"]
    assert "left out 1" in str(refused(short))
    assert "not asked for in 1" in str(refused({**reply(), SECRET: said("answered")}))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1.0", "1e999"])
def test_only_whole_numbers_are_read(number: str) -> None:
    good = json.dumps(reply(allergies=said("answered", ("latex", [3]))))
    assert "whole number" in str(refused(good.replace("[3]", f"[{number}]")))


def test_the_same_question_twice_is_refused_and_the_rule_is_named() -> None:
    twice = "{" + f'"allergies": {json.dumps(said("not_asked"))}, ' + WHOLE[1:]
    assert "twice" in str(refused(twice))


def test_evidence_in_a_segment_that_was_never_shown_is_left_out() -> None:
    reading = read(reply(allergies=said("answered", ("latex", [3]), ("nuts", [3, 10]), ("eggs", [-1]))))
    assert reading.claims[0].quotes == (("latex", (3,)),)
    assert reading.n_dropped == 0


def test_a_claim_with_no_other_evidence_is_dropped_and_counted() -> None:
    reading = read(reply(allergies=said("answered", ("nuts", [99])), pain_level=said("answered", ("five", [2]))))
    assert [claim.question_id for claim in reading.claims] == ["identity_verified", "code_status", "pain_level"]
    assert reading.n_dropped == 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PART = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["answered", "denied", "not_asked", "declined"]) | ANYTHING,
        "evidence": st.lists(
            st.fixed_dictionaries({"segment_ids": st.lists(st.integers(-2, 12)), "quote": st.text(max_size=8)}),
            max_size=3,
        )
        | ANYTHING,
    },
    optional={"choice": st.sampled_from(["yes", "no", "none", "dnr"]) | ANYTHING},
)
REPLY = st.fixed_dictionaries({question.id: PART | ANYTHING for question in ASKED}, optional={"extra": ANYTHING})
AROUND = st.sampled_from(["", "```", "```json\n", "Sure: "]) | st.text(max_size=6)
EVIDENCE = st.lists(
    st.fixed_dictionaries({"segment_ids": st.lists(st.integers(-2, 12), max_size=3), "quote": st.text(max_size=8)}),
    max_size=3,
)
GOOD = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                key: EVIDENCE if key == "evidence" else st.sampled_from(shape["enum"])
                for key, shape in part["properties"].items()
            }
        )
        for name, part in reply_schema(ASKED)["properties"].items()
    }
)


@given(AROUND, REPLY | ANYTHING, AROUND)
@settings(max_examples=300)
def test_whatever_comes_is_read_as_asked_or_refused_as_malformed(before: str, said_: Any, after: str) -> None:
    try:
        check(read(before + json.dumps(said_) + after))
    except ProviderReplyError as error:
        if error.code != MALFORMED:
            raise


@given(GOOD)
@settings(max_examples=200)
def test_no_claim_is_about_what_was_not_asked_or_not_shown(said_: Any) -> None:
    check(read(said_))


def check(reading: Reading) -> None:
    assert len(reading.claims) + reading.n_dropped == len(ASKED)
    assert {claim.question_id for claim in reading.claims} <= {question.id for question in ASKED}
    assert {i for claim in reading.claims for _, ids in claim.quotes for i in ids} <= SHOWN


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_no_text_breaks_the_reading(text: str) -> None:
    with pytest.raises(ProviderReplyError):
        read(text)


def test_the_schema_that_is_sent_is_the_schema_that_is_checked() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(reply_schema(ASKED))
    assert Draft202012Validator(reply_schema(ASKED)).is_valid(reply())


def test_a_reply_that_repeats_itself_without_end_is_malformed() -> None:
    evidence = [("words", [1])] * (MAX_QUOTES + 1)
    assert read(reply(allergies=said("answered", *evidence[1:])))
    with pytest.raises(ProviderReplyError, match=f"more than {MAX_QUOTES} items in 1 places"):
        read(reply(allergies=said("answered", *evidence)))


def test_the_limits_of_the_longest_schema_stay_below_what_gemini_refuses() -> None:
    assert MAX_QUOTES * QUESTIONS_PER_CALL < 960
