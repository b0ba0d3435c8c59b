"""Was it asked, and what came back."""

from __future__ import annotations

import pytest

from nurseconv_dagster.extraction.providers.asked import asked_exchanges, classify_reply, judge_silence
from nurseconv_dagster.extraction.providers.topics import known_topic
from nurseconv_dagster.extraction.providers.turns import Talk, read_talk
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, assemble


def talk_of(*turns: tuple[Role | None, str]) -> Talk:
    text, segments = assemble([Segment(id=0, text=words, role=role, speaker=role) for role, words in turns])
    return read_talk(Transcript("speech", text, segments, "en", None, "typed", "", "", 0.0, None))


def talk_of_reply(words: str) -> Talk:
    return talk_of(("nurse", "Do you have any allergies?"), ("patient", words))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("No.", "no"),
        ("No, none that I know of.", "no"),
        ("Not as far as we know.", "no"),
        ("Um, no, nothing like that.", "no"),
        ("No, but penicillin gives me a rash.", "content"),
        ("No. Just the latex.", "content"),
        ("Penicillin, I think.", "content"),
        ("Yes. Penicillin.", "content"),
        ("Yes.", "yes"),
        ("I'd rather not say.", "declined"),
        ("That's none of your business.", "declined"),
        ("I don't want to talk about that.", "declined"),
        ("I don't know.", "unable"),
        ("I honestly couldn't tell you, my brother deals with that.", "unable"),
        ("Hm, I can't remember.", "unable"),
        ("I don't know, maybe 150 pounds.", "content"),
        ("Why, is it on the chart?", "question"),
        ("Okay.", "nothing"),
    ],
)
def test_a_reply_is_told_by_its_words(words: str, kind: str) -> None:
    (exchange,) = asked_exchanges(talk_of_reply(words), known_topic("allergies"))
    assert classify_reply(exchange).kind == kind


def test_the_reply_begins_after_its_fillers_and_ends_before_its_full_stop() -> None:
    talk = talk_of_reply("Um, well, yes, penicillin.")
    reply = classify_reply(talk.exchanges[0])
    assert talk.text[reply.start : reply.end] == "penicillin"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("I'd rather not say.", "declined"),
        ("No idea.", "unable"),
        ("Can you close the window first?", "asked_no_answer"),
    ],
)
def test_a_question_without_an_answer_keeps_what_became_of_it(words: str, state: str) -> None:
    assert judge_silence(talk_of_reply(words), known_topic("allergies"))[0] == state


def test_what_nobody_asked_is_not_asked() -> None:
    assert judge_silence(talk_of_reply("No."), known_topic("code_status"))[0] == "not_asked"


def test_a_question_of_the_patient_is_not_the_nurse_asking() -> None:
    talk = talk_of(("patient", "Do I have any allergies?"), ("nurse", "I'll look it up."))
    assert judge_silence(talk, known_topic("allergies"))[0] == "not_asked"


def test_without_labels_the_reply_ends_where_the_asker_takes_the_word_back() -> None:
    talk = talk_of((None, "Any allergies? Yes, sulfa. It gave me hives. Okay, let me check your pulse. It is fine."))
    assert [sentence.text for sentence in talk.exchanges[0].reply] == ["Yes, sulfa.", "It gave me hives."]


def test_with_labels_the_reply_is_the_other_ones_whole_turn() -> None:
    talk = talk_of(("nurse", "Any allergies? Take your time."), ("patient", "Okay. Sulfa."), ("nurse", "Okay."))
    assert [sentence.text for sentence in talk.exchanges[0].reply] == ["Okay.", "Sulfa."]


def test_a_doctors_title_does_not_end_a_sentence() -> None:
    talk = talk_of((None, "You will see Dr. Hwang at 10.30 on Friday. Bring your pills."))
    assert len(talk.sentences) == 2
