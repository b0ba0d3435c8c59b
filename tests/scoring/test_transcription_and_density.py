"""Transcription quality and information density: worked by hand."""

from __future__ import annotations

import math

import pytest

from nurseconv_dagster.scoring.asked import Item
from nurseconv_dagster.scoring.transcription import information_density, n_verified_facts, transcription_quality
from nurseconv_dagster.speech.transcripts import Segment
from tests.scoring.made_up import RUBRIC, answer, items, question, recording, spoken, timed, typed


def two_segments() -> list[Segment]:
    """6 s at probability 0.8 with four words, one unsure; 2 s at 0.4, flagged, with one unsure word."""
    return [
        Segment(0, "a b c d", 0, 6, avg_logprob=math.log(0.8), words=(
            timed("a", 0, 1), timed("b", 1, 2), timed("c", 2, 3, 0.2), timed("d", 3, 6))),
        Segment(1, "e", 8, 10, avg_logprob=math.log(0.4), words=(timed("e", 8, 10, 0.49),), flags=("low_logprob",)),
    ]  # fmt: skip


def test_transcription_quality_is_made_of_four_measures() -> None:
    """Certainty (6*0.8 + 2*0.4)/8 = 0.7; unflagged 6/8 = 0.75; sure words 3/5 = 0.6; SNR (15-5)/20 = 0.5.

    0.50*0.7 + 0.20*0.75 + 0.15*0.6 + 0.15*0.5 = 0.35 + 0.15 + 0.09 + 0.075 = 0.665.
    """
    scored = transcription_quality(recording(two_segments(), 10, snr_db=15), RUBRIC)
    assert scored.value == pytest.approx(0.665)
    assert scored.parts["certainty"] == pytest.approx(0.7)


def test_a_measure_that_was_not_made_drops_out() -> None:
    """Without SNR: (0.35 + 0.15 + 0.09) / 0.85."""
    assert transcription_quality(recording(two_segments(), 10), RUBRIC).value == pytest.approx(0.59 / 0.85)


@pytest.mark.parametrize(("snr_db", "share"), [(-3, 0), (5, 0), (10, 0.25), (25, 1), (60, 1)])
def test_the_noise_counts_from_5_to_25_decibels(snr_db: float, share: float) -> None:
    assert transcription_quality(recording(two_segments(), 10, snr_db=snr_db), RUBRIC).parts["snr"] == share


def test_typed_text_has_no_transcription_quality_and_no_density() -> None:
    note = typed(("nurse", "No pain."))
    assert transcription_quality(note, RUBRIC).value is None
    assert information_density(note, [], 4, RUBRIC).value is None


def fact(value: object, **how: object) -> Item:
    return items((question("a"), answer("a", value=value, **how)))["a"]  # type: ignore[arg-type]


def test_density_is_facts_per_minute_of_speech_over_the_target() -> None:
    """Speech: 0-20 and 10-40 is 40 s of a recording of 120 s. Facts: a list of 2 and a text, 3.

    3 / (40/60) = 4.5 a minute; of a target of 9 that is 0.5, of a target of 4 it is 1.
    """
    transcript = spoken(("nurse", 0, 20, "a"), ("patient", 10, 40, "b"), duration_s=120)
    found = items(
        (question("a"), answer("a", value=["x", "y"])),
        (question("b"), answer("b", value="z")),
        (question("c"), answer("c", "declined")),
    )
    assert information_density(transcript, found.values(), 9, RUBRIC).value == pytest.approx(0.5)
    assert information_density(transcript, found.values(), 4, RUBRIC).value == 1


def test_each_reading_of_a_panel_is_a_fact_and_its_unit_is_not() -> None:
    panel = {"bp_sys": 120, "bp_dia": 80, "temp": 98.6, "temp_unit": "F", "glucose": None}
    assert n_verified_facts(fact(panel), RUBRIC.density) == 3
    assert n_verified_facts(fact({"said": "words only"}), RUBRIC.density) == 1
    assert n_verified_facts(fact(0), RUBRIC.density) == 1


def test_only_verified_facts_count() -> None:
    assert n_verified_facts(fact("word", valid=False), RUBRIC.density) == 0
    assert n_verified_facts(fact("word", grade=None), RUBRIC.density) == 0
    assert n_verified_facts(fact("word", grade=None, provider="reviewer"), RUBRIC.density) == 1
