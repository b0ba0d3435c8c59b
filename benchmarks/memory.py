"""Peak memory of a run worker: the process that imports the definitions and carries recordings from file to scores.

    python benchmarks/memory.py [--minutes 20]

A child process with a home of its own takes in the samples and one long recording (the samples over and over), and runs
the jobs as a run worker does. What it prints at its end is its own peak resident set, as the kernel counted it; the
servers beside it (Postgres, dbt's processes) are not in it.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET_GB = 1.2
SPOKEN = (".ogg", ".flac", ".wav", ".webm", ".m4a", ".mp3")
BUCKET = Path(__file__).parents[1] / "samples" / "bucket"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the long recording")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        work(arguments.minutes)
        return
    with tempfile.TemporaryDirectory(prefix="nurseconv-bench-") as folder:
        environment = {**os.environ, "NURSECONV_HOME": f"{folder}/home", "STABLE_AFTER_S": "0", "TQDM_DISABLE": "1"}
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "UPLOAD_DIR"):
            environment.pop(name, None)
        command = [sys.executable, "-W", "ignore", __file__, "--child", "--minutes", str(arguments.minutes)]
        subprocess.run(command, check=True, env=environment)


def work(minutes: float) -> None:
    from nurseconv_dagster.operations.driver import drive
    from nurseconv_dagster.operations.embedded_postgres import stop_server
    from nurseconv_dagster.operations.home import prepare_home
    from nurseconv_dagster.settings import load_settings

    settings = load_settings()
    prepare_home(settings)
    try:
        shutil.copytree(BUCKET, settings.bucket_dir, dirs_exist_ok=True)
        lengthen(settings.bucket_dir / "long.wav", minutes)
        driven = drive(settings)
    finally:
        stop_server(settings.home)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(
        f"{driven.n_runs} runs over the samples and {minutes:g} minutes in one file, "
        f"Whisper {settings.whisper_model} {settings.whisper_compute_type}, batches of {settings.whisper_batch_size}"
    )
    print(f"peak resident set {peak_gb:.2f} GB (target < {TARGET_GB})")


def lengthen(target: Path, minutes: float) -> None:
    """A mono 16 kHz WAV file of that length, made of the samples' speech."""
    import wave

    import av

    spoken = b""
    for sample in sorted(path for path in BUCKET.rglob("*") if path.suffix in SPOKEN and "damaged" not in path.name):
        resampler = av.AudioResampler("s16", "mono", 16_000)
        with av.open(str(sample)) as container:
            for frame in container.decode(audio=0):
                spoken += b"".join(bytes(part.planes[0])[: part.samples * 2] for part in resampler.resample(frame))
    n_bytes = int(minutes * 60 * 16_000) * 2
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((spoken * (n_bytes // len(spoken) + 1))[:n_bytes])


if __name__ == "__main__":
    main()
