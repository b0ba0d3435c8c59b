"""Laws of the veil: nothing original stays, everything finds back to its place, ordinary words stay as they were."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nurseconv_dagster.extraction.evidence import find_quote
from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.privacy.deidentify import deidentify
from nurseconv_dagster.extraction.privacy.veil import Veiled
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.intake.texts import read_text
from nurseconv_dagster.speech.transcripts import Segment, Transcript, assemble
from nurseconv_dagster.speech.typed import transcribe_text
from tests.fakes.talks import spoken, typed

INTRODUCTIONS = [
    "My name is {given} {family}.", "I'm nurse {given}, I'll be with you.",
    "This is Doctor {family}, she is on tonight.",
    "Thank you, Mrs. {family}.", "My daughter {given} will drive me.",
    "Is {given} at home, {given}'s phone is {phone}.",
    "Date of birth {date}.", "The appointment is on {date} at 9:30.", "My number is {phone}.", "The MRN is {record}.",
    "I live at {house} {street} Street.", "Write to {mail}.", "I'm {age} years old.", "She is in room {room}.",
    "My zip code is {zip}.",
]  # fmt: skip
CLINICAL = [
    "I take {dose} milligrams of lisinopril every morning.", "Your blood pressure is {sys} over {dia}.",
    "The pain is a {small} out of 10 today.", "Oxygen is {spo2} percent on {small} liters.", "It hurts when I walk.",
    "I woke up {small} times last night.", "Do you have any allergies? No, none that I know of.",
]  # fmt: skip
GIVEN = ["Rosa", "Ernesto", "Walter", "Hope", "Will", "Xiadani", "Ngozi"]
FAMILY = ["Alvarez", "Zielinski", "Young", "O'Brien", "Quarterman", "Lee"]
DATES = [
    "March 3rd 1962", "03/03/62", "the third of March nineteen sixty two", "October 14",
    "2025-09-17", "the 4th of July",
    "December twenty-eighth, nineteen sixty-five", "Nov 1", "11-23-1947",
]  # fmt: skip
PHONES = ["555-0147", "(614) 555-0188", "five five five zero one four seven", "555 0147", "6 1 4, 5 5 5, 0 1 2 2"]


@st.composite
def talks(draw: st.DrawFn, min_size: int = 1) -> Transcript:
    """A talk of introductions and clinical sentences, with or without roles and capitals."""
    lines = draw(st.lists(st.sampled_from(INTRODUCTIONS + CLINICAL), min_size=min_size, max_size=12))
    slots = {
        "given": st.sampled_from(GIVEN), "family": st.sampled_from(FAMILY), "date": st.sampled_from(DATES),
        "phone": st.sampled_from(PHONES),
        "record": st.sampled_from(["00482913", "A-204-5531", "four four one nine two"]),
        "house": st.sampled_from(["412", "9", "twenty two"]), "street": st.sampled_from(["Maple", "Old Mill"]),
        "mail": st.sampled_from(["rosa.alvarez@northmail.com", "rosa dot alvarez at northmail dot com"]),
        "age": st.sampled_from(["93", "ninety-one", "a hundred and two", "47"]),
        "zip": st.sampled_from(["62704", "six two seven oh four"]),
        "room": st.sampled_from(["12", "214B", "three"]), "dose": st.sampled_from(["20", "two and a half", "12.5"]),
        "sys": st.integers(95, 190), "dia": st.integers(50, 95), "small": st.integers(0, 12),
        "spo2": st.integers(85, 99),
    }  # fmt: skip
    roles = draw(st.sampled_from([("nurse", "patient"), (None, None)]))
    segments = []
    for i, line in enumerate(lines):
        text = line.format(**{name: draw(values) for name, values in slots.items() if f"{{{name}}}" in line})
        segments.append(Segment(i, text, role=roles[i % 2], speaker=roles[i % 2]))
    full_text, placed = assemble(segments)
    return Transcript("speech", full_text, placed, "en", None, "typed", "", "", 0.0, None)


def veil(transcript: Transcript, key: str = "key") -> Veiled:
    return deidentify(transcript, (), key)


@given(talks())
@settings(max_examples=150, deadline=None)
def test_segments_keep_their_ids_their_number_and_their_roles(talk: Transcript) -> None:
    veiled = veil(talk).transcript
    assert [(one.id, one.role) for one in veiled.segments] == [(one.id, one.role) for one in talk.segments]
    assert all(veiled.full_text[one.start_char : one.end_char] == one.text for one in veiled.segments)


@given(st.lists(st.sampled_from(CLINICAL), min_size=1, max_size=8))
@settings(deadline=None)
def test_a_talk_without_anything_to_replace_stays_as_it_is(lines: list[str]) -> None:
    talk = typed(*(line.format(dose=20, sys=140, dia=85, small=7, spo2=93) for line in lines))
    assert veil(talk).transcript.full_text == talk.full_text
    assert veil(talk).replacements == ()


@given(talks())
@settings(max_examples=150, deadline=None)
def test_no_original_stays_in_the_veiled_text(talk: Transcript) -> None:
    veiled = veil(talk)
    for item in veiled.replacements:
        before = 8 if item.kind in ("age", "room") else 0  # "91" may also be a pulse: then the words before it count
        original = talk.full_text[max(0, item.span[0] - before) : item.span[1]]
        assert not re.search(rf"(?<!\w){re.escape(original)}(?!\w)", veiled.transcript.full_text), item.kind


@given(talks())
@settings(max_examples=150, deadline=None)
def test_no_surrogate_is_said_in_the_talk_itself(talk: Transcript) -> None:
    veiled = veil(talk)
    for item in veiled.replacements:
        surrogate = veiled.transcript.full_text[slice(*item.veiled_span)]
        if item.kind in ("age", "room"):  # "ninety" is another number than "ninety-one"
            assert find_numbers(surrogate)[0].value not in {number.value for number in find_numbers(talk.full_text)}
            continue
        assert not re.search(rf"(?<!\w){re.escape(surrogate)}(?!\w)", talk.full_text, re.IGNORECASE), item.kind


@given(talks())
@settings(max_examples=150, deadline=None)
def test_what_is_not_replaced_stays_to_the_letter(talk: Transcript) -> None:
    veiled = veil(talk)
    rest, rest_veiled, at, at_veiled = "", "", 0, 0
    for edit in veiled.edits:
        rest += talk.full_text[at : edit.span[0]]
        rest_veiled += veiled.transcript.full_text[at_veiled : edit.veiled_span[0]]
        at, at_veiled = edit.span[1], edit.veiled_span[1]
    assert rest + talk.full_text[at:] == rest_veiled + veiled.transcript.full_text[at_veiled:]


@given(talks(min_size=4))
@settings(max_examples=150, deadline=None)
def test_numbers_of_doses_and_vitals_survive(talk: Transcript) -> None:
    veiled = veil(talk)
    measured = re.compile(r"(?:blood pressure|pain is|Oxygen|I take|woke up)[^.]*(?:\.\d[^.]*)?\.")
    kept = [match.group() for match in measured.finditer(veiled.transcript.full_text)]
    said = [match.group() for match in measured.finditer(talk.full_text)]
    assert [find_numbers(line) for line in kept] == [find_numbers(line) for line in said]


@given(talks(min_size=2), st.data())
@settings(max_examples=300, deadline=None)
def test_a_quote_of_the_veiled_talk_is_found_in_the_original_at_its_place(
    talk: Transcript, data: st.DataObject
) -> None:
    veiled = veil(talk)
    words = list(re.finditer(r"\S+", veiled.transcript.full_text))
    assume(len(words) >= 3)
    first = data.draw(st.integers(0, len(words) - 3))
    last = data.draw(st.integers(first + 2, min(first + 12, len(words) - 1)))
    start, end = words[first].start(), words[last].end()
    quote = veiled.transcript.full_text[start:end]
    ids = tuple(
        one.id for one in veiled.transcript.segments if one.start_char < end and one.end_char > start
    )  # fmt: skip
    there = find_quote(veiled.transcript, quote, ids)
    assume(there is not None)  # null only where an edge cuts a number, which no reader may quote
    assert there is not None
    wanted = veiled.to_original(there.start_char, there.end_char)
    found = find_quote(talk, veiled.unveil_quote(quote, ids), ids)
    assert found is not None
    assert found.start_char <= wanted[0]
    assert wanted[1] <= found.end_char
    inner = talk.full_text[slice(*wanted)]
    if talk.full_text.count(inner) == 1:
        assert (found.start_char, found.end_char) == wanted


@given(talks(), st.data())
@settings(max_examples=150, deadline=None)
def test_the_two_maps_are_each_others_way_back(talk: Transcript, data: st.DataObject) -> None:
    veiled = veil(talk)
    start = data.draw(st.integers(0, len(talk.full_text) - 1))
    end = data.draw(st.integers(start + 1, len(talk.full_text)))
    there = veiled.to_veiled(start, end)
    back = veiled.to_original(*there)
    assert back[0] <= start
    assert end <= back[1]
    assert veiled.to_veiled(*back) == there


TALK = spoken(
    "nurse: Can you confirm your name?",
    "patient: Yes, it's Rosa Alvarez, born March third, 1962.",
    "nurse: Thank you, Mrs. Alvarez. Rosa's pressure is 140 over 85.",
    "patient: My number is five five five zero one four seven, and I take 25 micrograms of levothyroxine.",
)


@pytest.mark.parametrize("change", [str.lower, str.upper, lambda quote: f"“um, {quote.rstrip('.')}!”"])
def test_a_quote_in_another_dress_finds_back(change: object) -> None:
    veiled = veil(TALK)
    for segment in veiled.transcript.segments[1:]:
        assert callable(change)
        found = find_quote(TALK, veiled.unveil_quote(change(segment.text), (segment.id,)), (segment.id,))
        assert found is not None
        assert found.segment_ids == (segment.id,)


def test_a_quote_that_cuts_a_replaced_number_gets_the_whole_number() -> None:
    veiled = veil(TALK)
    line = veiled.transcript.segments[3].text
    quote = " ".join(line.split()[:6])  # "My number is" and three of seven digits
    assert veiled.unveil_quote(quote, (3,)) == "My number is five five five zero one four seven"


def test_a_quote_that_the_veil_did_not_touch_comes_back_as_it_is() -> None:
    assert veil(TALK).unveil_quote("pressure is 140/85", (2,)) == "pressure is 140/85"
    assert veil(TALK).unveil_quote("I take 25 mcg of Levothyroxine!") == "I take 25 mcg of Levothyroxine!"


def test_what_was_never_said_stays_not_found() -> None:
    veiled = veil(TALK)
    assert find_quote(TALK, veiled.unveil_quote("I am allergic to penicillin")) is None
    assert find_quote(TALK, veiled.unveil_quote("over 85. My num")) is None


def test_a_name_keeps_its_case_and_its_possessive() -> None:
    veiled = veil(TALK)
    line = veiled.transcript.segments[2].text
    new = re.fullmatch(r"Thank you, Mrs\. ([A-Z][a-z]+)\. ([A-Z][a-z]+)'s pressure is 140 over 85\.", line)
    assert new is not None
    assert f"it's {new[2]} {new[1]}, born" in veiled.transcript.segments[1].text


def test_two_uploads_do_not_share_surrogates_and_one_upload_keeps_its_own() -> None:
    texts = {key: veil(TALK, key).transcript.full_text for key in ("one", "two", "three")}
    assert len(set(texts.values())) == 3
    assert veil(TALK, "one").transcript.full_text == texts["one"]
    assert deidentify(TALK, (), b"one").transcript.full_text == texts["one"]


def test_timed_words_do_not_leave() -> None:
    assert all(not segment.words for segment in veil(TALK).transcript.segments)


def test_nothing_that_is_printed_holds_words() -> None:
    veiled = veil(TALK)
    shown = f"{veiled!r} {veiled.replacements!r} {veiled.edits!r}"
    assert not [word for word in re.findall(r"\w{4,}", TALK.full_text) if word in shown and word != "name"]


def test_a_number_over_two_segments_is_replaced_in_both() -> None:
    talk = typed(
        "My date of birth is March third nineteen", "sixty two.", "My phone is five five five", "zero one four seven."
    )
    veiled = veil(talk).transcript
    assert len(veiled.segments) == 4
    assert "third nineteen" not in veiled.full_text
    assert "zero one four seven" not in veiled.full_text


def test_a_label_that_names_somebody_does_not_leave() -> None:
    segments = [
        Segment(0, "Dr. Lee, come in.", speaker="Nurse 1", role="nurse"),
        Segment(1, "Yes.", speaker="Dr. Lee", role="nurse"),
    ]
    full_text, placed = assemble(segments)
    talk = Transcript("speech", full_text, placed, "en", None, "typed", "", "", 0.0, None)
    veiled = veil(talk).transcript
    assert "Lee" not in veiled.full_text
    assert {segment.speaker for segment in veiled.segments} == {"speaker_0", "speaker_1"}


def test_a_typed_talk_keeps_its_labels_and_its_places() -> None:
    """A typed talk holds "Nurse: " in its text and not in its segments: every offset once pointed past its words."""
    typed_text = read_text(
        b"Nurse: What is your name?\nPatient: Rosa Alvarez.\nDr. Alvarez: And the pain?\nPatient: About a 3.\n"
    )
    assert not isinstance(typed_text, Refusal)
    talk = transcribe_text(typed_text)
    veiled = deidentify(talk, [], b"key")
    for segment in veiled.transcript.segments:
        assert veiled.transcript.full_text[segment.start_char : segment.end_char] == segment.text
    sent = " ".join(segment.text for segment in veiled.transcript.segments)
    assert "Alvarez" not in sent + veiled.transcript.full_text
    name, pain = veiled.transcript.segments[1], veiled.transcript.segments[3]
    assert veiled.unveil_quote(pain.text, (3,)) == "About a 3."
    assert veiled.unveil_quote(name.text, (1,)) == "Rosa Alvarez."
