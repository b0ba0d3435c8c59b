"""What encryption at rest costs: put, hash and ranged reads of a recording, sealed against plain.

python benchmarks/sealing.py
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from nurseconv_dagster.encryption.ring import Key, Ring
from nurseconv_dagster.intake.vault import FileVault, hash_file

RECORDING_BYTES = 50_000_000
N_ROUNDS, N_RANGES, RANGE_BYTES = 5, 200, 65_536


def best(work) -> float:
    """The processor seconds of the best of some rounds."""
    took = []
    for _ in range(N_ROUNDS):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = root / "source"
        source.write_bytes(os.urandom(RECORDING_BYTES))
        sha = hash_file(source)[0]
        ring = Ring((Key("0000aaaa", os.urandom(32), datetime.now(UTC)),))
        vaults = {"plain": FileVault(root / "plain"), "sealed": FileVault(root / "sealed", ring)}
        key = {name: vault.put(source, sha) for name, vault in vaults.items()}["plain"]

        def put(vault):
            with source.open("rb") as content:
                vault.put_content(content, sha)

        def ranges(vault):
            places = random.Random(1)
            for _ in range(N_RANGES):
                with vault.open(key) as content:
                    content.seek(places.randrange(RECORDING_BYTES - RANGE_BYTES))
                    content.read(RANGE_BYTES)

        works = {
            f"put {RECORDING_BYTES / 1e6:.0f} MB": put,
            "read and hash it": lambda vault: vault.verify(key),
            f"{N_RANGES} ranges of 64 KiB": ranges,
        }
        for what, work in works.items():
            took = {name: best(lambda work=work, vault=vault: work(vault)) for name, vault in vaults.items()}
            ratio = took["sealed"] / max(took["plain"], 1e-9)
            print(f"{what:<24} plain {took['plain']:6.3f} s   sealed {took['sealed']:6.3f} s   x {ratio:.2f}")


if __name__ == "__main__":
    main()
