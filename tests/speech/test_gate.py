"""Laws of the speech gate: what is not speech never becomes words, and speech is never lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nurseconv_dagster.speech.gate import FRAME_SAMPLES, find_stretches, is_invented, speech_probabilities

SOUNDS = (
    "silence", "white_noise", "faint_white_noise", "pink_noise", "hum", "tone", "monitor_beeps", "clicks", "chords",
    "melody",
)  # fmt: skip


def stretches_of(samples):
    return find_stretches(speech_probabilities(samples), len(samples))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SOUNDS)
def test_noise_and_music_hold_no_speech(not_speech, name, seed):
    assert stretches_of(not_speech(15, seed)[name][0]) == []


def test_words_that_whisper_invents_for_noise_are_known_as_such(not_speech, decoder):
    """The second net, without the first: Whisper itself says "you" and "Thank you." to these."""
    sounds = not_speech(6, 0)
    clips = [sounds[name][0] for name in ("silence", "white_noise", "hum", "chords", "melody", "clicks")]
    heard = decoder.generate(decoder.encode(clips, 15), ["en"] * len(clips), [len(clip) for clip in clips])
    assert any(any(letter.isalpha() for letter in one.text) for one in heard), "Whisper invented nothing to be caught"
    assert [is_invented(one) for one in heard] == [True] * len(clips)


def test_without_one_certain_frame_doubtful_ones_are_no_speech():
    """Synthetic music reaches 0.64; beside certain speech the same doubtful frames are kept as a faint answer."""
    doubtful = np.full(20, 0.65, dtype=np.float32)
    certain = np.concatenate([doubtful, np.zeros(60), np.full(20, 0.95), np.zeros(20)]).astype(np.float32)
    assert find_stretches(doubtful, 20 * FRAME_SAMPLES) == []
    assert len(find_stretches(certain, 120 * FRAME_SAMPLES)) == 2


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.003, 0.0005])
def test_speech_is_heard_at_every_level(conversation, gain):
    for number in range(len(conversation.lines)):
        assert stretches_of(conversation.line(number)[0] * np.float32(gain)), (number, gain)


@pytest.mark.parametrize("snr_db", [20, 10, 5])
def test_every_line_is_found_in_noise(conversation, snr_db):
    clean = conversation.samples.sum(axis=0)
    level = np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
    noisy = clean + np.random.default_rng(0).normal(0, level, len(clean)).astype(np.float32)
    inside = np.zeros(len(noisy), dtype=bool)
    for stretch in stretches_of(noisy):
        inside[stretch.start : stretch.end] = True
    for line in conversation.lines:
        spoken = inside[int(line["start_s"] * 16_000) : int(line["end_s"] * 16_000)]
        assert spoken.mean() > 0.95, line["text"]


def test_a_long_recording_is_heard_the_same_where_blocks_meet(conversation):
    """One call of the gate is bounded to 288 s; speech that lies across that seam must not be lost."""
    line = conversation.line(1)[0]
    samples = np.random.default_rng(0).normal(0, 0.001, 310 * 16_000).astype(np.float32)
    seam = 288 * 16_000
    samples[seam - len(line) // 2 :][: len(line)] += line
    found = stretches_of(samples)
    assert len(found) == 1
    assert found[0].start < seam - len(line) // 2 + 4_800 + 1_000
    assert found[0].end > seam + len(line) // 2 - 4_800 - 1_000


@given(
    hnp.arrays(np.float32, st.integers(0, 400), elements=st.floats(0, 1, width=32)), st.integers(0, FRAME_SAMPLES - 1)
)
def test_stretches_are_in_order_apart_and_inside_the_recording(probabilities, missing):
    n_samples = max(len(probabilities) * FRAME_SAMPLES - missing, 0)
    edges = [edge for stretch in find_stretches(probabilities, n_samples) for edge in (stretch.start, stretch.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= n_samples for edge in edges)


@given(hnp.arrays(np.float32, st.integers(1, 400), elements=st.floats(0, 1, width=32)))
def test_every_run_of_certain_speech_is_inside_a_stretch(probabilities):
    stretches = find_stretches(probabilities, len(probabilities) * FRAME_SAMPLES)
    certain = np.flatnonzero(probabilities >= 0.7)
    for frame in (frame for frame, following in pairwise(certain) if following == frame + 1):
        middle = frame * FRAME_SAMPLES + FRAME_SAMPLES // 2
        assert any(stretch.start <= middle < stretch.end for stretch in stretches)
