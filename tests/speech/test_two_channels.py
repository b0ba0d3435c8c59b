"""Laws of two channels: a voice belongs to the microphone where it is louder, and talking at once loses nobody."""

from __future__ import annotations

import numpy as np
import pytest

from nurseconv_dagster.speech.channels import merge_channels, split_speakers
from nurseconv_dagster.speech.gate import speech_probabilities
from nurseconv_dagster.speech.transcripts import Segment, Word

SPOKEN = 0.7


def own_speech(samples):
    heard = [speech_probabilities(channel) for channel in samples]
    return heard, split_speakers(samples.astype(np.float32), heard)


@pytest.mark.parametrize("leak", [0.05, 0.15, 0.3])
def test_crosstalk_is_not_speech_on_the_other_channel(conversation, leak):
    left, right = conversation.samples
    alone = [speech_probabilities(channel) >= SPOKEN for channel in (left, right)]
    _, own = own_speech(np.stack([left + leak * np.roll(right, 30), right + leak * np.roll(left, 25)]))
    for channel, spoken in zip(own, alone, strict=True):
        assert (channel[spoken] >= SPOKEN).mean() > 0.9
        assert (channel[~spoken] >= SPOKEN).mean() < 0.03


def test_two_people_who_talk_at_once_both_stay(conversation):
    left, right = conversation.samples
    shifted = np.roll(right, -int(4.4 * 16_000))
    heard, own = own_speech(np.stack([left, shifted]))
    for channel, kept in zip(heard, own, strict=True):
        assert np.array_equal(channel >= SPOKEN, kept >= SPOKEN)


def test_one_room_is_not_two_speakers(conversation):
    both = conversation.samples.sum(axis=0)
    assert own_speech(np.stack([both, 0.9 * np.roll(both, 10)]))[1] is None


def segment(text, start_s, speaker):
    words = tuple(Word(word, start_s + 0.3 * at, start_s + 0.3 * (at + 1), 0.9) for at, word in enumerate(text.split()))
    return Segment(id=0, text=text, start_s=start_s, end_s=words[-1].end_s, speaker=speaker, words=words)


def test_words_heard_on_both_channels_stand_once_where_they_are_louder():
    samples = np.random.default_rng(0).normal(0, 0.1, (2, 80_000)).astype(np.float32)
    samples[1] *= 0.2
    told = [[segment("any allergies today?", 1.0, "channel_0")], [segment("Any allergies today", 1.1, "channel_1")]]
    assert [one.speaker for one in merge_channels(told, samples)] == ["channel_0"]


def test_the_same_answer_given_later_is_kept():
    samples = np.ones((2, 160_000), dtype=np.float32)
    told = [[segment("no pain", 1.0, "channel_0")], [segment("no pain", 3.0, "channel_1")]]
    assert [one.start_s for one in merge_channels(told, samples)] == [1.0, 3.0]
