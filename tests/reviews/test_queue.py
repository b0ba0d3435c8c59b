"""Laws of the queue: what is doubtful is in it, a fair sample of the rest, nothing twice, and only what one may see."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import text, update

from nurseconv_dagster.store.listings import ask_restart
from nurseconv_dagster.store.review_queue import QueueView, count_queue, list_conversations, list_queue
from nurseconv_dagster.store.tables import conversation_uploads, question_answers
from tests.fakes.reviewed import current, doubt, judge, reviewed_upload, walk


def queue(engine, *, units=None, share=0.0, limit=1000, **narrowed):
    with engine.connect() as connection:
        return list_queue(connection, QueueView(units, share, **narrowed), limit=limit)


@pytest.fixture
def upload_id(engine):
    made = reviewed_upload(engine)
    with engine.begin() as connection:
        connection.execute(text("update question_answers set needs_review = false, review_reasons = '[]'"))
    return made


def test_differing_opinions_come_first_then_the_doubtful_then_the_sample(engine, upload_id):
    doubt(engine, upload_id, "pain_level")
    doubt(engine, upload_id, "chief_complaint", "conflict", state="conflicting")
    doubt(engine, upload_id, "allergies", "providers_disagree")
    found = queue(engine, share=1.0)
    assert [(row.question_id, row.reason) for row in found[:3]] == [
        ("allergies", "disagreement"), ("chief_complaint", "disagreement"), ("pain_level", "must_review"),
    ]  # fmt: skip
    assert {row.reason for row in found[3:]} == {"audit"}
    assert len(found) == 12


def test_a_judged_answer_leaves_the_queue_and_is_not_drawn_again_after_a_new_run(engine, upload_id):
    doubt(engine, upload_id, "pain_level")
    judge(engine, current(engine, upload_id, "pain_level").id)
    walk(engine)
    assert "pain_level" not in {row.question_id for row in queue(engine, share=1.0)}
    ask_restart(engine, upload_id, "answers", "test")
    walk(engine)
    assert "pain_level" not in {row.question_id for row in queue(engine, share=1.0)}


def test_the_sample_is_a_fair_share_and_the_same_each_time(engine, upload_id):
    ids = [upload_id] + [reviewed_upload(engine) for _ in range(14)]
    with engine.begin() as connection:
        connection.execute(text("update question_answers set needs_review = false, review_reasons = '[]'"))
    drawn = {(row.upload_id, row.question_id) for row in queue(engine, share=0.2)}
    assert 12 * 15 * 0.2 - 20 < len(drawn) < 12 * 15 * 0.2 + 20  # 36 expected; four standard deviations
    assert len({question for _, question in drawn}) > 6
    for one in ids[:3]:
        ask_restart(engine, one, "answers", "test")
    walk(engine)
    with engine.begin() as connection:
        connection.execute(text("update question_answers set needs_review = false, review_reasons = '[]'"))
    assert {(row.upload_id, row.question_id) for row in queue(engine, share=0.2)} == drawn
    assert drawn < {(row.upload_id, row.question_id) for row in queue(engine, share=0.5)}
    assert queue(engine, share=0.0) == []


def test_nobody_is_asked_to_listen_to_last_year(engine, upload_id):
    doubt(engine, upload_id, "pain_level")
    with engine.begin() as connection:
        connection.execute(text("update conversation_uploads set created_at = now() - interval '1 year'"))
    assert [row.reason for row in queue(engine, share=1.0)] == ["must_review"]


def test_what_does_not_apply_or_is_not_done_is_not_in_the_queue(engine, upload_id):
    with engine.begin() as connection:
        connection.execute(update(question_answers).values(state="not_applicable"))
    assert queue(engine, share=1.0) == []
    doubt(engine, upload_id, "pain_level")
    for status in ("processing", "failed", "erased"):
        with engine.begin() as connection:
            connection.execute(update(conversation_uploads).values(status=status))
        assert queue(engine, share=1.0) == []


def test_each_sees_the_queue_of_their_units(engine):
    made = {unit: reviewed_upload(engine, unit=unit) for unit in ("4-west", "icu")}
    made[None] = reviewed_upload(engine, unit=None)
    for upload_id in made.values():
        doubt(engine, upload_id, "pain_level")
    for units, seen in (
        (None, {"4-west", "icu", None}),
        ({"icu"}, {"icu"}),
        ({"*"}, {"4-west", "icu"}),
        (set(), set()),
    ):
        assert {row.unit for row in queue(engine, units=units)} == seen
        with engine.connect() as connection:
            view = QueueView(units, 0.0)
            assert {row.unit for row in list_conversations(connection, view, limit=50)} == seen
            assert count_queue(connection, view)["must_review"] >= len(seen)


def test_the_queue_can_be_narrowed_by_unit_profile_category_and_reason(engine):
    first, second = reviewed_upload(engine, profile="general"), reviewed_upload(engine, unit="icu", profile="handoff")
    for upload_id in (first, second):
        doubt(engine, upload_id, "allergies")
        doubt(engine, upload_id, "diagnosis", "conflict", state="conflicting")
    assert {row.upload_id for row in queue(engine, unit="icu")} == {second}
    assert {row.upload_id for row in queue(engine, profile="general")} == {first}
    assert {row.question_id for row in queue(engine, category="diagnosis", reason="disagreement")} == {"diagnosis"}
    assert queue(engine, reason="audit") == []


def test_conversations_carry_the_counts_of_the_answers_that_wait(engine, upload_id):
    doubt(engine, upload_id, "pain_level")
    doubt(engine, upload_id, "allergies", "conflict", state="conflicting")
    with engine.connect() as connection:
        view = QueueView(None, 1.0)
        [row] = list_conversations(connection, view, limit=10)
        total = count_queue(connection, view)
    assert (row.upload_id, row.disagreement, row.must_review, row.audit, row.n_critical) == (upload_id, 1, 1, 10, 1)
    assert total == {"disagreement": 1, "must_review": 1, "audit": 10}
    assert Counter(r.reason for r in queue(engine, share=1.0)) == total


def test_pages_of_the_queue_hold_each_answer_once(engine, upload_id):
    with engine.connect() as connection:
        view = QueueView(None, 1.0)
        pages = [list_queue(connection, view, limit=5, offset=offset) for offset in (0, 5, 10, 15)]
    ids = [row.answer_id for page in pages for row in page]
    assert (len(ids), len(set(ids)), pages[-1]) == (12, 12, [])
