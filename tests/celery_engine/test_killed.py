"""Laws of the Celery engine under every kind of death: nothing is lost, nothing is done twice, the upload comes back.

Long, but for two that every change must pass: each needs a worker and runs of its own, and some have to wait until a
silence counts as death.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from nurseconv_dagster.store.listings import ask_cancel
from tests.celery_engine.floors import Floor, wait_until

pytestmark = [pytest.mark.xdist_group("dagster"), pytest.mark.timeout(1500)]
OTHERS = "processing,qa_extraction,scoring"
N_UPLOADS = 8


@pytest.fixture
def busy(floor: Floor) -> Floor:
    """Two batches, and the first of them in the middle of being transcribed."""
    os.environ["SLOW_STAGE_S"] = "2"
    floor.take_in(N_UPLOADS)
    floor.conductor()
    floor.worker(OTHERS, "--concurrency", "1")
    floor.transcriber = floor.worker("transcription")
    wait_until(lambda: floor.n_jobs("transcriptions", "completed") >= 2, 300)
    return floor


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def failures(floor: Floor) -> int:
    return floor.count("select coalesce(sum(n_failures), 0) from conversation_uploads")


@pytest.mark.long
def test_a_killed_worker_loses_and_doubles_nothing(busy):
    busy.kill(busy.transcriber)
    busy.worker("transcription")
    busy.wait_for_all(600)
    assert busy.broken_laws() == []


@pytest.mark.system
def test_a_killed_process_of_a_worker_loses_and_doubles_nothing(busy):
    (child,) = children(busy.transcriber.pid)
    os.kill(child, signal.SIGKILL)
    busy.wait_for_all(600)
    assert busy.broken_laws() == []


@pytest.mark.system
def test_runs_that_are_killed_lose_nothing_and_charge_nobody(busy):
    """The stage in hand goes on without its run, is written, and is not done again."""
    busy.kill(next(each for each in busy.processes if "tests.celery_engine.conductor" in each.args))
    busy.conductor("--unclaimed-after-s", "5")
    busy.wait_for_all(600)
    assert busy.broken_laws() == []
    assert failures(busy) == 0


@pytest.mark.long
def test_a_redis_that_comes_back_with_its_memory_costs_nothing(busy):
    busy.redis.stop()
    wait_until(lambda: busy.n_jobs("transcriptions", "completed") >= 4, 60)
    busy.redis.start()
    busy.wait_for_all(600)
    assert busy.broken_laws() == []
    assert failures(busy) == 0


@pytest.mark.long
def test_a_redis_that_has_forgotten_everything_loses_nothing_and_charges_nobody(busy):
    busy.redis.stop(forget=True)
    busy.redis.start()
    busy.wait_for_all(600)
    assert busy.broken_laws() == []
    assert failures(busy) == 0


@pytest.mark.long
def test_uploads_that_arrive_while_redis_is_away_wait_for_it_and_are_not_charged(floor):
    floor.worker(f"{OTHERS},transcription", "--concurrency", "1")
    floor.redis.stop()
    floor.take_in(4)
    runs = floor.conductor("--unclaimed-after-s", "5")
    log = floor.logs / f"conductor-{floor.processes.index(runs)}.log"
    wait_until(lambda: "Redis does not answer" in log.read_text(), 240)
    assert floor.count("select count(*) from conversation_uploads where status = 'pending'") == 4
    floor.redis.start()
    floor.wait_for_all(400)
    assert floor.broken_laws() == []
    assert failures(floor) == 0


@pytest.mark.long
def test_a_cancel_is_honoured_between_two_stages_and_harms_no_other(busy):
    with busy.engine.begin() as connection:
        wanted = connection.execute(
            text(
                "select upload_id from processing_jobs where job_type = 'transcriptions' and status = 'running' limit 1"
            )
        ).scalar_one()
        ask_cancel(connection, wanted, "test")
    cancelled = "select count(*) from conversation_uploads where status = 'cancelled'"
    wait_until(lambda: busy.n_completed() == N_UPLOADS - 1 and busy.count(cancelled) == 1, 600)


@pytest.mark.long
def test_a_stage_that_hangs_is_ended_after_the_hard_limit_and_the_upload_is_given_up_visibly(floor):
    os.environ.update(SLOW_STAGE_S="3600", TASK_TIME_LIMIT_S="4", SOFT_TIME_LIMIT_S="2", MAX_ATTEMPTS="1")
    floor.take_in(1)
    floor.worker(f"{OTHERS},transcription", "--concurrency", "1")
    floor.conductor()
    given_up = "select count(*) from conversation_uploads where status = 'failed' and error_code = 'run_crashed'"
    wait_until(lambda: floor.count(given_up) == 1, 400)


@pytest.mark.long
def test_after_the_soft_limit_what_is_left_goes_on_in_another_run(floor):
    os.environ.update(SLOW_STAGE_S="1", SOFT_TIME_LIMIT_S="1")
    floor.take_in(4)
    floor.worker(f"{OTHERS},transcription", "--concurrency", "1")
    floor.conductor()
    floor.wait_for_all(600)
    assert floor.broken_laws() == []
    assert failures(floor) == 0
    assert floor.count("select count(distinct run_id) from processing_jobs where job_type = 'transcriptions'") > 1


@pytest.mark.long
def test_a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand(busy):
    os.kill(busy.transcriber.pid, signal.SIGTERM)
    assert busy.transcriber.wait(timeout=120) == 0
    assert busy.n_jobs("transcriptions", "running") == 0
    assert busy.n_jobs("transcriptions", "abandoned") == 0
    assert isinstance(busy.transcriber, subprocess.Popen)


@pytest.mark.long
def test_a_worker_that_was_idle_and_saw_redis_paused_goes_on(floor):
    """Its wait for a message is shorter than its patience with Redis: idleness is no reason to connect again."""
    floor.worker(f"{OTHERS},transcription", "--concurrency", "1")
    time.sleep(12)
    log = next(floor.logs.glob("worker-*.log"))
    assert b"onnection" not in log.read_bytes()
    os.kill(floor.redis.process.pid, signal.SIGSTOP)
    time.sleep(12)
    os.kill(floor.redis.process.pid, signal.SIGCONT)
    floor.take_in(1)
    floor.conductor()
    floor.wait_for_all(400)
    assert floor.broken_laws() == []
