"""Laws of quality: measured from the sound and the decoder, null where there is nothing to measure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nurseconv_dagster.speech.decoding import Decoded
from nurseconv_dagster.speech.quality import confidence_of, flags_of, snr_db
from nurseconv_dagster.speech.transcripts import Segment

FRAME = 512


@pytest.mark.parametrize("wanted_db", [0, 10, 25, 40])
def test_the_signal_to_noise_ratio_is_that_of_the_mixture(wanted_db):
    rng = np.random.default_rng(0)
    spoken = np.repeat([1.0, 0.0], 200).astype(np.float32)
    noise = rng.normal(0, 0.1 * 10 ** (-wanted_db / 20), 400 * FRAME)
    speech = rng.normal(0, 0.1, 400 * FRAME) * np.repeat(spoken, FRAME)
    assert snr_db((speech + noise).astype(np.float32), spoken, spoken) == pytest.approx(wanted_db, abs=0.5)


def test_without_speech_or_without_a_pause_there_is_no_ratio():
    samples = np.ones(100 * FRAME, dtype=np.float32)
    for probability in (0.0, 1.0):
        frames = np.full(100, probability, dtype=np.float32)
        assert snr_db(samples, frames, frames) is None


def test_the_other_speakers_crosstalk_is_neither_speech_nor_noise():
    """Frames where only the other voice is heard must not count as the noise of this channel."""
    samples = np.concatenate([np.full(50 * FRAME, 0.1), np.full(50 * FRAME, 0.05), np.full(50 * FRAME, 0.001)])
    heard = np.repeat([1.0, 1.0, 0.0], 50).astype(np.float32)
    own = np.repeat([1.0, 0.0, 0.0], 50).astype(np.float32)
    assert snr_db(samples.astype(np.float32), heard, own) == pytest.approx(40, abs=0.1)


def decoded(avg_logprob=-0.2, no_speech_prob=0.1, compression_ratio=1.0):
    return Decoded("a", (), avg_logprob, no_speech_prob, compression_ratio, "en")


def test_each_doubt_raises_its_own_flag():
    assert flags_of(decoded()) == ()
    assert flags_of(decoded(avg_logprob=-1.1)) == ("low_logprob",)
    assert flags_of(decoded(compression_ratio=2.5)) == ("repetitive",)
    assert flags_of(decoded(no_speech_prob=0.7)) == ("likely_silence",)
    assert flags_of(decoded(-1.0, 0.6, 2.4)) == ()


def test_confidence_weighs_segments_by_their_seconds():
    long = Segment(id=0, text="a", start_s=0.0, end_s=9.0, avg_logprob=math.log(0.9))
    short = Segment(id=1, text="b", start_s=9.0, end_s=10.0, avg_logprob=math.log(0.4))
    assert confidence_of([long, short]) == pytest.approx(0.85)
    assert confidence_of([]) is None
    assert confidence_of([Segment(id=0, text="typed")]) is None
