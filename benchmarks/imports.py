"""What importing the definitions costs, beside the imports that no Dagster and dbt project can avoid.

Every run worker pays this once. Prints the median of several fresh processes each, and the ratio.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 5
STATEMENTS = {
    "import dagster, dagster_dbt": "import dagster, dagster_dbt",
    "nurseconv definitions": "import nurseconv_dagster.definitions",
}


def seconds(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True, env=dict(os.environ))
    return time.perf_counter() - started


def main() -> None:
    for statement in STATEMENTS.values():
        seconds(statement)  # bytecode and disk cache
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):  # interleaved, since machines are shared and noisy
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<32} {median:.2f} s (min {min(times[name]):.2f}, max {max(times[name]):.2f})")
    base, ours = medians.values()
    print(f"ratio {ours / base:.2f}")


if __name__ == "__main__":
    main()
