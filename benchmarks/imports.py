"""What importing the definitions costs, beside the imports that no Dagster and dbt project can avoid.

Every run worker pays this once. Prints the median of several fresh processes each, and the ratio.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 7
STATEMENTS = {
    "import dagster, dagster_dbt": "import dagster, dagster_dbt",
    "nurseconv definitions": "import nurseconv_dagster.definitions",
}


def seconds(statement: str) -> tuple[float, float]:
    """Of the import alone, and of the whole process with Python's start and its tidying up at the end."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, env={**os.environ}, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout), time.perf_counter() - started


def main() -> None:
    for statement in STATEMENTS.values():
        seconds(statement)  # bytecode and disk cache
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):  # interleaved, since machines are shared and noisy
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    for i, what in enumerate(("import", "whole process")):
        medians = []
        for name, values in times.items():
            chosen = [value[i] for value in values]
            medians.append(statistics.median(chosen))
            print(f"{what:<14} {name:<28} {medians[-1]:.2f} s (min {min(chosen):.2f}, max {max(chosen):.2f})")
        print(f"{what:<14} ratio {medians[1] / medians[0]:.2f}")


if __name__ == "__main__":
    main()
