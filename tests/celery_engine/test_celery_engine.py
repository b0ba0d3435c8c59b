"""Laws of the Celery engine when nothing goes wrong: every stage in its queue, done once, no words on the way."""

from __future__ import annotations

import pytest

from tests.celery_engine.floors import wait_until

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster"), pytest.mark.timeout(600)]
# What a note says that nothing on the way may repeat.
CANARIES = ("Oakley", "blood pressure is", "allergies", "note0.txt")


def statuses() -> set[str]:
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        return {str(run.status.value) for run in instance.get_runs()}


def test_typed_notes_go_through_the_queues_and_are_completed_once_without_a_word_in_redis_or_logs(floor):
    floor.take_in(3)
    floor.worker("processing,transcription,qa_extraction,scoring", "--concurrency", "1", LOG_LEVEL="INFO")
    floor.conductor()
    floor.wait_for_all(400)
    wait_until(lambda: statuses() == {"SUCCESS"}, 60)
    assert floor.broken_laws() == []
    memory = b"".join(file.read_bytes() for file in floor.redis.folder.rglob("*") if file.is_file())
    logs = b"".join(file.read_bytes() for file in floor.logs.glob("*.log"))
    assert b"execute_plan" in memory
    assert b"processing" in logs
    for word in CANARIES:
        assert word.encode() not in memory
        assert word.encode() not in logs
    assert b"canary-password" not in logs
