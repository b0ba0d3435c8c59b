"""Whisper on a graphics card: seconds of audio a second, by batch, without weights of any model.

    python benchmarks/gpu_speech.py [--shapes base large-v3] [--batches 1 8 16 32] [--tokens 100] [--beams 1 5]

What a window costs depends on the model's shape, the batch, the beam and the number of tokens, not on what the weights
say. So models of Whisper's shapes are made of random numbers here, and every window of 30 s is made to give `--tokens`
tokens (benchmarks/stage_costs.py counts how many speech gives). Encoder and decoder are timed, and nothing of what
stands around them in the product: decoding the file, the speech gate, the spectrogram, the times of words.

Needs CTranslate2 and, for `--device cuda`, what it loads there: libcublas.so.12 and libcudnn.so.9.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WINDOW_S, FRAMES, MAX_TOKENS = 30.0, 3000, 448
END_OF_TEXT, START = 50257, 50258


@dataclass(frozen=True)
class Shape:
    """A Whisper model's dimensions (openai/whisper, `model.py` and the published checkpoints)."""

    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    mels: int
    vocabulary: int


SHAPES = {
    "base": Shape(512, 8, 6, 6, 80, 51865),
    "small": Shape(768, 12, 12, 12, 80, 51865),
    "medium": Shape(1024, 16, 24, 24, 80, 51865),
    "large-v3": Shape(1280, 20, 32, 32, 128, 51866),
}
_TILE = np.random.default_rng(1).normal(0.0, 0.02, 1 << 20).astype(np.float32)


def numbers(*shape: int) -> np.ndarray:
    """Small random numbers; the same ones again and again, since making billions of new ones takes minutes."""
    return np.resize(_TILE, shape)


def fill_linear(linear: Any, n_out: int, n_in: int) -> None:
    linear.weight, linear.bias = numbers(n_out, n_in), numbers(n_out)


def fill_norm(norm: Any, width: int) -> None:
    norm.gamma, norm.beta = np.ones(width, np.float32), np.zeros(width, np.float32)


def fill_layer(layer: Any, width: int, *, is_decoder: bool) -> None:
    attentions = [(layer.self_attention, (3, 1))] + ([(layer.attention, (1, 2, 1))] if is_decoder else [])
    for attention, sizes in attentions:
        fill_norm(attention.layer_norm, width)
        for linear, times in zip(attention.linear, sizes, strict=True):
            fill_linear(linear, times * width, width)
    fill_norm(layer.ffn.layer_norm, width)
    fill_linear(layer.ffn.linear_0, 4 * width, width)
    fill_linear(layer.ffn.linear_1, width, 4 * width)


def make_model(shape: Shape, folder: Path, compute_type: str) -> None:
    """A CTranslate2 folder with a model of this shape."""
    from ctranslate2.specs import whisper_spec

    spec = whisper_spec.WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = numbers(shape.width, shape.mels, 3), numbers(shape.width)
    encoder.conv2.weight, encoder.conv2.bias = numbers(shape.width, shape.width, 3), numbers(shape.width)
    encoder.position_encodings.encodings = numbers(FRAMES // 2, shape.width)
    decoder.position_encodings.encodings = numbers(MAX_TOKENS, shape.width)
    decoder.embeddings.weight = numbers(shape.vocabulary, shape.width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.scale_embeddings = False
    for half in (encoder, decoder):
        fill_norm(half.layer_norm, shape.width)
        for layer in half.layer:
            fill_layer(layer, shape.width, is_decoder=half is decoder)
    spec.register_vocabulary(words(shape.vocabulary))
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids, spec.config.alignment_heads = [], []
    spec.validate()
    spec.optimize(quantization=compute_type)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))


def words(size: int) -> list[str]:
    """A vocabulary of this size with Whisper's special tokens at their places."""
    special = {END_OF_TEXT: "<|endoftext|>", START: "<|startoftranscript|>", START + 1: "<|en|>"}
    first = size - 1501  # 1501 times from 0.00 to 30.00 end the vocabulary, the words about a recording stand before
    for back, name in enumerate(("notimestamps", "nospeech", "startofprev", "startoflm", "transcribe", "translate"), 1):
        special[first - back] = f"<|{name}|>"
    return [special.get(number, f"w{number}") for number in range(size)]


def time_model(folder: Path, shape: Shape, wanted: argparse.Namespace) -> list[dict[str, float]]:
    """One row for each batch and beam."""
    import ctranslate2

    model = ctranslate2.models.Whisper(str(folder), device=wanted.device, compute_type=wanted.compute_type)
    prompt = [START, START + 1, shape.vocabulary - 1501 - 5, shape.vocabulary - 1501 - 1]
    rows = []
    for beam in wanted.beams:
        for batch in wanted.batches:
            samples = np.resize(_TILE, (batch, shape.mels, FRAMES)).astype(np.float32)

            def run(samples: np.ndarray = samples, beam: int = beam, batch: int = batch) -> tuple[float, int]:
                started = time.perf_counter()
                results = model.generate(
                    model.encode(ctranslate2.StorageView.from_array(samples), to_cpu=False), [prompt] * batch,
                    beam_size=beam, suppress_blank=False, suppress_tokens=[END_OF_TEXT],
                    max_length=2 * wanted.tokens,  # CTranslate2 gives half of it to new tokens
                )  # fmt: skip
                return time.perf_counter() - started, min(len(one.sequences_ids[0]) for one in results)

            run()
            seconds, n_tokens = min(run() for _ in range(wanted.rounds))
            rows.append(
                {"beam": beam, "batch": batch, "tokens": n_tokens, "seconds": round(seconds, 4),
                 "audio_s_per_s": round(batch * WINDOW_S / seconds, 1)}
            )  # fmt: skip
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def card() -> str:
    """The graphics card's name and driver."""
    try:
        return subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "none"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["base", "large-v3"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 16, 32])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--tokens", type=int, default=100, help="tokens that each window of 30 s gives")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--compute-type", default="float16")
    wanted = parser.parse_args()
    try:
        import ctranslate2
    except ImportError:
        print("CTranslate2 is missing: pip install ctranslate2")
        return 0
    if wanted.device == "cuda" and not ctranslate2.get_cuda_device_count():
        print("no CUDA card here: nothing is timed; --device cpu --compute-type int8 times this processor")
        return 0
    found: dict[str, object] = {"card": card(), "device": wanted.device, "compute_type": wanted.compute_type}
    with tempfile.TemporaryDirectory(prefix="nurseconv-gpu-") as place:
        for name in wanted.shapes:
            started = time.perf_counter()
            make_model(SHAPES[name], Path(place) / name, wanted.compute_type)
            print(f"{name}: made in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
            found[name] = time_model(Path(place) / name, SHAPES[name], wanted)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
