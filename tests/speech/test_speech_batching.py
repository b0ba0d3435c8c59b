"""Laws of batching across uploads: full batches, results in order, and one upload's failure stays its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nurseconv_dagster.speech.batching import Hearing, hear
from nurseconv_dagster.speech.decoding import Decoded
from nurseconv_dagster.speech.gate import Stretch
from nurseconv_dagster.speech.windows import Window

POISON = -1.0


class EchoEngine:
    """Says how long each clip is; fails on any batch that holds a poisoned clip."""

    def __init__(self):
        self.batches = []

    def encode(self, clips, window_s):
        if any(POISON in clip for clip in clips):
            raise RuntimeError("poisoned")
        assert all(len(clip) <= window_s * 16_000 for clip in clips)
        self.batches.append([len(clip) for clip in clips])
        return list(clips)

    def detect_language(self, row):
        return ("en" if len(row) % 2 else "de"), 0.9

    def generate(self, rows, languages, n_samples):
        return [
            Decoded(f"{n} {language}", (), -0.1, 0.0, 1.0, language)
            for n, language in zip(n_samples, languages, strict=True)
        ]


def upload(*lengths, poisoned=False, language="en"):
    samples = np.zeros((1, sum(lengths) + 1), dtype=np.float32)
    if poisoned:
        samples[:] = POISON
    edges = np.cumsum([0, *lengths]).tolist()
    windows = [(0, Window((Stretch(start, end),))) for start, end in pairwise(edges)]
    return Hearing(samples=samples, windows=windows, language=language)


def texts(hearing):
    return [hearing.decoded[number].text for number in range(len(hearing.windows))]


def test_windows_of_many_uploads_fill_one_batch():
    engine = EchoEngine()
    list(hear(engine, [upload(10), upload(20, 30), upload(40), upload(50)], batch_size=3))
    assert [len(batch) for batch in engine.batches] == [3, 2]


def test_each_upload_gets_its_own_windows_back_in_order():
    uploads = [upload(10), upload(30, 20), upload(), upload(40)]
    done = list(hear(EchoEngine(), uploads, batch_size=2))
    assert done == uploads
    assert [texts(one) for one in done] == [["10 en"], ["30 en", "20 en"], [], ["40 en"]]


def test_a_poisoned_upload_fails_alone():
    good, bad, other = upload(10), upload(20, 30, poisoned=True), upload(40)
    list(hear(EchoEngine(), [good, bad, other], batch_size=4))
    assert (good.failure, bad.failure, other.failure) == (None, "RuntimeError", None)
    assert (texts(good), texts(other)) == (["10 en"], ["40 en"])


def test_an_error_nobody_foresaw_is_not_swallowed():
    class Broken(EchoEngine):
        def encode(self, clips, window_s):
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        list(hear(Broken(), [upload(10)], batch_size=1))


def test_uploads_are_read_only_when_the_batch_has_room():
    read = []

    def lazily():
        for length in (10, 20, 30, 40, 50):
            read.append(length)
            yield upload(length)

    first = next(hear(EchoEngine(), lazily(), batch_size=2))
    assert texts(first) == ["10 en"]
    assert read == [10, 20]


def test_the_longest_window_tells_the_language_of_the_whole_upload():
    """A cough of a first word must not decide; here odd lengths are English, even ones German."""
    one = upload(10, 31, 20, language=None)
    list(hear(EchoEngine(), [one], batch_size=1))
    assert (one.language, one.language_probability) == ("en", 0.9)
    assert texts(one) == ["10 en", "31 en", "20 en"]


def test_uploads_with_long_windows_ride_in_batches_of_their_own():
    """Padding goes by the upload alone, else its text would depend on its mates."""
    engine = EchoEngine()
    long = 20 * 16_000
    done = list(hear(engine, [upload(10), upload(long, 11), upload(12), upload(long)], batch_size=3))
    assert sorted(map(sorted, engine.batches)) == [[10, 12], [11, long, long]]
    assert [len(one.decoded) for one in done] == [1, 2, 1, 1]


def test_an_upload_of_the_rarer_kind_does_not_hold_the_others_up():
    uploads = [upload(20 * 16_000), *(upload(10) for _ in range(40))]
    read = []

    def lazily():
        for one in uploads:
            read.append(one)
            yield one

    next(hear(EchoEngine(), lazily(), batch_size=2))
    assert len(read) < 20


def test_a_given_language_is_not_detected():
    one = upload(10, language="fr")
    list(hear(EchoEngine(), [one], batch_size=1))
    assert (one.language, one.language_probability, texts(one)) == ("fr", None, ["10 fr"])
