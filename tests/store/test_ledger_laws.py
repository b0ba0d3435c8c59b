"""Laws of the ledger, on real Postgres: what arrives is one row for ever, and nothing is lost or done twice."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from nurseconv_dagster.errors import IdentityConflictError, LeaseLostError, UploadBusyError
from nurseconv_dagster.intake.arrivals import Refusal, Sender, Sidecar
from nurseconv_dagster.store import audit, planning
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.claims import Claims
from nurseconv_dagster.store.endings import Failure
from nurseconv_dagster.store.listings import ask_cancel, ask_restart
from nurseconv_dagster.store.recovery import hand_back, recover
from nurseconv_dagster.store.tables import STAGES, conversation_uploads, processing_jobs, upload_receipts
from tests.fakes.uploads import accept_many, new_upload

TRANSIENT = Failure("busy", "try later", is_transient=True)
PERMANENT = Failure("broken", "mend it", is_transient=False)


def row(engine, upload_id):
    with engine.connect() as connection:
        return connection.execute(select(conversation_uploads).where(conversation_uploads.c.id == upload_id)).one()


def plans(engine, max_uploads=50, max_audio_s=3600.0):
    return planning.request_runs(engine, max_uploads=max_uploads, max_audio_s=max_audio_s)


def claims(engine, lease_s=15.0, max_attempts=3):
    return Claims(engine, lease_s=lease_s, max_attempts=max_attempts)


def claim_plan(engine, plan, run_id="run-1", **kwargs):
    return claims(engine, **kwargs).claim(plan.upload_ids, run_id=run_id, run_key=plan.run_key, stage=plan.stage)


def walk_to_the_end(engine, run_id="run-1"):
    for plan in plans(engine):
        for stage in STAGES[STAGES.index(plan.stage) : -1]:
            ledger = claims(engine)
            for claim in ledger.claim(plan.upload_ids, run_id=run_id, run_key=plan.run_key, stage=stage):
                with ledger.fenced(claim) as connection:
                    ledger.advance(connection, claim)


def expire_leases(engine):
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).values(lease_until=func.now() - text("interval '1 second'")))


def end_pauses(engine):
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).values(not_before=None))


def test_the_same_bytes_are_one_upload_however_often_they_arrive_at_once(engine):
    ledger = ArrivalLedger(engine)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: ledger.record_arrival(new_upload("same")), range(40)))
    assert len({item.upload_id for item in taken}) == 1
    assert sorted({item.disposition for item in taken}) == ["accepted", "duplicate"]
    assert sum(item.disposition == "accepted" for item in taken) == 1
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(conversation_uploads)).scalar_one() == 1
        assert connection.execute(select(func.count()).select_from(upload_receipts)).scalar_one() == 40


def test_the_same_key_with_other_bytes_is_a_conflict(engine):
    ledger = ArrivalLedger(engine)
    ledger.record_arrival(new_upload("one", key="text:key"))
    with pytest.raises(IdentityConflictError):
        ledger.record_arrival(new_upload("two", key="text:key"))


def test_a_sidecar_amends_metadata_but_a_field_left_out_erases_nothing(engine):
    ledger = ArrivalLedger(engine)
    first = ledger.record_arrival(new_upload("a", sidecar=Sidecar(nurse_id="n1", encounter_id="e1")))
    second = ledger.record_arrival(new_upload("a", sidecar=Sidecar(nurse_id="n2")))
    assert second.disposition == "amended"
    assert (row(engine, first.upload_id).nurse_id, row(engine, first.upload_id).encounter_id) == ("n2", "e1")
    assert audit.n_unsealed(engine) == 1


def test_a_changed_profile_reruns_answers_and_a_changed_language_the_transcript(engine):
    ledger = ArrivalLedger(engine)
    upload_id = ledger.record_arrival(new_upload("a", sidecar=Sidecar(profile="general"))).upload_id
    ledger.record_arrival(new_upload("a", sidecar=Sidecar(profile="handoff")))
    assert row(engine, upload_id).restart_from == "answers"
    ledger.record_arrival(new_upload("a", sidecar=Sidecar(language="de")))
    assert row(engine, upload_id).restart_from == "transcriptions"


def test_only_an_operator_moves_an_upload_to_another_unit(engine):
    ledger = ArrivalLedger(engine)
    upload_id = ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="icu"))).upload_id
    assert ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="er"))).disposition == "awaiting_review"
    assert row(engine, upload_id).unit == "icu"
    assert ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="er"), source="cli")).disposition == "amended"
    assert row(engine, upload_id).unit == "er"


def by(*units):
    return Sender("key:1", frozenset(units) if units else None)


def test_an_admin_moves_an_upload_through_the_api_and_nobody_else_does(engine):
    ledger = ArrivalLedger(engine)
    upload_id = ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="icu"), sender=by("icu"))).upload_id
    wish = new_upload("a", sidecar=Sidecar(unit="er"), sender=by("icu", "er"))
    assert ledger.record_arrival(wish).disposition == "awaiting_review"
    assert row(engine, upload_id).unit == "icu"
    assert ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="er"), sender=by())).disposition == "amended"
    assert row(engine, upload_id).unit == "er"


def test_a_sender_who_may_not_see_the_upload_changes_nothing_and_leaves_a_receipt_that_waits(engine):
    ledger = ArrivalLedger(engine)
    first = ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="icu", nurse_id="n1"), sender=by("icu")))
    again = ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="er", nurse_id="n2"), sender=by("er")))
    assert (again.upload_id, again.disposition) == (first.upload_id, "awaiting_review")
    assert (row(engine, first.upload_id).nurse_id, row(engine, first.upload_id).unit) == ("n1", "icu")
    with engine.connect() as connection:
        receipts = connection.execute(select(upload_receipts).order_by(upload_receipts.c.received_at)).all()
    assert [(item.disposition, item.received_by) for item in receipts] == [
        ("accepted", "key:1"),
        ("awaiting_review", "key:1"),
    ]


def test_a_caller_s_key_stands_for_one_recording(engine):
    ledger = ArrivalLedger(engine)
    first = ledger.record_arrival(new_upload("one", idempotency_key="k", source="api"))
    assert ledger.record_arrival(new_upload("one", idempotency_key="k", source="api")).upload_id == first.upload_id
    with pytest.raises(IdentityConflictError, match=str(first.upload_id)):
        ledger.record_arrival(new_upload("two", idempotency_key="k", source="api"))
    assert ledger.record_arrival(new_upload("two", idempotency_key="l", source="api")).disposition == "accepted"


def test_of_many_recordings_with_one_key_at_once_one_gets_in(engine):
    ledger = ArrivalLedger(engine)

    def send(number):
        try:
            return ledger.record_arrival(new_upload(f"c{number}", idempotency_key="k", source="api")).upload_id
        except IdentityConflictError:
            return None

    with ThreadPoolExecutor(6) as pool:
        taken = [item for item in pool.map(send, range(12)) if item is not None]
    assert len(taken) == 1
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(conversation_uploads)).scalar_one() == 1


def test_one_that_waits_is_cancelled_at_once_and_can_be_run_again(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    (plan,) = plans(engine)
    with engine.begin() as connection:
        ask_cancel(connection, upload_id, "test")
    assert row(engine, upload_id).status == "cancelled"
    assert claim_plan(engine, plan) == []
    ask_restart(engine, upload_id, "uploads", "test")
    assert [item.upload_ids for item in plans(engine)] == [(upload_id,)]


def test_a_cancel_at_an_end_changes_nothing_but_a_wish_to_run_again(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    walk_to_the_end(engine)
    ask_restart(engine, upload_id, "answers", "test")
    with engine.begin() as connection:
        ask_cancel(connection, upload_id, "test")
    assert (row(engine, upload_id).status, row(engine, upload_id).restart_from) == ("completed", None)
    assert plans(engine) == []


def test_a_refused_file_that_comes_back_mended_goes_to_work_as_the_same_upload(engine):
    ledger = ArrivalLedger(engine)
    first = ledger.record_arrival(new_upload("a", refusal=Refusal("bad_sidecar", "mend it")))
    assert (first.disposition, row(engine, first.upload_id).status) == ("refused", "rejected")
    assert plans(engine) == []
    again = ledger.record_arrival(new_upload("a"))
    assert (again.disposition, again.upload_id) == ("accepted", first.upload_id)
    assert [plan.upload_ids for plan in plans(engine)] == [(first.upload_id,)]


def test_nobody_but_an_admin_moves_a_refused_file_to_another_unit_by_mending_it(engine):
    ledger = ArrivalLedger(engine)
    said = Sidecar(unit="icu", nurse_id="n1")
    first = ledger.record_arrival(new_upload("a", sidecar=said, refusal=Refusal("too_long", "mend it")))
    again = ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="er"), sender=by("icu", "er"), source="api"))
    assert again.disposition == "awaiting_review"
    assert (row(engine, first.upload_id).unit, row(engine, first.upload_id).status) == ("icu", "pending")


def test_a_mended_sidecar_names_the_unit_of_a_refused_file_that_had_none(engine):
    ledger = ArrivalLedger(engine)
    first = ledger.record_arrival(new_upload("a", refusal=Refusal("bad_sidecar", "mend it")))
    assert ledger.record_arrival(new_upload("a", sidecar=Sidecar(unit="icu"))).disposition == "accepted"
    assert row(engine, first.upload_id).unit == "icu"


def test_urgent_uploads_ride_alone_and_first(engine):
    ledger = ArrivalLedger(engine)
    accept_many(ledger, 5)
    urgent = accept_many(ledger, 1, sidecar=Sidecar(priority="high"))
    asked = plans(engine)
    assert asked[0].upload_ids == tuple(urgent)
    assert asked[0].priority == "high"
    assert sorted(len(plan.upload_ids) for plan in asked[1:]) in ([5], [2, 3], [1, 4])


def test_a_batch_is_bounded_by_count_and_by_seconds_of_audio(engine):
    ledger = ArrivalLedger(engine)
    accept_many(ledger, 7)
    accept_many(ledger, 4, kind="audio", size=4000 * 100)
    sizes = [len(plan.upload_ids) for plan in plans(engine, max_uploads=3, max_audio_s=200)]
    assert sum(sizes) == 11
    assert max(sizes) == 3
    assert sizes.count(2) >= 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(["normal", "high"]), min_size=1, max_size=12), most=st.integers(1, 5))
def test_every_waiting_upload_is_in_exactly_one_contiguous_plan(engine, kinds, most):
    ledger = ArrivalLedger(engine)
    mine = {accept_many(ledger, 1, sidecar=Sidecar(priority=kind))[0] for kind in kinds}
    asked = plans(engine, max_uploads=most)
    planned = [upload_id for plan in asked for upload_id in plan.upload_ids]
    assert sorted(planned) == sorted(mine)
    for plan in asked:
        numbers = [row(engine, upload_id).partition_no for upload_id in plan.upload_ids]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert plans(engine) == []


def test_a_plan_whose_run_never_came_is_offered_again_under_the_same_key(engine):
    accept_many(ArrivalLedger(engine), 3)
    (plan,) = plans(engine)
    assert planning.open_requests(engine) == [plan]
    claim_plan(engine, plan)
    assert planning.open_requests(engine) == []


def test_two_runs_cannot_claim_the_same_upload(engine):
    accept_many(ArrivalLedger(engine), 4)
    (plan,) = plans(engine)
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(lambda n: claim_plan(engine, plan, run_id=f"run-{n}"), range(4)))
    assert sorted(len(item) for item in held) == [0, 0, 0, 4]


def test_an_upload_walks_all_stages_and_is_completed_once(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    walk_to_the_end(engine)
    done = row(engine, upload_id)
    assert (done.status, done.stage, done.lease_until) == ("completed", "done", None)
    assert plans(engine) == []
    with engine.connect() as connection:
        jobs = connection.execute(select(processing_jobs.c.job_type, processing_jobs.c.status)).all()
    assert [tuple(job) for job in jobs] == [(stage, "completed") for stage in STAGES[:-1]]


def test_a_run_that_lost_its_lease_can_write_nothing(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    (plan,) = plans(engine)
    (old,) = claim_plan(engine, plan)
    expire_leases(engine)
    recover(engine, max_attempts=3, stale_after_s=7200, unclaimed_after_s=60, is_run_alive=lambda key: True)
    end_pauses(engine)
    (again,) = plans(engine)
    claim_plan(engine, again, run_id="run-2")
    ledger = claims(engine)
    with pytest.raises(LeaseLostError), ledger.fenced(old) as connection:
        ledger.advance(connection, old, duration_s=666.0)
    assert row(engine, upload_id).duration_s is None


def test_a_crash_in_a_batch_counts_against_nobody_and_its_uploads_run_singly(engine):
    ids = accept_many(ArrivalLedger(engine), 3)
    (plan,) = plans(engine)
    claim_plan(engine, plan)
    expire_leases(engine)
    found = recover(engine, max_attempts=3, stale_after_s=7200, unclaimed_after_s=60, is_run_alive=lambda key: True)
    assert (found.n_requeued, found.n_given_up) == (3, 0)
    assert sorted(len(plan.upload_ids) for plan in plans(engine)) == [1, 1, 1]
    assert {row(engine, upload_id).n_failures for upload_id in ids} == {0}


def test_a_wished_stop_counts_against_nobody_and_its_work_goes_on_at_once(engine):
    waiting, alone = accept_many(ArrivalLedger(engine), 2)
    with engine.begin() as connection:
        connection.execute(
            update(conversation_uploads).where(conversation_uploads.c.id == alone).values(runs_alone=True)
        )
    claimed = [claim for plan in plans(engine) for claim in claim_plan(engine, plan)]
    with claims(engine).fenced(claimed[0]) as connection:
        claims(engine).advance(connection, claimed[0])
    reached = {upload_id: row(engine, upload_id).stage for upload_id in (waiting, alone)}
    assert hand_back(engine, workers_go_on=False) == 2
    for upload_id, stage in reached.items():
        back = row(engine, upload_id)
        assert (back.status, back.stage, back.n_failures, back.run_key) == ("pending", stage, 0, None)
    with engine.connect() as connection:
        assert connection.execute(select(processing_jobs).where(processing_jobs.c.status == "running")).all() == []
    assert {upload_id for plan in plans(engine) for upload_id in plan.upload_ids} == {waiting, alone}
    with pytest.raises(LeaseLostError), claims(engine).fenced(claimed[1]):
        pytest.fail("a process that was told to stop wrote after it")


def test_an_upload_that_kills_its_process_three_times_alone_is_given_up_visibly(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    for n in range(3):
        (plan,) = plans(engine)
        claim_plan(engine, plan, run_id=f"run-{n}")
        expire_leases(engine)
        recover(engine, max_attempts=3, stale_after_s=7200, unclaimed_after_s=60, is_run_alive=lambda key: True)
        end_pauses(engine)
    ended = row(engine, upload_id)
    assert (ended.status, ended.error_code) == ("failed", "run_crashed")
    assert "retry" in ended.error_message
    assert plans(engine) == []


def test_a_transient_failure_is_tried_again_later_and_a_permanent_one_is_not(engine):
    soft, hard = accept_many(ArrivalLedger(engine), 2)
    (plan,) = plans(engine)
    for claim, failure in zip(claim_plan(engine, plan), (TRANSIENT, PERMANENT), strict=True):
        claims(engine).fail(claim, failure)
    assert (row(engine, soft).status, row(engine, hard).status) == ("pending", "failed")
    assert plans(engine) == []  # not before its pause is over
    end_pauses(engine)
    assert [plan.upload_ids for plan in plans(engine)] == [(soft,)]


def test_uploads_handed_back_ride_together_again_from_their_next_stage(engine):
    ids = accept_many(ArrivalLedger(engine), 3)
    (plan,) = plans(engine)
    ledger = claims(engine)
    for claim in claim_plan(engine, plan):
        with ledger.fenced(claim) as connection:
            ledger.advance(connection, claim)
    assert ledger.release("run-1", []) == 3
    (again,) = plans(engine)
    assert (again.upload_ids, again.stage) == (tuple(ids), "transcriptions")
    assert again.run_key != plan.run_key


def test_a_cancel_is_honoured_between_stages_and_harms_nobody_else(engine):
    first, second = accept_many(ArrivalLedger(engine), 2)
    (plan,) = plans(engine)
    ledger = claims(engine)
    for claim in claim_plan(engine, plan):
        with ledger.fenced(claim) as connection:
            ledger.advance(connection, claim)
    with engine.begin() as connection:
        ask_cancel(connection, first, "test")
    held = ledger.claim(plan.upload_ids, run_id="run-1", run_key=plan.run_key, stage="transcriptions")
    assert [claim.upload_id for claim in held] == [second]
    assert row(engine, first).status == "cancelled"


def test_a_run_started_by_hand_cannot_take_an_upload_that_is_in_work(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    (plan,) = plans(engine)
    claim_plan(engine, plan)
    with pytest.raises(UploadBusyError):
        claims(engine).claim([upload_id], run_id="hand", run_key=None, stage="uploads")


def test_a_run_started_by_hand_does_a_completed_stage_again(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    walk_to_the_end(engine)
    (claim,) = claims(engine).claim([upload_id], run_id="hand", run_key=None, stage="answers")
    assert claim.attempt == 2
    assert row(engine, upload_id).status == "processing"


def test_a_restart_waits_until_the_running_attempt_is_over(engine):
    (upload_id,) = accept_many(ArrivalLedger(engine), 1)
    (plan,) = plans(engine)
    ledger = claims(engine)
    (claim,) = claim_plan(engine, plan)
    ask_restart(engine, upload_id, "answers", "test")
    assert plans(engine) == []
    for following in (*STAGES[1:-1], None):
        with ledger.fenced(claim) as connection:
            ledger.advance(connection, claim)
        if following:
            (claim,) = ledger.claim(plan.upload_ids, run_id="run-1", run_key=plan.run_key, stage=following)
    (again,) = plans(engine)
    assert (again.stage, again.upload_ids) == ("answers", (upload_id,))


def test_whatever_is_killed_when_every_upload_reaches_one_end(engine):
    """Random deaths at random stages: no upload is lost, none is completed twice."""
    chance = random.Random(7)
    ids = accept_many(ArrivalLedger(engine), 12)
    for round_no in range(400):
        waiting = [row(engine, upload_id) for upload_id in ids]
        if all(item.status == "completed" for item in waiting):
            break
        for plan in plans(engine, max_uploads=5):
            _walk_and_maybe_die(engine, plan, f"run-{round_no}-{plan.run_key}", chance)
        expire_leases(engine)
        recover(engine, max_attempts=99, stale_after_s=7200, unclaimed_after_s=-1, is_run_alive=lambda key: False)
        end_pauses(engine)
    assert {row(engine, upload_id).status for upload_id in ids} == {"completed"}
    with engine.connect() as connection:
        jobs = processing_jobs
        ended = select(jobs.c.upload_id).where(jobs.c.job_type == "scores", jobs.c.status == "completed")
        assert len(connection.execute(ended).all()) == len(ids)


def _walk_and_maybe_die(engine, plan, run_id, chance):
    ledger = claims(engine)
    for stage in STAGES[STAGES.index(plan.stage) : -1]:
        if chance.random() < 0.15:
            return
        for claim in ledger.claim(plan.upload_ids, run_id=run_id, run_key=plan.run_key, stage=stage):
            if chance.random() < 0.1:
                return
            with ledger.fenced(claim) as connection:
                ledger.advance(connection, claim)
