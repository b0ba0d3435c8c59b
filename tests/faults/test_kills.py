"""Kill -9 in the middle of a batch: every upload ends completed once, and the marts are right.

The working process is started as an operator would start it, and killed at ten different moments, told by how many
stages are done. Long: each moment needs two starts of Dagster.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import Engine, text

from nurseconv_dagster.settings import Settings
from tests.fakes.notes import note

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500), pytest.mark.xdist_group("dagster")]

N_UPLOADS = 20
N_STAGES = 4
# Stages done of this batch when the process dies: in each stage, and while the marts are built.
MOMENTS = (0, 3, 17, 20, 31, 39, 47, 60, 75, 80)


def start(home: Settings, folder: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nurseconv_dagster.operations.cli", "ingest", folder]
    return subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def number(engine: Engine, query: str, **values: object) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query), values).scalar_one())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_batch_ends_completed_once_with_the_marts_right(home, store_engine, tmp_path, moment):
    folder = tmp_path / "notes"
    folder.mkdir()
    for index in range(N_UPLOADS):
        (folder / f"note{index}.txt").write_text(note(index))
    done = "select count(*) from processing_jobs where status = 'completed'"
    process = start(home, str(folder))
    deadline = time.monotonic() + 240
    while number(store_engine, done) < moment or number(store_engine, "select count(*) from conversation_uploads") == 0:
        assert time.monotonic() < deadline
        assert process.poll() is None, "the batch ended before the moment to kill it"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = number(store_engine, done)
    assert start(home, str(folder)).wait(timeout=400) == 0
    print(f"killed at {reached} of {N_UPLOADS * N_STAGES} stages done")
    completed = "select count(*) from conversation_uploads where status = 'completed'"
    assert number(store_engine, completed) == N_UPLOADS
    for table in ("conversation_transcriptions", "conversation_scores"):
        assert number(store_engine, f"select count(*) from {table} where is_current") == N_UPLOADS
        assert number(store_engine, f"select count(*) from {table}") == N_UPLOADS
    assert number(store_engine, "select count(*) from marts.conversations where status = 'completed'") == N_UPLOADS
    store = "select count(*) from question_answers where is_current and not is_phi"
    assert number(store_engine, "select count(*) from marts.answers") == number(store_engine, store)
    weeks = number(store_engine, "select coalesce(sum(conversations), 0) from marts.unit_weeks")
    assert weeks == N_UPLOADS
