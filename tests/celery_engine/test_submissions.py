"""Laws of a stage in a queue, as the run that waits for it sees it: when it waits, when it gives up, what it says."""

from __future__ import annotations

import os
import signal
import time

import pytest
from celery import signals, states
from celery.exceptions import TaskRevokedError
from redis.exceptions import ConnectionError as RedisConnectionError

from nurseconv_dagster.automation import celery_app, celery_runs
from nurseconv_dagster.automation.celery_app import SUBMITTED
from nurseconv_dagster.automation.celery_runs import Keeper, Submission
from nurseconv_dagster.errors import StoreUnavailableError, TransientError
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.workers import beat_worker, forget_worker


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(celery_runs.time, "monotonic", lambda: self.now)


class Result:
    """What Celery knows of a task; `away` for a Redis that does not answer."""

    def __init__(self):
        self.told, self.info, self.away, self.is_revoked = SUBMITTED, None, False, False

    @property
    def state(self):
        if self.away:
            raise RedisConnectionError("away")
        return self.told

    def get(self):
        return ["events"]

    def revoke(self):
        self.is_revoked = True


class Held:
    """The ledger's side: how many uploads some process has in hand."""

    def __init__(self):
        self.n_at_work, self.n_kept, self.is_down = 0, 0, False

    def keep(self):
        if self.is_down:
            raise StoreUnavailableError("away")
        self.n_kept += 1
        return self.n_at_work


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def sent(clock, engine):
    """A submission with its result, the ledger's side, and the lines it has told."""
    made = type("Sent", (), {})()
    made.result, made.held, made.told = Result(), Held(), []
    made.submission = Submission(
        lambda queue: made.result,
        "transcription",
        engine,
        Keeper(made.held, 5.0, has_uploads=True),
        made.told.append,
    )
    return made


def submission(engine, send, *, tell=lambda line: None, has_uploads=True, takes_lane=False):
    keeper = Keeper(Held(), 5.0, has_uploads=has_uploads)
    return Submission(send, "transcription", engine, keeper, tell, takes_lane=takes_lane)


def begin(sent, worker="a@host"):
    sent.submission.ready()
    sent.result.told, sent.result.info = states.STARTED, {"hostname": worker}


def test_a_stage_that_is_done_gives_its_events(sent):
    assert not sent.submission.ready()
    sent.result.told = states.SUCCESS
    assert sent.submission.ready()
    assert sent.submission.get() == ["events"]


def test_the_ledger_hears_of_the_run_three_times_a_lease_and_may_be_away(sent, clock):
    for _ in range(10):
        sent.submission.ready()
        clock.now += 1
    assert sent.held.n_kept == 2
    sent.held.is_down = True
    clock.now += 100
    assert not sent.submission.ready()


def test_a_redis_that_is_away_is_waited_for_and_said_so_once(sent, clock):
    sent.submission.ready()
    sent.result.away = True
    for _ in range(60):
        clock.now += 9
        assert not sent.submission.ready()
    sent.result.away = False
    assert not sent.submission.ready()
    assert [line.split("(")[0].strip() for line in sent.told] == ["Redis does not answer", "Redis answers again"]


def test_a_redis_that_stays_away_ends_the_run_with_what_becomes_of_its_uploads(sent, clock):
    sent.submission.ready()
    sent.result.away = True
    sent.submission.ready()
    clock.now += celery_runs.REDIS_PATIENCE_S + 1
    assert sent.submission.ready()
    with pytest.raises(TransientError, match=r"not answered for 600 s\. The uploads of this run .* another run"):
        sent.submission.get()


def test_a_stage_that_could_not_be_put_into_its_queue_is_put_there_when_redis_is_back(clock, engine):
    tries = []

    def send(queue):
        tries.append(1)
        if len(tries) < 3:
            raise RedisConnectionError("away")
        return Result()

    waiting = submission(engine, send)
    assert [waiting.ready() for _ in range(5)] == [False] * 5
    assert len(tries) == 3


def test_a_stage_that_redis_does_not_know_any_more_is_lost(sent):
    sent.submission.ready()
    sent.result.told = states.PENDING
    assert sent.submission.ready()
    with pytest.raises(TransientError, match="lost what it held"):
        sent.submission.get()
    assert sent.result.is_revoked


def test_a_stage_may_wait_in_its_queue_as_long_as_it_must(sent, clock):
    for _ in range(100):
        clock.now += 600
        assert not sent.submission.ready()


def test_a_stage_whose_worker_is_heard_of_and_at_work_is_waited_for(sent, clock, engine):
    begin(sent)
    sent.held.n_at_work = 1
    for _ in range(100):
        clock.now += 30
        beat_worker(engine, "a@host", frozenset({"transcription"}), reaches_redis=True)
        assert not sent.submission.ready()


def test_a_stage_whose_worker_is_silent_is_lost_but_not_right_after_redis_was_away(sent, clock):
    begin(sent)
    sent.held.n_at_work = 1
    clock.now += 200
    sent.result.away = True
    sent.submission.ready()
    clock.now += 100
    sent.result.away = False
    assert not sent.submission.ready(), "workers have had no time to beat yet"
    clock.now += 61
    assert sent.submission.ready()
    with pytest.raises(TransientError, match="not been heard of for 60 s"):
        sent.submission.get()


def test_a_stage_whose_end_never_reached_redis_is_lost_once_nothing_is_in_hand_for_long(sent, clock, engine):
    begin(sent)
    beats = lambda: beat_worker(engine, "a@host", frozenset({"transcription"}), reaches_redis=True)  # noqa: E731
    sent.held.n_at_work = 1
    clock.now += 1000
    beats()
    assert not sent.submission.ready()
    sent.held.n_at_work = 0
    clock.now += celery_runs.NOT_AT_WORK_AT_MOST_S - 20
    beats()
    assert not sent.submission.ready()
    clock.now += 40
    beats()
    assert sent.submission.ready()
    with pytest.raises(TransientError, match="nothing of this run in hand"):
        sent.submission.get()


def test_a_build_of_the_marts_has_no_uploads_in_hand_and_is_waited_for(clock, engine):
    result = Result()
    waiting = submission(engine, lambda queue: result, has_uploads=False)
    waiting.ready()
    result.told, result.info = states.STARTED, {"hostname": "a@host"}
    for _ in range(100):
        clock.now += 30
        beat_worker(engine, "a@host", frozenset({"maintenance"}), reaches_redis=True)
        assert not waiting.ready()


def test_a_run_that_is_told_to_end_does_not_wait_for_a_stage_that_no_worker_has_begun(sent):
    sent.submission.ready()
    sent.submission.revoke()
    assert sent.result.is_revoked
    assert sent.submission.ready()
    sent.result.told = states.STARTED
    with pytest.raises(TaskRevokedError):
        sent.submission.get()


def test_a_run_that_is_told_to_end_sends_nothing_more_and_waits_for_no_redis(clock, engine):
    tries = []

    def send(queue):
        tries.append(1)
        raise RedisConnectionError("away")

    waiting = submission(engine, send)
    assert not waiting.ready()
    waiting.revoke()
    assert waiting.ready()
    assert len(tries) == 1


def test_a_run_that_is_told_to_end_waits_for_the_stage_that_is_being_done(sent):
    begin(sent)
    sent.submission.revoke()
    assert not sent.submission.ready()
    sent.result.told = states.SUCCESS
    assert sent.submission.ready()
    assert sent.submission.get() == ["events"]


@pytest.fixture
def urgent(clock, engine):
    """An urgent stage, with the queues it was put into."""
    made = type("Urgent", (), {})()
    made.results, made.queues = [], []

    def send(queue):
        made.queues.append(queue)
        made.results.append(Result())
        return made.results[-1]

    made.submission = submission(engine, send, takes_lane=True)
    return made


def test_an_urgent_stage_leaves_the_lane_when_its_worker_has_left_and_goes_to_its_own_queue(urgent, clock, engine):
    beat_worker(engine, "lane@host", frozenset({"high_priority"}), reaches_redis=True)
    assert not urgent.submission.ready()
    clock.now += 30
    assert not urgent.submission.ready()
    assert urgent.queues == ["high_priority"]
    forget_worker(engine, "lane@host")
    clock.now += 30
    assert not urgent.submission.ready()
    assert not urgent.submission.ready()
    assert urgent.queues == ["high_priority", "transcription"]
    assert [result.is_revoked for result in urgent.results] == [True, False]
    urgent.results[-1].told = states.SUCCESS
    assert urgent.submission.get() == ["events"]


def test_an_urgent_stage_that_a_worker_has_begun_stays_where_it_is(urgent, clock, engine):
    beat_worker(engine, "lane@host", frozenset({"high_priority"}), reaches_redis=True)
    urgent.submission.ready()
    urgent.results[0].told, urgent.results[0].info = states.STARTED, {"hostname": "lane@host"}
    clock.now += 30
    beat_worker(engine, "lane@host", frozenset({"processing"}), reaches_redis=True)
    assert not urgent.submission.ready()
    assert (urgent.queues, urgent.results[0].is_revoked) == (["high_priority"], False)


def test_a_redis_that_is_paused_keeps_no_run_from_keeping_its_uploads(redis, engine, monkeypatch):
    """It takes connections and says nothing; each look at it ends in time for the lease."""
    monkeypatch.setattr(celery_app, "ANSWERS_WITHIN_S", 0.5)
    app = celery_app.open_app(Settings(_env_file=None, redis_url=redis.url))
    celery_app.register_stage_task(app)
    signals.before_task_publish.connect(celery_runs._note_submission)
    monkeypatch.setattr(celery_runs, "_submit_task", lambda app, queue: app.send_task("execute_plan", queue=queue))
    in_queue, to_send = (submission(engine, lambda queue: celery_runs._submit(app, queue)) for _ in range(2))
    assert not in_queue.ready()
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        for waiting in (in_queue, to_send, in_queue, to_send):
            began = time.perf_counter()
            assert not waiting.ready()
            assert time.perf_counter() - began < 2
        began = time.perf_counter()
        to_send.revoke()
        assert to_send.ready()
        assert time.perf_counter() - began < 2
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)
    assert not in_queue.ready()
