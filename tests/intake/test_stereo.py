"""Two channels stay two only where they really differ, and one channel loses nothing of either."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from nurseconv_dagster.intake.channels import join_blocks
from nurseconv_dagster.intake.decoding import decode
from nurseconv_dagster.intake.limits import Limits
from tests.fakes.sounds import encode, tone

MONO = tone(4.0, 16000)
OTHER = tone(4.0, 16000, seed=5)[:, ::-1]
SILENCE = np.zeros_like(MONO)


def heard(*channels):
    return join_blocks(deque(np.array_split(np.concatenate(channels), 4, axis=1)))


def test_two_voices_stay_two_channels():
    samples = heard(MONO, OTHER)
    assert np.array_equal(samples, np.concatenate([MONO, OTHER]) / np.float32(32768))


@pytest.mark.parametrize("copy", [MONO, MONO // 2, MONO + 1])
def test_the_same_sound_twice_becomes_one_channel(copy):
    assert heard(MONO, copy).shape == (1, MONO.shape[1])


def test_a_cable_with_one_side_turned_round_does_not_cancel_the_voice():
    samples = heard(MONO, -MONO)
    assert samples.shape[0] == 1
    assert np.allclose(samples, MONO / 32768)


@pytest.mark.parametrize("channels", [(MONO, SILENCE), (SILENCE, MONO)])
def test_an_unplugged_channel_neither_counts_nor_halves_the_other(channels):
    assert np.allclose(heard(*channels), MONO / 32768)


def test_a_voice_that_speaks_rarely_keeps_its_channel():
    rare = SILENCE.copy()
    rare[:, 16000:32000] = OTHER[:, 16000:32000]
    assert heard(MONO, rare).shape[0] == 2


def test_pure_silence_is_one_silent_channel():
    samples = heard(SILENCE, SILENCE)
    assert samples.shape[0] == 1
    assert not samples.any()


@pytest.mark.parametrize("n_channels", [4, 6, 8])
def test_more_than_two_channels_are_mixed_to_one(n_channels, tmp_path):
    samples = tone(1.0, 16000, n_channels)
    recording = decode(encode(tmp_path / "a", samples, "wav"), "wav", Limits())
    assert recording.samples.shape == (1, 16000)
    assert np.allclose(recording.samples[0], samples.mean(axis=0) / 32768, atol=1e-4)


def test_stereo_survives_every_lossy_format(tmp_path):
    for recipe, audio_format in (("mp3", "mp3"), ("m4a_header_first", "m4a"), ("ogg_vorbis", "ogg"), ("webm", "webm")):
        rate_hz = {"mp3": 16000, "m4a_header_first": 16000, "ogg_vorbis": 44100, "webm": 48000}[recipe]
        two = decode(encode(tmp_path / "a", tone(2.0, rate_hz, 2), recipe), audio_format, Limits())
        one = decode(encode(tmp_path / "a", np.repeat(tone(2.0, rate_hz), 2, axis=0), recipe), audio_format, Limits())
        assert (two.samples.shape[0], one.samples.shape[0]) == (2, 1), recipe
