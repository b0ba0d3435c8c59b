"""What an hour of audio costs, stage by stage, measured here on the samples.

    python benchmarks/stage_costs.py [--recordings 3] [--notes 20] [--json costs.json]

Processor seconds of this process, all threads together, so that other work on the machine counts little; what Postgres
itself uses is not in them. Whisper is the packaged base model in int8. The house (ledger, Dagster, dbt, Postgres) is
measured on typed notes made of the transcripts, so that no model's time is in it. `benchmarks/scale_plan.py` takes the
file that `--json` writes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from nurseconv_dagster.intake.arrivals import Recording
from nurseconv_dagster.intake.decoding import decode
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.speech.transcripts import Transcript

ROOT = Path(__file__).parents[1]
PROFILE = "general"
Found = TypeVar("Found")
Figures = dict[str, float]


def timed(work: Callable[[], Found]) -> tuple[Found, float]:
    """What the work gave, and its processor seconds."""
    started = time.process_time()
    found = work()
    return found, time.process_time() - started


def recordings(count: int) -> list[tuple[Path, Recording]]:
    found = []
    for path in sorted((ROOT / "samples" / "bucket").rglob("*.ogg")):
        decoded = decode(path, "ogg", Limits())
        if isinstance(decoded, Recording) and "silence" not in path.name:
            found.append((path, decoded))
    return found[:count]


def measure_speech(count: int, figures: Figures) -> list[Transcript]:
    """Decoding and Whisper; returns the transcripts."""
    from tokenizers import Tokenizer

    from nurseconv_dagster.speech.transcriber import Job
    from nurseconv_dagster.speech.weights import find_weights
    from nurseconv_dagster.speech.whisper import WhisperTranscriber

    heard = recordings(count)
    hours = sum(one.duration_s for _, one in heard) / 3600
    _, decode_s = timed(lambda: [decode(path, "ogg", Limits()) for path, _ in heard])
    with tempfile.TemporaryDirectory() as home:
        whisper = WhisperTranscriber(model="base", home=Path(home), device="cpu", language="en")
        whisper.warm()
        started = time.perf_counter()
        results, speech_s = timed(lambda: list(whisper.transcribe([Job(uuid4(), one) for _, one in heard])))
        wall_s = time.perf_counter() - started
        tokenizer = Tokenizer.from_file(str(find_weights("base", Path(home)).path / "tokenizer.json"))
    transcripts = [one.result for one in results if isinstance(one.result, Transcript)]
    n_tokens = sum(len(tokenizer.encode(one.full_text).ids) for one in transcripts)
    rows = json.dumps([asdict(segment) for one in transcripts for segment in one.segments], default=str).encode()
    figures |= {
        "audio_s": hours * 3600,
        "decode_cpu_s_per_hour": decode_s / hours,
        "speech_cpu_s_per_hour": speech_s / hours,
        "speech_wall_s_per_hour": wall_s / hours,
        "speech_tokens_per_30_s": n_tokens / (hours * 120),
        "transcript_bytes_per_hour": len(rows) / hours,
        "transcript_deflated_bytes_per_hour": len(zlib.compress(rows, 1)) / hours,
        "vault_bytes_per_hour": sum(path.stat().st_size for path, _ in heard) / hours,
    }
    return transcripts


def measure_answers(transcripts: list[Transcript], figures: Figures) -> None:
    """The offline readers, the scores, and what hosted models would be sent and cost."""
    from nurseconv_dagster.extraction.catalogue import load_catalogue
    from nurseconv_dagster.extraction.chain import extract
    from nurseconv_dagster.extraction.hosted.prices import choose_prices
    from nurseconv_dagster.extraction.hosted.prompt import build_prompt
    from nurseconv_dagster.extraction.hosted.windows import estimate_segments, prompt_tokens
    from nurseconv_dagster.extraction.providers.local import LocalReader
    from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
    from nurseconv_dagster.scoring.compute import compute_scores
    from nurseconv_dagster.scoring.rubric import load_rubric

    hours = figures["audio_s"] / 3600
    catalogue, rubric = load_catalogue(), load_rubric()
    profile, readers = catalogue.profiles[PROFILE], [LocalReader(), RulesReader()]
    extract(transcripts[0], PROFILE, catalogue, readers)  # loads the model
    answered, answers_s = timed(lambda: [extract(one, PROFILE, catalogue, readers) for one in transcripts])
    pairs = list(zip(transcripts, answered, strict=True))
    _, scores_s = timed(lambda: [compute_scores(*pair, profile, catalogue.version, rubric) for pair in pairs])
    tokens = sum(estimate_segments(one.segments) for one in transcripts)
    prompts = sum(prompt_tokens(build_prompt(profile.questions, one.segments)) for one in transcripts)
    figures |= {
        "answers_cpu_s_per_hour": answers_s / hours,
        "scores_cpu_s_per_hour": scores_s / hours,
        "llm_tokens_in_per_upload": (prompts - tokens) / len(transcripts),
        "llm_tokens_in_per_hour": tokens / hours,
        "n_questions": len(profile.questions),
    }
    for provider, model in (("gemini", "gemini-3.5-flash"), ("openai", "gpt-5.4-mini")):
        price = choose_prices("").find_price(provider, model)
        if price is not None:
            figures[f"{provider}_usd_per_million_in"] = price.cost_usd(1_000_000, 0, 0)
            figures[f"{provider}_usd_per_million_out"] = price.cost_usd(0, 0, 1_000_000)


def measure_house(transcripts: list[Transcript], n_notes: int, figures: Figures) -> None:
    """Ledger, Dagster, dbt and Postgres: notes dropped at once, then as many again, so that fixed costs fall out."""
    from sqlalchemy import text

    from nurseconv_dagster.operations.driver import drive
    from nurseconv_dagster.operations.embedded_postgres import stop_server
    from nurseconv_dagster.operations.home import prepare_home
    from nurseconv_dagster.settings import load_settings
    from nurseconv_dagster.store.engine import app_url, dagster_url, open_engine

    with tempfile.TemporaryDirectory(prefix="nurseconv-costs-") as folder:
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "UPLOAD_DIR"):
            os.environ.pop(name, None)
        os.environ.update(NURSECONV_HOME=f"{folder}/home", STABLE_AFTER_S="0", PROVIDER_ORDER="rules")
        settings = load_settings()
        prepare_home(settings)
        engine = open_engine(app_url(settings))
        names = (app_url(settings).database, dagster_url(settings).database)

        def sizes() -> list[int]:
            with engine.connect() as connection:
                return [
                    int(connection.execute(text("select pg_database_size(:n)"), {"n": name}).scalar_one())
                    for name in names
                ]

        try:
            import nurseconv_dagster.definitions  # noqa: F401 - a worker pays for it once

            jobs: list[tuple[str, float]] = []
            for turn in range(2):
                for number in range(n_notes):
                    words = transcripts[number % len(transcripts)].full_text
                    (settings.bucket_dir / f"note-{turn}-{number}.txt").write_text(f"{words}\nNote {turn} {number}.\n")
                before, last = sizes(), [time.process_time()]
                jobs.clear()

                def on_run(job: str, ok: bool, last: list[float] = last) -> None:
                    jobs.append((job, time.process_time() - last[0]))
                    last[0] = time.process_time()

                drive(settings, on_run)
                after = sizes()
        finally:
            engine.dispose()
            stop_server(settings.home)
    marts_s = sum(seconds for job, seconds in jobs if job == "build_marts")
    figures |= {
        "house_cpu_s_per_upload": sum(seconds for job, seconds in jobs if job != "build_marts") / n_notes,
        "marts_cpu_s_per_build": marts_s,
        "app_bytes_per_upload": (after[0] - before[0]) / n_notes,
        "dagster_bytes_per_upload": (after[1] - before[1]) / n_notes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=3)
    parser.add_argument("--notes", type=int, default=20)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    figures: Figures = {}
    transcripts = measure_speech(wanted.recordings, figures)
    measure_answers(transcripts, figures)
    tell(figures, wanted.json)
    measure_house(transcripts, wanted.notes, figures)
    tell(figures, wanted.json)


def tell(figures: Figures, path: Path | None) -> None:
    """Prints what is known so far, and keeps it: the house takes minutes."""
    for name, value in figures.items():
        print(f"{name:36}{value:14,.2f}")
    print(flush=True)
    if path:
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
