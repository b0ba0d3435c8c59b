"""What is replaced and what is left alone, phrase by phrase; and the floor under what the labelled talks measure."""

from __future__ import annotations

import importlib.util
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.extraction.privacy.deidentify import deidentify
from nurseconv_dagster.extraction.privacy.digit_runs import digits_of
from nurseconv_dagster.extraction.privacy.lexicon import given_names, is_ordinary
from nurseconv_dagster.extraction.privacy.modes import SENTENCES, Privacy
from tests.fakes.talks import typed

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location("privacy_bench", ROOT / "benchmarks" / "privacy.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def replaced(*lines: str, known: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Kind and original words of each replacement."""
    talk = typed(*lines)
    return [(item.kind, talk.full_text[slice(*item.span)]) for item in deidentify(talk, known, "key").replacements]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["My name is Xiadani Quarterman."], "Xiadani Quarterman"),
        (["I'm nurse Beth.", "Thanks, Beth."], "Beth Beth"),
        (["This is Doctor Osgood-Lee."], "Osgood Lee"),
        (["Can you confirm your name?", "Rosa Alvarez."], "Rosa Alvarez"),
        (["What should I call you?", "Call me Will.", "Will you sit up, Will?"], "Will Will Will"),
        (["Mrs. O'Brien's chart. O'Brien is next."], "O'Brien O'Brien"),
        (["My sister Hope came. I hope so."], "Hope"),
        (["my name is gloria espinoza and my son is luis", "hi luis"], "gloria espinoza luis luis"),
        (["nurse: what's your name", "patient: bill", "nurse: did the bill come"], "bill bill"),
        (["Name: ALVAREZ, ROSA"], "ALVAREZ ROSA"),
        (["Seen by K. Underwood, RN."], "K Underwood"),
        (["Dr. Graves is in.", "It is spelled G-R-A-V-E-S."], "Graves G-R-A-V-E-S"),
        (["Joan speaking."], "Joan"),
    ],
)
def test_names_are_found_where_they_are_introduced_and_later(lines: list[str], names: str) -> None:
    assert replaced(*lines) == [("name", name) for name in names.split()]


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("Born March 3rd 1962.", "date", "March 3rd 1962"),
        ("It was 03/03/62 then.", "date", "03/03/62"),
        ("It was on 23/11/1947.", "date", "23/11/1947"),
        ("born the third of march nineteen sixty two okay", "date", "third of march nineteen sixty two"),
        ("Date of birth? Two fourteen eighty eight.", "date", "Two fourteen eighty eight"),
        ("See you on the 14th.", "date", "14th"),
        ("On Friday the sixteenth at two.", "date", "sixteenth"),
        ("It was in June 2025.", "date", "June 2025"),
        ("Call 555-0147.", "phone", "555-0147"),
        ("It's (614) 555-0188, okay?", "phone", "(614) 555-0188"),
        ("my number is five five five zero one four seven", "phone", "five five five zero one four seven"),
        (
            "my cell is eight hundred five five five twelve thirty four",
            "phone",
            "eight hundred five five five twelve thirty four",
        ),
        ("Page me at extension 4471.", "phone", "4471"),
        ("MRN: A-204-5531.", "record", "A-204-5531"),
        ("Your member ID? H 4 4 8 1 9 0 2.", "record", "H 4 4 8 1 9 0 2"),
        ("SSN 078-05-1120.", "record", "078-05-1120"),
        ("Medicare number is 1EG4-TE5-MK73.", "record", "1EG4-TE5-MK73"),
        ("She is in room 214B.", "room", "214B"),
        ("room two twelve is free", "room", "two twelve"),
        ("Write to irene.castle@northmail.org.", "email", "irene.castle@northmail.org"),
        ("it's irene dot castle at northmail dot org", "email", "irene dot castle at northmail dot org"),
        ("I live at 1801 Lakeview Drive, Apt 3C.", "address", "1801 Lakeview Drive, Apt 3C"),
        ("my address is twenty two oak street", "address", "twenty two oak"),
        ("My zip code is 62704.", "zip", "62704"),
        ("I'm 93.", "age", "93"),
        ("a 102-year-old woman", "age", "102"),
        ("he is ninety-one years old", "age", "ninety-one"),
    ],
)
def test_everything_else_is_found_in_many_forms(line: str, kind: str, words: str) -> None:
    assert replaced(line) == [(kind, words)]


@pytest.mark.parametrize(
    "line",
    [
        "Pain went from 7/10 to 4/10 on 5/10 effort, strength 4/5.",
        "Your oxygen is 94 on 2 liters, she's 95 percent and he is 92 kilos.",
        "She is 91 over 60 and her pulse is 93, he's 98 on room air.",
        "Give 500-1000 mL, 2000 units, platelets 250000, calories 1500.",
        "You may first feel dizzy. Three may help. I will mark it. The bill was high.",
        "Head of bed 30 degrees. In bed 3 days. Bed rest. Room air.",
        "Crohn's disease, Foley catheter, Braden 18, Glasgow 15, Apgar 9, Graves disease.",
        "MS Contin 15 mg. Don't miss a dose. The doctor will see you at 8:30.",
        "Temperature one oh one point two, sugar one two three, pressure one twenty over eighty.",
        "My surgery was in 1998. It hurts since May. I come on Tuesday. I'm 72.",
        "Ten minutes down the street, two blocks from the court.",
        "I have hope, it will be long, and she rose early.",
    ],
)
def test_words_and_numbers_of_care_are_left_alone(line: str) -> None:
    assert replaced(line) == []
    assert replaced(line.lower()) == []


def test_known_names_are_found_without_an_introduction() -> None:
    line = "then quarterman took the pills, and xia held the cup, see enc-2057"
    assert replaced(line) == []
    assert [words for _, words in replaced(line, known=("Xia Quarterman", "enc-2057"))] == [
        "quarterman",
        "xia",
        "enc-2057",
    ]


def test_a_known_name_that_is_a_word_needs_a_capital_or_its_family_name() -> None:
    assert replaced("i will go, will frost said", known=("Will Frost",))[-2:] == [("name", "will"), ("name", "frost")]
    assert replaced("I will go.", known=("Will",)) == []


def test_dates_keep_their_form_and_their_distance() -> None:
    talk = typed("Seen on 10/06/2025 and on 10/20/2025.", "Born the third of March, nineteen sixty-two.")
    text = deidentify(talk, (), "key").transcript.full_text
    days = [datetime.strptime(day, "%m/%d/%Y") for day in re.findall(r"\d\d/\d\d/\d{4}", text)]  # noqa: DTZ007
    assert days[1] - days[0] == timedelta(days=14)
    assert re.search(r"Born the [a-z ]+ of [A-Z][a-z]+, nineteen sixty-[a-z]+\.", text)


def test_many_names_get_as_many_others_and_none_of_the_talk() -> None:
    names = [name.title() for name in given_names() if len(name) > 3 and not is_ordinary(name)][:220]
    talk = typed(*(f"My sister {name} came." for name in names))
    veiled = deidentify(talk, (), "key").transcript
    others = [segment.text.split()[2] for segment in veiled.segments]
    assert len(set(others)) == len(names)
    assert not set(others) & set(names)


def test_other_digits_stand_nowhere_in_the_talk() -> None:
    said = {str(number) for number in range(2000, 8000, 2)}
    talk = typed(" ".join(f"{number} mL." for number in sorted(said)), "Page me at extension 4471.")
    for key in range(8):
        new = re.search(r"extension (\d+)", deidentify(talk, (), f"{key}").transcript.full_text)
        assert new is not None
        assert new[1] not in said


def test_one_number_in_two_forms_gets_one_surrogate() -> None:
    text = deidentify(
        typed("Call 555-0147.", "Yes, five five five zero one four seven."), (), "key"
    ).transcript.full_text
    digits = re.search(r"\d{3}-\d{4}", text)
    assert digits is not None
    said = [digits_of(word) for word in re.findall(r"[a-z]+", text.split("Yes, ")[1])]
    assert "".join(said) == digits.group().replace("-", "")


def test_an_old_age_becomes_ninety_or_what_is_free() -> None:
    assert deidentify(typed("I'm 97."), (), "key").transcript.full_text == "I'm 90."
    assert deidentify(typed("I'm 97, pulse 90."), (), "key").transcript.full_text == "I'm 91, pulse 90."
    assert deidentify(typed("I am a hundred and two."), (), "key").transcript.full_text == "I am ninety."


@given(st.lists(st.text(max_size=60), max_size=4), st.lists(st.text(max_size=12), max_size=2), st.text(max_size=5))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_it(lines: list[str], known: list[str], key: str) -> None:
    talk = typed(*(" ".join(line.split()) for line in lines))
    veiled = deidentify(talk, known, key)
    assert len(veiled.transcript.segments) == len(talk.segments)


def test_a_talk_without_words_is_fine() -> None:
    assert deidentify(typed(), ("Rosa",), "key").transcript.full_text == ""


def test_every_mode_is_told_in_one_sentence_that_promises_no_more_than_it_keeps() -> None:
    assert set(SENTENCES) == set(get_args(Privacy))
    assert "best effort" in SENTENCES["deidentify"]
    assert not [text for text in SENTENCES.values() if "safe harbor" in text.lower() or text.count(". ")]


def test_the_page_tells_the_modes_in_the_same_words() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert [mode for mode, sentence in SENTENCES.items() if sentence not in page] == []


def test_the_labelled_talks_are_replaced_as_well_as_the_page_says(bench: ModuleType) -> None:
    """The floors are a little under docs/privacy.md; no number of a dose or a measurement may ever change."""
    floors = {"a": 0.98, "b": 0.86}
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    n_labels = 0
    for half, floor in floors.items():
        tally = bench.measure(half)
        looked_for = [kind for kind in bench.KINDS if kind != "place"]
        n_labels += tally.labelled.total()
        assert sum(tally.hidden[kind] for kind in looked_for) >= floor * sum(
            tally.labelled[kind] for kind in looked_for
        )
        assert tally.right.total() >= 0.98 * tally.made.total()
        assert tally.changed == 0
        assert (
            f"{sum(tally.hidden[kind] for kind in looked_for)} of {sum(tally.labelled[kind] for kind in looked_for)}"
            in page
        )
        assert tally.numbers > 150
    assert n_labels >= 200


def test_presidio_adds_what_it_finds() -> None:
    if importlib.util.find_spec("presidio_analyzer") is None:
        pytest.skip("presidio-analyzer is not installed; it is optional")
    found = deidentify(typed("Then Xiadani Quarterman came."), (), "key", with_presidio=True)
    assert found.replacements


def test_presidio_asked_for_and_not_there_says_so() -> None:
    if importlib.util.find_spec("presidio_analyzer") is not None:
        pytest.skip("presidio-analyzer is installed")
    with pytest.raises(SettingsError, match="presidio-analyzer"):
        deidentify(typed("Hello."), (), "key", with_presidio=True)


@pytest.mark.parametrize(
    "words",
    ["Hay fever", "Hay fever in spring.", "Hernia, left side", "Shingles since May", "Bronchitis.", "Gout flare"],
)
def test_an_illness_after_a_label_is_no_name(words: str) -> None:
    assert not [kind for kind, _ in replaced(f"Patient: {words}") if kind == "name"]


@pytest.mark.parametrize("words", ["Okonkwo", "Ruth Alvarez", "Okonkwo, Ada", "ruth alvarez"])
def test_a_name_after_a_label_is_still_one(words: str) -> None:
    assert {kind for kind, _ in replaced(f"Patient: {words}")} == {"name"}


@pytest.mark.parametrize(
    "words",
    [
        "Account opened 20240312.",
        "Policy since 2019-05.",
        "Her chart from 05 14 2024.",
        "License until 05-2027.",
        "Chart: 14.3.24",
    ],
)
def test_a_date_beside_the_word_for_a_record_is_a_date(words: str) -> None:
    assert [kind for kind, _ in replaced(words)] == ["date"]


@pytest.mark.parametrize("words", ["MRN 4471-05", "account 884120", "member 2019-0512", "BP 120-80", "SpO2 95-97"])
def test_a_number_that_only_looks_a_little_like_a_date_is_none(words: str) -> None:
    assert "date" not in [kind for kind, _ in replaced(words)]
