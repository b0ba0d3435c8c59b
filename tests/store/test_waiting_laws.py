"""Laws of uploads between two stages, where stages wait in queues: kept while their run lives, never done twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text, update

from nurseconv_dagster.errors import DeviceBusyError, LeaseLostError
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.listings import ask_cancel
from nurseconv_dagster.store.recovery import hand_back, recover
from nurseconv_dagster.store.tables import conversation_uploads, processing_jobs
from nurseconv_dagster.store.turns import taking_turns
from nurseconv_dagster.store.waiting import Waiting, ids_passed
from nurseconv_dagster.store.workers import beat_worker, forget_worker, list_workers, queues_served
from tests.fakes.uploads import accept_many
from tests.store.test_ledger_laws import claim_plan, claims, expire_leases, plans, row


def reconcile(engine, *, is_alive=True, queued_at_most_s=None):
    return recover(
        engine, max_attempts=3, stale_after_s=7200, unclaimed_after_s=60, is_run_alive=lambda key: is_alive,
        queued_at_most_s=queued_at_most_s,
    )  # fmt: skip


def advance(engine, claim):
    ledger = claims(engine)
    with ledger.fenced(claim) as connection:
        ledger.advance(connection, claim)


def waiting(engine, plan, lease_s=15.0):
    return Waiting(engine, "run-1", plan.run_key, lease_s)


def one_planned(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    (plan,) = plans(engine)
    return upload_id, plan


def age(engine, seconds):
    long_ago = func.now() - text(f"interval '{seconds} seconds'")
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).values(requested_at=long_ago, updated_at=long_ago))


def test_an_upload_that_waits_for_its_next_stage_is_kept_as_long_as_its_run_says_so(engine):
    upload_id, plan = one_planned(engine)
    (claim,) = claim_plan(engine, plan)
    advance(engine, claim)
    expire_leases(engine)
    assert waiting(engine, plan).keep() == 0
    reconcile(engine)
    assert (row(engine, upload_id).status, row(engine, upload_id).run_id) == ("processing", "run-1")
    assert [held.upload_id for held in claim_next(engine, plan)] == [upload_id]


def claim_next(engine, plan, run_id="run-1", stage="transcriptions"):
    return claims(engine).claim(plan.upload_ids, run_id=run_id, run_key=plan.run_key, stage=stage)


def test_a_run_that_waits_never_keeps_what_a_dead_worker_has_in_hand(engine):
    upload_id, plan = one_planned(engine)
    claim_plan(engine, plan)
    expire_leases(engine)
    assert waiting(engine, plan).keep() == 1
    reconcile(engine)
    assert row(engine, upload_id).status == "pending"


def test_a_plan_whose_run_waits_for_its_first_stage_is_not_given_to_another(engine):
    upload_id, plan = one_planned(engine)
    age(engine, 600)
    waiting(engine, plan).keep()
    assert reconcile(engine, is_alive=False).n_requeued == 0
    age(engine, 600)
    assert reconcile(engine, is_alive=False).n_requeued == 1
    assert row(engine, upload_id).run_key is None


def test_an_upload_that_only_waited_when_its_run_died_is_not_suspected(engine):
    upload_id, plan = one_planned(engine)
    (claim,) = claim_plan(engine, plan)
    advance(engine, claim)
    expire_leases(engine)
    assert reconcile(engine).n_requeued == 1
    found = row(engine, upload_id)
    assert (found.status, found.stage, found.n_failures, found.not_before) == ("pending", "transcriptions", 0, None)


def test_a_long_queue_is_no_lack_of_progress(engine):
    upload_id, plan = one_planned(engine)
    (claim,) = claim_plan(engine, plan)
    advance(engine, claim)
    age(engine, 10_000)
    reconcile(engine, queued_at_most_s=86_400)
    assert row(engine, upload_id).status == "processing"
    reconcile(engine)
    assert row(engine, upload_id).status == "pending"


def wait_until_blocked(engine, n_connections):
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    deadline = time.monotonic() + 30
    while True:
        with engine.connect() as connection:
            if connection.execute(text(waiting)).scalar_one() == n_connections:
                return
        assert time.monotonic() < deadline, f"not {n_connections} connections waited for the row"
        time.sleep(0.02)


def test_a_stage_that_is_delivered_twice_is_claimed_once(engine):
    upload_id, plan = one_planned(engine)
    with ThreadPoolExecutor(4) as pool:
        with engine.begin() as connection:  # holds the row, so that all four have begun before one of them goes on
            mine = select(conversation_uploads.c.id).where(conversation_uploads.c.id == upload_id)
            connection.execute(mine.with_for_update())
            claiming = [pool.submit(claim_plan, engine, plan) for _ in range(4)]
            wait_until_blocked(engine, 4)
        held = [future.result() for future in claiming]
    assert sorted(len(item) for item in held) == [0, 0, 0, 1]
    (claim,) = max(held, key=len)
    advance(engine, claim)
    assert claim_plan(engine, plan) == []
    assert ids_passed(engine, plan.upload_ids, "run-1", "uploads") == set(plan.upload_ids)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(processing_jobs)).scalar_one() == 1


def test_what_a_worker_has_just_begun_is_not_given_back_behind_its_back(engine):
    upload_id, plan = one_planned(engine)
    (claim,) = claim_plan(engine, plan)
    advance(engine, claim)
    with ThreadPoolExecutor(2) as pool:
        with engine.begin() as connection:
            connection.execute(select(conversation_uploads.c.id).with_for_update())
            claiming = pool.submit(claim_next, engine, plan)
            wait_until_blocked(engine, 1)
            giving_back = pool.submit(waiting(engine, plan).give_back)
            wait_until_blocked(engine, 2)
        assert (len(claiming.result()), giving_back.result()) == (1, 0)
    assert row(engine, upload_id).status == "processing"


def test_a_second_delivery_renews_and_releases_nothing_that_the_first_has_in_hand(engine):
    upload_id, plan = one_planned(engine)
    (claim,) = claim_plan(engine, plan)
    expire_leases(engine)
    assert claims(engine).renew("run-1", []) == 0
    assert claims(engine).release("run-1", []) == 0
    assert claims(engine).renew("run-1", [claim.job_id]) == 1
    advance(engine, claim)
    assert row(engine, upload_id).stage == "transcriptions"


def test_a_stage_that_was_done_by_hand_is_not_done_again_by_a_late_delivery(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    (claim,) = claims(engine).claim([upload_id], run_id="hand", run_key=None, stage="uploads")
    advance(engine, claim)
    claims(engine).release("hand", [])
    assert claims(engine).claim([upload_id], run_id="hand", run_key=None, stage="uploads") == []
    assert row(engine, upload_id).stage == "transcriptions"


def test_a_wish_to_cancel_waits_for_the_end_of_a_stage_that_is_delivered_again(engine):
    upload_id, plan = one_planned(engine)
    (claim,) = claim_plan(engine, plan)
    with engine.begin() as connection:
        ask_cancel(connection, upload_id, "test")
    assert claim_plan(engine, plan) == []
    advance(engine, claim)
    assert claim_next(engine, plan) == []
    assert row(engine, upload_id).status == "cancelled"


def test_a_run_that_ends_gives_back_what_waits_and_leaves_what_is_in_hand(engine):
    ids = accept_many(ArrivalLedger(engine), 3)
    (plan,) = plans(engine)
    first, second, _ = claim_plan(engine, plan)
    advance(engine, first)
    assert waiting(engine, plan).give_back() == 1
    assert [row(engine, upload_id).status for upload_id in ids].count("pending") == 1
    advance(engine, second)
    with pytest.raises(LeaseLostError):
        advance(engine, first)


def test_a_run_that_could_not_even_begin_gives_its_plan_back_unsuspected(engine):
    upload_id, plan = one_planned(engine)
    assert waiting(engine, plan).give_back() == 1
    found = row(engine, upload_id)
    assert (found.run_key, found.n_failures, found.not_before) == (None, 0, None)
    (again,) = plans(engine)
    assert again.run_key != plan.run_key


def test_one_at_a_time_has_the_device_and_turns_go_round(engine):
    """The long batch takes a turn for each recording: whoever came meanwhile is next, not last."""
    at_once, most, order = [], [0], []

    def batch(name, n_pieces):
        def work():
            for number in range(n_pieces):
                at_once.append(name)
                most[0] = max(most[0], len(at_once))
                time.sleep(0.05)
                at_once.remove(name)
                yield number

        for _ in taking_turns(engine, "test:device", work(), until=time.monotonic() + 20):
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(batch, "long", 12)
        time.sleep(0.12)
        pool.submit(batch, "urgent", 1).result()
        long.result()
    assert most[0] == 1
    assert order.index("urgent") < 8


def test_who_waits_too_long_for_a_device_is_told_so_and_other_devices_are_free(engine):
    held = taking_turns(engine, "test:a", iter(lambda: time.sleep(3), 0), until=time.monotonic() + 5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(next, held)
        time.sleep(0.5)
        with pytest.raises(DeviceBusyError, match="another Whisper"):
            next(taking_turns(engine, "test:a", [1], until=time.monotonic() + 0.5))
        assert next(taking_turns(engine, "test:b", [1], until=time.monotonic() + 0.5)) == 1
        first.result()
    assert next(taking_turns(engine, "test:a", [1], until=time.monotonic() + 5)) == 1


def test_a_queue_is_served_while_a_worker_that_reaches_redis_is_heard_of(engine):
    beat_worker(engine, "a@host", frozenset({"processing", "scoring"}), reaches_redis=True)
    beat_worker(engine, "b@host", frozenset({"transcription"}), reaches_redis=False)
    assert queues_served(engine) == {"processing", "scoring"}
    with engine.begin() as connection:
        connection.execute(text("update heartbeats set beat_at = now() - interval '70 seconds' where name like '%a@%'"))
    assert queues_served(engine) == frozenset()
    assert [worker.is_alive for worker in list_workers(engine)] == [False, True]
    forget_worker(engine, "a@host")
    assert [worker.name for worker in list_workers(engine)] == ["b@host"]


def test_a_wished_stop_leaves_in_their_hands_what_workers_elsewhere_have_in_hand(engine):
    accept_many(ArrivalLedger(engine), 2)
    (plan,) = plans(engine)
    first, second = claim_plan(engine, plan)
    advance(engine, first)
    assert hand_back(engine, workers_go_on=True) == 1
    advance(engine, second)
    assert row(engine, second.upload_id).stage == "transcriptions"
