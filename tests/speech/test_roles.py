"""Laws of roles: the words decide who is the nurse, on whichever channel; too little evidence leaves it open."""

from __future__ import annotations

import pytest

from nurseconv_dagster.speech.roles import assign_roles
from nurseconv_dagster.speech.transcripts import Segment

NURSE = ("Good morning, I'm your nurse today.", "Do you have any allergies?", "Can you rate your pain?")
PATIENT = ("My chest hurts.", "Yes, to penicillin.", "I've had it since last night.")


def talk(first, second):
    lines = [(speaker, text) for pair in zip(first, second, strict=True) for speaker, text in enumerate(pair)]
    return [Segment(id=0, text=text, speaker=f"channel_{speaker}") for speaker, text in lines]


def roles(segments):
    return {one.speaker: one.role for one in assign_roles(segments)}


def test_the_nurse_is_found_on_either_channel():
    assert roles(talk(NURSE, PATIENT)) == {"channel_0": "nurse", "channel_1": "patient"}
    assert roles(talk(PATIENT, NURSE)) == {"channel_0": "patient", "channel_1": "nurse"}


def test_a_patient_who_asks_back_is_still_the_patient():
    asking = (*PATIENT[:2], "Will it hurt?")
    assert roles(talk(NURSE, asking)) == {"channel_0": "nurse", "channel_1": "patient"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("Good morning.",), ("Hello.",)),
        (NURSE, NURSE),
        (PATIENT, PATIENT),
        (("Haben Sie Schmerzen?",), ("Ja, im Knie.",)),
    ],
)
def test_weak_evidence_leaves_the_roles_open(first, second):
    assert set(roles(talk(first, second)).values()) == {None}


def test_one_channel_alone_gets_no_role():
    segments = [Segment(id=0, text=text, speaker="channel_1") for text in NURSE]
    assert set(roles(segments).values()) == {None}
