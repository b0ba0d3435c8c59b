"""Time and memory of the strict decoder, side by side with faster-whisper's, in one process for each figure.

Run: `python benchmarks/decoding.py [MINUTES]`. Prints one line a format: seconds of each, their ratio, peak memory.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.fakes.sounds import RECIPES, encode, tone

RECIPES_SHOWN = ("mp3", "wav", "m4a", "ogg_opus", "flac", "webm")
REPEATS = 3


def decode_strictly(path: str, audio_format: str) -> None:
    from nurseconv_dagster.intake.decoding import decode
    from nurseconv_dagster.intake.limits import Limits

    if not hasattr(decode(Path(path), audio_format, Limits()), "samples"):
        raise SystemExit(f"{audio_format}: refused")


def decode_as_peer(path: str, audio_format: str) -> None:
    from faster_whisper.audio import decode_audio

    decode_audio(path)


def measure(decoder: Callable[[str, str], None], warm_up: str, path: str, audio_format: str) -> tuple[float, float]:
    """Best wall time in seconds, and the growth of the process's peak memory in MiB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (decoder, warm_up, path, audio_format))


def _measure(decoder: Callable[[str, str], None], warm_up: str, path: str, audio_format: str) -> tuple[float, float]:
    decoder(warm_up, audio_format)
    before_kib = _peak_kib()
    times_s = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        decoder(path, audio_format)
        times_s.append(time.perf_counter() - started)
    return min(times_s), (_peak_kib() - before_kib) / 1024


def _peak_kib() -> int:
    """This process's own peak; `getrusage` would count its parent's too. Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main(minutes: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for recipe in RECIPES_SHOWN:
            audio_format, rate_hz = RECIPES[recipe][0], RECIPES[recipe][3]
            short = encode(Path(folder) / "short", tone(1, rate_hz), recipe)
            long = encode(Path(folder) / "long", np.tile(tone(30, rate_hz), (1, round(minutes * 2))), recipe)
            ours_s, ours_mib = measure(decode_strictly, str(short), str(long), audio_format)
            peer_s, peer_mib = measure(decode_as_peer, str(short), str(long), audio_format)
            print(
                f"{recipe:9} {minutes:g} min: strict {ours_s:.2f} s, faster-whisper {peer_s:.2f} s, "
                f"ratio {ours_s / peer_s:.2f}; memory {ours_mib:.0f} and {peer_mib:.0f} MiB, "
                f"ratio {ours_mib / max(1.0, peer_mib):.2f}"
            )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
