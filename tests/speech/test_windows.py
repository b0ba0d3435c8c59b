"""Laws of windows: every spoken sample is heard once, none is too long for Whisper, and time finds its way back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.speech.gate import FRAME_SAMPLES, Stretch
from nurseconv_dagster.speech.windows import Window, cut_windows

LIMIT = 30 * 16_000


@st.composite
def spoken(draw):
    stretches, at = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 50_000), st.integers(512, 1_500_000)), max_size=8)):
        stretches.append(Stretch(at + gap, at + gap + length))
        at += gap + length
    seed = draw(st.integers(0, 1000))
    return stretches, np.random.default_rng(seed).random(at // FRAME_SAMPLES + 1, dtype=np.float32)


@given(spoken())
def test_every_spoken_sample_is_in_exactly_one_window_in_order(case):
    stretches, probabilities = case
    pieces = [piece for window in cut_windows(stretches, probabilities) for piece in window.pieces]
    joined = []
    for piece in pieces:
        if joined and joined[-1][1] == piece.start and (joined[-1][1] not in {one.start for one in stretches}):
            joined[-1][1] = piece.end
        else:
            joined.append([piece.start, piece.end])
    assert joined == [[one.start, one.end] for one in stretches]


@given(spoken())
def test_no_window_is_longer_than_thirty_seconds(case):
    for window in cut_windows(*case):
        assert 0 < window.n_samples <= LIMIT


def test_an_unbroken_stretch_is_cut_where_it_sounds_least_like_speech():
    probabilities = np.ones(40 * 16_000 // FRAME_SAMPLES + 1, dtype=np.float32)
    quiet = 25 * 16_000 // FRAME_SAMPLES
    probabilities[quiet] = 0.4
    first, second = cut_windows([Stretch(0, 40 * 16_000)], probabilities)
    assert first.pieces[0].end == second.pieces[0].start == quiet * FRAME_SAMPLES


def test_a_word_comes_back_to_the_piece_that_holds_its_middle():
    window = Window((Stretch(16_000, 32_000), Stretch(160_000, 192_000)))
    assert window.in_recording(0.25, 0.75) == (1.25, 1.75)
    assert window.in_recording(0.8, 1.1) == (1.8, 2.0)
    assert window.in_recording(0.9, 1.5) == (10.0, 10.5)
    assert window.in_recording(2.9, 3.4) == (11.9, 12.0)
