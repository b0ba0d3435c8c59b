"""The demo: sample recordings become reporting tables through the same jobs the daemon runs, and are shown.

What lives here: `run_demo()` and what it prints.
When to add here: something that a new user should see in the first minutes.
What to keep out: any work of its own: it drops files into the bucket and drives.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import Engine

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.evaluation.tables import render_report
from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.operations.evaluate import tell_dagster
from nurseconv_dagster.operations.home import PROJECT, prepare_home
from nurseconv_dagster.operations.watch import watching
from nurseconv_dagster.resources.evaluators import EvaluatorResource
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import load_settings
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.codec import decode_segment_cell
from nurseconv_dagster.store.engine import app_url, open_engine
from nurseconv_dagster.telemetry.logs import start_logs

SAMPLES = PROJECT / "samples"
_BUCKET_FOLDER = "samples"
_LINES_SHOWN = 4
_SHOWN_SCORES = ("overall_score", "completeness_score", "confidence_score", "evidence_coverage", "safety_score")

_NEXT = """
==> Where to look next
   marts (rows)  {marts}
   psql          psql "$(.venv/bin/nurseconv url --role bi)" -c 'table marts.question_weeks'
   Dagster UI    make up, then http://127.0.0.1:3000: lineage, runs, checks
   pages, API    make up, then http://127.0.0.1:8000/review (listen, confirm, correct), /upload, /docs
   export        .venv/bin/nurseconv export out --format csv (or jsonl, parquet, srt, vtt, fhir)
   your files    .venv/bin/nurseconv ingest FOLDER
   stop          make down (the embedded Postgres); all data is in {home}"""


def run_demo(home: Path) -> int:
    """The exit code: 0 when every sample ended as it should and is in the marts."""
    os.environ["NURSECONV_HOME"] = str(home)
    settings = load_settings()
    if settings.bucket_url:
        raise SettingsError("the demo drops its samples into a folder; leave UPLOAD_DIR empty for it.")
    clock: dict[str, float] = {}
    with _timed(clock, "home, database, dbt manifest"):
        typer.echo(f"==> Making the home ready: {settings.home}")
        prepare_home(settings)
        start_logs(settings, "command")
    with _timed(clock, "samples into the bucket"):
        names = _drop_samples(settings.bucket_dir)
        typer.echo(f"==> Dropped {len(names)} sample files into the bucket: {settings.bucket_dir / _BUCKET_FOLDER}")
    typer.echo("==> Working: the intake sensor, then one run for the batch, then dbt (Whisper loads first)")
    engine = open_engine(app_url(settings))
    with _timed(clock, "runs"), watching(engine):
        driven = drive(settings)
    ids = listings.uploads_by_location(engine, _BUCKET_FOLDER)
    for name in names:
        _show(engine, name, ids[name])
    _show_evaluation()
    _show_times(engine, clock)
    _show_next(engine, settings.home)
    engine.dispose()
    return 0 if driven.is_reported else 1


def _drop_samples(bucket: Path) -> list[str]:
    """Locations in the bucket; times are kept, so that the sensor finds the files stable at once."""
    target = bucket / _BUCKET_FOLDER
    shutil.copytree(SAMPLES / "bucket", target, dirs_exist_ok=True)
    for file in target.rglob("*"):
        if file.is_file():
            source = SAMPLES / "bucket" / file.relative_to(target)
            os.utime(file, (source.stat().st_mtime - 3600, source.stat().st_mtime - 3600))
    files = (file for file in sorted(target.rglob("*")) if file.is_file() and file.suffix != ".json")
    return [file.relative_to(bucket).as_posix() for file in files]


def _show(engine: Engine, name: str, upload_id: Any) -> None:
    upload = listings.list_uploads(engine, ids=[upload_id])[0]
    typer.echo(f"\n== {name.removeprefix(_BUCKET_FOLDER + '/')}: {upload.status}")
    if upload.error_code:
        typer.echo(f"   {upload.error_code}: {upload.error_message}")
    for fact in upload.damage:
        typer.echo(f"   damage: {fact}")
    transcription, answers, scores = listings.list_results(engine, upload_id)
    if transcription is None:
        return
    if transcription.outcome == "no_speech":
        typer.echo("   no speech: no text, no answers, no scores")
        return
    _show_lines(transcription)
    for answer in answers:
        typer.echo(f"   {_answer_line(answer)}")
    shown = ((score, getattr(scores, score)) for score in _SHOWN_SCORES)
    typer.echo("   " + ", ".join(f"{score} {'-' if value is None else format(value, '.2f')}" for score, value in shown))


def _show_lines(transcription: Any) -> None:
    segments = decode_segment_cell(transcription.segments)
    for segment in segments[:_LINES_SHOWN]:
        at = "     " if segment["start_s"] is None else f"{segment['start_s']:5.1f}"
        typer.echo(f"   {at}  {segment['role'] or '-':<8} {segment['text']}")
    more = len(segments) - _LINES_SHOWN
    if more > 0:
        typer.echo(f"          ... and {more} more lines")


def _answer_line(answer: Any) -> str:
    line = f"{answer.question_id:<24} {answer.state:<12}"
    if answer.answer_text is None:
        return line
    where = "" if answer.timestamp_start_s is None else f" @ {answer.timestamp_start_s:.1f} s"
    review = "  [review]" if answer.needs_review else ""
    return f'{line} {answer.answer_text}  <- "{answer.evidence_quote}"{where}, {answer.confidence_score:.2f}{review}'


def _show_evaluation() -> None:
    """Word error rate, precision and recall against the references beside the samples."""
    outcome = EvaluatorResource(store=StoreResource()).evaluate(SAMPLES / "reference", names=True)
    tell_dagster(outcome)
    typer.echo("\n==> Against the references in samples/reference")
    typer.echo(render_report(outcome.evaluation))


def _show_times(engine: Engine, clock: dict[str, float]) -> None:
    transcribing_s, audio_s = listings.transcribing_seconds(engine)
    typer.echo("\n==> Where the time went")
    for part, seconds in clock.items():
        typer.echo(f"   {part:<32} {seconds:6.1f} s")
    typer.echo(f"   of the runs, transcription       {transcribing_s:6.1f} s for {audio_s:.0f} s of audio")
    typer.echo(f"   all but transcription            {sum(clock.values()) - transcribing_s:6.1f} s")


def _show_next(engine: Engine, home: Path) -> None:
    marts = ", ".join(f"{name} {count}" for name, count in listings.count_marts(engine).items())
    typer.echo(_NEXT.format(marts=marts, home=home))


@contextmanager
def _timed(clock: dict[str, float], part: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    clock[part] = time.perf_counter() - started
