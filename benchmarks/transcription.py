"""Batching across uploads against one window at a time and faster-whisper's own two ways, on many short recordings.

What lives here: one run that prints seconds, ratios and peak memory of four ways to transcribe the same recordings.
When to add here: another way to transcribe that people would compare with.
What to keep out: word error rates, which have a benchmark of their own.

    python benchmarks/transcription.py [FOLDER] [--count 32] [--rounds 2]

The recordings of FOLDER (the samples by default) are cut at pauses into short ones of 4 to 14 s, as nurses dictate
them. Every way runs in a process of its own, warm, with the same model, beam, language and word times; rounds
alternate. Processor seconds are the fairer figure on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from nurseconv_dagster.intake.arrivals import Recording
from nurseconv_dagster.intake.decoding import decode
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.speech.gate import SAMPLE_RATE_HZ, find_stretches, speech_probabilities
from nurseconv_dagster.speech.transcriber import Job
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.speech.weights import find_weights
from nurseconv_dagster.speech.whisper import WhisperTranscriber

Samples = npt.NDArray[np.float32]
ROOT = Path(__file__).parents[1]
BATCH_SIZE, BEAM_SIZE = 8, 5
MIN_S, MAX_S = 4.0, 14.0


@dataclass(frozen=True)
class Figures:
    """What one way needed for all recordings, and how many words it found."""

    wall_s: float
    processor_s: float
    peak_mb: float
    n_words: int


def ours(recordings: list[Samples], home: Path, batch_size: int = BATCH_SIZE) -> Callable[[], int]:
    transcriber = WhisperTranscriber(
        model="base", home=home, device="cpu", language="en", batch_size=batch_size, beam_size=BEAM_SIZE
    )
    transcriber.warm()
    jobs = [
        Job(uuid4(), Recording(samples[None], len(samples) / SAMPLE_RATE_HZ, 0, None, (), "wav"))
        for samples in recordings
    ]

    def run() -> int:
        results = [heard.result for heard in transcriber.transcribe(jobs)]
        return sum(len(one.full_text.split()) for one in results if isinstance(one, Transcript))

    return run


def ours_one_by_one(recordings: list[Samples], home: Path) -> Callable[[], int]:
    return ours(recordings, home, batch_size=1)


def sequential(recordings: list[Samples], home: Path) -> Callable[[], int]:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(find_weights("base", home).path), device="cpu", compute_type="int8")
    options = {"language": "en", "beam_size": BEAM_SIZE, "vad_filter": True, "word_timestamps": True}
    return lambda: sum(_n_words(model.transcribe(samples, **options)[0]) for samples in recordings)


def batched_per_file(recordings: list[Samples], home: Path) -> Callable[[], int]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(find_weights("base", home).path), device="cpu", compute_type="int8")
    pipeline = BatchedInferencePipeline(model)
    options = {"language": "en", "beam_size": BEAM_SIZE, "batch_size": BATCH_SIZE, "word_timestamps": True}
    return lambda: sum(_n_words(pipeline.transcribe(samples, **options)[0]) for samples in recordings)


WAYS = {
    "ours, across uploads": ours,
    "ours, one window at a time": ours_one_by_one,
    "faster-whisper, sequential": sequential,
    "faster-whisper, batched": batched_per_file,
}


def _n_words(segments: object) -> int:
    return sum(len(segment.text.split()) for segment in segments)  # type: ignore[attr-defined]


def cut_short_recordings(folder: Path, count: int) -> list[Samples]:
    """Recordings of 4 to 14 s cut at pauses from those of the folder, at most `count`."""
    found: list[Samples] = []
    for path in sorted(folder.rglob("*.ogg")):
        recording = decode(path, "ogg", Limits())
        if not isinstance(recording, Recording):
            continue
        samples = recording.samples.sum(axis=0)
        first = None
        for stretch in find_stretches(speech_probabilities(samples), len(samples)):
            start = stretch.start if first is None else first
            length_s = (stretch.end - start) / SAMPLE_RATE_HZ
            first = start
            if length_s >= MIN_S:
                found.extend([samples[start : stretch.end].copy()] if length_s <= MAX_S else [])
                first = None
    return found[:count]


def measure(name: str, folder: Path, home: Path, count: int) -> Figures:
    recordings = cut_short_recordings(folder, count)
    run = WAYS[name](recordings, home)
    wall, processor = time.perf_counter(), time.process_time()
    n_words = run()
    return Figures(
        wall_s=time.perf_counter() - wall,
        processor_s=time.process_time() - processor,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        n_words=n_words,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "samples" / "bucket")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("NURSECONV_HOME", ".nurseconv")))
    wanted = parser.parse_args()

    lengths = [len(samples) / SAMPLE_RATE_HZ for samples in cut_short_recordings(wanted.folder, wanted.count)]
    print(f"{len(lengths)} recordings, {sum(lengths):.0f} s in all, {statistics.median(lengths):.1f} s in the middle")
    figures: dict[str, list[Figures]] = {name: [] for name in WAYS}
    fresh = multiprocessing.get_context("spawn")
    for _ in range(wanted.rounds):
        for name, rounds in figures.items():
            with fresh.Pool(1) as pool:
                rounds.append(pool.apply(measure, (name, wanted.folder, wanted.home, wanted.count)))

    best = {name: min(one.processor_s for one in rounds) for name, rounds in figures.items()}
    print(f"{'':28}{'wall s':>8}{'cpu s':>8}{'cpu s / audio s':>17}{'times ours':>12}{'peak MB':>9}{'words':>7}")
    for name, rounds in figures.items():
        print(
            f"{name:28}{min(one.wall_s for one in rounds):8.1f}{best[name]:8.1f}{best[name] / sum(lengths):17.3f}"
            f"{best[name] / best['ours, across uploads']:12.2f}{max(one.peak_mb for one in rounds):9.0f}"
            f"{rounds[0].n_words:7}"
        )


if __name__ == "__main__":
    main()
