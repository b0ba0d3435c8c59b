"""Typed notes dropped at once: seconds per upload from the bucket to the marts, and where they go.

No Whisper takes part, so what is left is the house itself: ledger, Dagster, dbt, and the offline readers, whose time
is shown apart. Uses a home of its own in a temporary folder and removes it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

NAMES = ("Margaret", "Winston", "Priya", "Oskar", "Lucille")


def note(number: int) -> str:
    return (
        f"Nurse: Good morning, can you tell me your name?\nPatient: {NAMES[number % 5]} Oakley {number}.\n"
        f"Nurse: What brings you in?\nPatient: I have had a headache for {number + 2} days.\n"
        "Nurse: Any allergies?\nPatient: No, none that I know of.\n"
        f"Nurse: And your pain, from zero to ten?\nPatient: About a {number % 10}.\n"
        f"Nurse: Your blood pressure is {110 + number % 40} over 70.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    n_uploads = parser.parse_args().uploads
    with tempfile.TemporaryDirectory(prefix="nurseconv-bench-") as folder:
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "UPLOAD_DIR"):
            os.environ.pop(name, None)
        os.environ.update(NURSECONV_HOME=f"{folder}/home", STABLE_AFTER_S="0")
        run(Path(folder), n_uploads)


def run(folder: Path, n_uploads: int) -> None:
    from sqlalchemy import text

    from nurseconv_dagster.operations.driver import drive
    from nurseconv_dagster.operations.embedded_postgres import stop_server
    from nurseconv_dagster.operations.home import prepare_home
    from nurseconv_dagster.settings import load_settings
    from nurseconv_dagster.store.engine import app_url, open_engine

    settings = load_settings()
    prepare_home(settings)
    try:
        import nurseconv_dagster.definitions  # noqa: F401 - imported before the clock starts: a worker pays it once

        for number in range(n_uploads):
            (settings.bucket_dir / f"note{number}.txt").write_text(note(number))
        runs: list[tuple[str, float]] = []
        started = last = time.perf_counter()

        def on_run(job: str, ok: bool) -> None:
            nonlocal last
            now = time.perf_counter()
            runs.append((job, now - last))
            last = now

        driven = drive(settings, on_run)
        total_s = time.perf_counter() - started
        engine = open_engine(app_url(settings))
        with engine.connect() as connection:
            one = lambda query: float(connection.execute(text(query)).scalar_one() or 0)  # noqa: E731
            n_marts = one("select count(*) from marts.conversations where status = 'completed'")
            model_s = one("select sum(latency_s) from extraction_attempts where outcome = 'ok'")
            stages = connection.execute(
                text("select job_type, sum(duration_s) from processing_jobs group by 1 order by 1")
            ).all()
        engine.dispose()
    finally:
        stop_server(settings.home)
    print(f"{n_uploads} uploads dropped, {n_marts:.0f} in the marts, {driven.n_runs} runs, {total_s:.1f} s")
    print(f"reader and rules {model_s:.1f} s; the rest {(total_s - model_s) / n_uploads:.3f} s per upload")
    for job, seconds in runs:
        print(f"  run {job:<18} {seconds:6.1f} s")
    for stage, seconds in stages:
        print(f"  time of uploads in stage {stage:<16} {seconds:8.1f} s (uploads of a batch wait for each other)")


if __name__ == "__main__":
    main()
