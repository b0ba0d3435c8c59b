"""A small daemon for tests: evaluates the product's sensors and starts a process for each run they ask for.

What lives here: what Dagster's daemon and run launcher do, without their seconds of start: runs are forked from a
process that has imported the definitions once.
When to add here: nothing; what the product does belongs to the product.
What to keep out: uploads, laws.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def tick(module: str, *, intake: bool, unclaimed_after_s: float) -> list[dict[str, Any]]:
    from dagster import DagsterInstance

    from nurseconv_dagster.automation.intake_sensor import request_due
    from nurseconv_dagster.automation.reconciler_sensor import reconcile, run_is_alive
    from nurseconv_dagster.operations.driver import _tick
    from nurseconv_dagster.resources.stores import StoreResource

    store = StoreResource()
    with DagsterInstance.get() as instance:
        reconcile(store, partial(run_is_alive, instance), unclaimed_after_s=unclaimed_after_s)
        requests = (
            _tick(importlib.import_module(module).defs, instance)
            if intake
            else request_due(instance, store.engine, store.settings)
        )
        return [
            {
                "run_key": request.run_key,
                "job": request.job_name,
                "tags": {**request.tags, "dagster/run_key": request.run_key},
                "assets": [key.path[-1] for key in request.asset_selection or []],
            }
            for request in requests
        ]


def execute(module: str, wanted: dict[str, Any]) -> None:
    from dagster import AssetKey, DagsterInstance, execute_job
    from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

    repository = ReconstructableRepository.for_module(module, "defs", working_directory=str(ROOT))
    assets = frozenset(AssetKey(name) for name in wanted["assets"]) or None
    checks: frozenset[Any] | None = frozenset() if assets else None
    with DagsterInstance.get() as instance:
        execute_job(
            ReconstructableJob(repository, wanted["job"], asset_selection=assets, asset_check_selection=checks),
            instance,
            tags=wanted["tags"],
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )


def in_child(work: Any, out: Path | None = None) -> int:
    """The pid of a process that does the work; its value goes into the file."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        value = work()
        if out is not None:
            out.write_text(json.dumps(value))
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--module", default="tests.fakes.slow_stages")
    parser.add_argument("--marts", action="store_true")
    parser.add_argument("--unclaimed-after-s", type=float, default=60)
    parser.add_argument("--most", type=int, default=10, help="runs at once; urgent ones have places of their own")
    arguments = parser.parse_args()
    importlib.import_module(arguments.module)
    answer, started, running = arguments.folder / "tick.json", set(), set()
    while True:
        answer.unlink(missing_ok=True)
        os.waitpid(
            in_child(
                partial(tick, arguments.module, intake=arguments.marts, unclaimed_after_s=arguments.unclaimed_after_s),
                answer,
            ),
            0,
        )
        for wanted in json.loads(answer.read_text()) if answer.exists() else []:
            is_urgent = wanted["tags"].get("nurseconv/lane") == "urgent"
            if wanted["run_key"] not in started and (is_urgent or len(running) < arguments.most):
                started.add(wanted["run_key"])
                pid = in_child(partial(execute, arguments.module, wanted))
                running.add(pid)
                print(f"run {pid} {wanted['run_key']}", flush=True)
        while True:
            try:
                ended, _ = os.waitpid(-1, os.WNOHANG)
                if ended == 0:
                    break
                running.discard(ended)
            except ChildProcessError:
                break
        time.sleep(0.5)


if __name__ == "__main__":
    main()
