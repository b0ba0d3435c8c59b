"""The Celery engine and the default one: more workers, a killed worker, an urgent upload, one at a time.

    python benchmarks/celery.py [--uploads 200] [--stage-s 1.0] [--waiting 50] [--only workers,kill,...]

A real redis-server (from PATH), real workers, real runs, a Postgres of its own, all in a temporary folder. Stage time
is simulated: transcribing a typed note sleeps, no model takes part, so the figures are those of the engine and not of
Whisper. Parts: workers, kill, urgent, urgent-default (Dagster's own daemon and queue), one-at-a-time.
It exits with 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

# In place of this folder: a file in it is called as the library is.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.celery_engine.floors import Floor, Redis, wait_until

PARTS = ("workers", "kill", "urgent", "urgent-default", "one-at-a-time")
BROKEN: list[str] = []
STAGES = "processing,transcription,qa_extraction,scoring"


@contextmanager
def new_floor(**environment: str) -> Iterator[Floor]:
    """A home with its Postgres and Redis; everything ends with it."""
    from nurseconv_dagster.operations.embedded_postgres import stop_server
    from nurseconv_dagster.operations.home import prepare_home
    from nurseconv_dagster.settings import load_settings
    from nurseconv_dagster.store.engine import app_url, open_engine

    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="nurseconv-bench-") as name:
        folder = Path(name)
        for unset in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "UPLOAD_DIR"):
            os.environ.pop(unset, None)
        (folder / "redis").mkdir()
        redis = Redis(folder / "redis")
        os.environ.update(
            {
                "NURSECONV_HOME": f"{folder}/home",
                "STABLE_AFTER_S": "0",
                "PROVIDER_ORDER": "rules",
                "REDIS_URL": redis.url,
            }
        )
        os.environ.update(environment)
        settings = load_settings()
        prepare_home(settings)
        engine = open_engine(app_url(settings))
        floor = Floor(engine, redis, folder)
        try:
            yield floor
        finally:
            floor.stop()
            redis.stop()
            engine.dispose()
            stop_server(settings.home)
            os.environ.clear()
            os.environ.update(before)


def laws_broken(floor: Floor) -> str:
    """For a line of figures; whatever is broken is also kept for the exit code."""
    broken = floor.broken_laws()
    BROKEN.extend(broken)
    return ", ".join(broken) or "none"


def measure_workers(n_uploads: int, stage_s: float) -> None:
    """Seconds for the same uploads with one and with two workers, from the first stage begun to the last one done."""
    seconds = [_seconds(n_uploads, stage_s, n_workers) for n_workers in (1, 2)]
    print(
        f"workers: {n_uploads} typed uploads, {stage_s:g} s of simulated stage time each: "
        f"one worker {seconds[0]:.0f} s, two {seconds[1]:.0f} s, ratio {seconds[0] / seconds[1]:.2f} (target 1.8)",
        flush=True,
    )


def _seconds(n_uploads: int, stage_s: float, n_workers: int) -> float:
    with new_floor(SLOW_STAGE_S=str(stage_s), BATCH_MAX_UPLOADS=str(max(1, n_uploads // 20))) as floor:
        for _ in range(n_workers):
            floor.worker(STAGES, "--concurrency", "1")
        floor.take_in(n_uploads)
        floor.conductor()
        floor.wait_for_all(60 + 20 * n_uploads * stage_s)
        print(f"  {n_workers} workers: laws broken: {laws_broken(floor)}", flush=True)
        spent = "select extract(epoch from max(completed_at) - min(started_at)) * 1000 from processing_jobs"
        return floor.count(spent) / 1000


def measure_kill(n_uploads: int, stage_s: float) -> None:
    """kill -9 of one of two workers, with its children, in the middle of its stage."""
    with new_floor(SLOW_STAGE_S=str(stage_s), BATCH_MAX_UPLOADS="10") as floor:
        workers = [floor.worker(STAGES, "--concurrency", "1") for _ in range(2)]
        floor.take_in(n_uploads)
        floor.conductor()
        wait_until(lambda: floor.n_jobs("transcriptions", "completed") >= n_uploads // 4, 900)
        floor.kill(workers[0])
        killed_at = time.monotonic()
        floor.wait_for_all(1800)
        abandoned = floor.count("select count(*) from processing_jobs where status = 'abandoned'")
        print(
            f"kill -9 of one of two workers in the middle of {n_uploads} uploads: {abandoned} stages were in its "
            f"hands, all completed {time.monotonic() - killed_at:.0f} s later, "
            f"laws broken: {laws_broken(floor)}",
            flush=True,
        )


def measure_urgent(n_waiting: int, stage_s: float) -> None:
    """An urgent upload that comes when ten others wait in Redis and the rest for a place among the runs; one worker."""
    with new_floor(SLOW_STAGE_S=str(stage_s), BATCH_MAX_UPLOADS="1") as floor:
        floor.take_in(n_waiting)
        floor.conductor()
        redis = floor.redis.client()
        in_queue = lambda: sum(redis.llen(key) for key in redis.keys("processing*"))  # noqa: E731
        n_in_redis = min(10, n_waiting)  # as many runs as dagster.yaml lets wait at once, urgent ones aside
        wait_until(lambda: in_queue() >= n_in_redis, 1800)
        floor.take_in(1, {"priority": "high"})
        wait_until(lambda: in_queue() >= n_in_redis + 1, 300)
        floor.worker(STAGES, "--concurrency", "1")
        _print_overtaking(floor, f"urgent on Celery, {n_waiting} waiting before it, {n_in_redis} of them in Redis")


def measure_urgent_default(n_waiting: int, stage_s: float) -> None:
    """The same without Celery: Dagster's daemon, code server and run queue, two runs at once."""
    with new_floor(SLOW_STAGE_S=str(stage_s), BATCH_MAX_UPLOADS="1", REDIS_URL="") as floor:
        module = "tests.fakes.slow_stages"
        socket = floor.logs / "code.sock"
        workspace = floor.logs / "workspace.yaml"
        workspace.write_text(f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: {module}\n")
        floor.take_in(n_waiting + n_waiting // 5)  # some are done before the last of them is asked for
        floor.start("dagster", "api", "grpc", "-m", module, "-s", str(socket), name="code")
        wait_until(socket.exists, 600)
        floor.start("dagster._daemon", "run", "-w", str(workspace), name="daemon")
        from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

        with DagsterInstance.get() as instance:
            queued = RunsFilter(statuses=[DagsterRunStatus.QUEUED])
            wait_until(lambda: instance.get_runs_count(queued) >= n_waiting, 1800)
            n_queued = instance.get_runs_count(queued)
            floor.take_in(1, {"priority": "high"})
            _print_overtaking(floor, f"urgent on the default engine, {n_queued} runs before it in the daemon's queue")


def _print_overtaking(floor: Floor, what: str) -> None:
    urgent = "select count(*) from conversation_uploads where priority = 'high' and status = 'completed'"
    before = floor.n_completed()
    wait_until(lambda: floor.count(urgent) == 1, 1800)
    first = (
        "select count(*) from conversation_uploads where status = 'completed' and priority = 'normal' and "
        "processing_completed_at < (select processing_completed_at from conversation_uploads where priority = 'high')"
    )
    overtook = floor.n_taken - 1 - floor.count(first)
    print(f"{what}: it overtook {overtook} of {floor.n_taken - 1} ({before} were done when it came)", flush=True)


def measure_one_at_a_time() -> None:
    """How many builds of the marts and how many turns at a device were held at the same moment by eight processes."""
    import multiprocessing

    with new_floor() as floor:
        context = multiprocessing.get_context("spawn")
        with context.Pool(8) as pool:
            held = pool.map(_hold, [str(floor.engine.url.render_as_string(hide_password=False))] * 8)
        for kind in ("dbt", "whisper"):
            spans = sorted(span for spans in held for span in spans[kind])
            overlaps = sum(later[0] < earlier[1] for earlier, later in pairwise(spans))
            print(f"one at a time: {len(spans)} {kind} turns of 8 processes, {overlaps} overlapped", flush=True)
            if overlaps:
                BROKEN.append(f"{overlaps} {kind} turns overlapped")


def _hold(address: str) -> dict[str, list[tuple[float, float]]]:
    from nurseconv_dagster.errors import MartsBusyError
    from nurseconv_dagster.speech.devices import compute_device
    from nurseconv_dagster.store.engine import open_engine
    from nurseconv_dagster.store.reporting import marts_lock
    from nurseconv_dagster.store.turns import taking_turns

    engine = open_engine(address)  # type: ignore[arg-type]
    spans: dict[str, list[tuple[float, float]]] = {"dbt": [], "whisper": []}
    for _ in range(20):
        try:
            with marts_lock(engine):
                began = time.time()
                time.sleep(0.02)
                spans["dbt"].append((began, time.time()))
        except MartsBusyError:
            time.sleep(0.01)

    def listen() -> Iterator[tuple[float, float]]:
        for _ in range(5):
            began = time.time()
            time.sleep(0.05)
            yield began, time.time()

    spans["whisper"] = list(
        taking_turns(engine, f"nurseconv:whisper:{compute_device('cpu')}", listen(), until=time.monotonic() + 60)
    )
    return spans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--stage-s", type=float, default=1.0)
    parser.add_argument("--waiting", type=int, default=50)
    parser.add_argument("--only", default=",".join(PARTS))
    arguments = parser.parse_args()
    if shutil.which("redis-server") is None:
        print("no redis-server on this machine, nothing was measured: apt-get install redis-server")
        return
    wanted = arguments.only.split(",")
    if "one-at-a-time" in wanted:
        measure_one_at_a_time()
    if "urgent" in wanted:
        measure_urgent(arguments.waiting, arguments.stage_s)
    if "urgent-default" in wanted:
        measure_urgent_default(arguments.waiting, arguments.stage_s)
    if "kill" in wanted:
        measure_kill(arguments.uploads // 4, arguments.stage_s)
    if "workers" in wanted:
        measure_workers(arguments.uploads, arguments.stage_s)
    if BROKEN:
        sys.exit(f"laws broken: {', '.join(BROKEN)}")


if __name__ == "__main__":
    main()
