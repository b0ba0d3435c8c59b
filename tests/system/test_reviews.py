"""A verdict through the real definitions: scores, marts and asset checks follow it, and a later run leaves it there."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.operations.reviews import show_reviews
from nurseconv_dagster.store.listings import ask_restart, list_results, list_uploads
from tests.fakes.check_results import failed_checks
from tests.fakes.notes import drop, note
from tests.fakes.reviewed import current, judge

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster"), pytest.mark.timeout(900)]


def in_marts(engine, question_id):
    query = text("select state, value_number, provider, needs_review from marts.answers where question_id = :q")
    with engine.connect() as connection:
        return tuple(connection.execute(query, {"q": question_id}).one())


def test_verdicts_reach_scores_and_marts_pass_every_check_and_outlive_a_new_run(home, store_engine, capsys):
    drop(home, "n.txt", note(3), {"unit": "4-west"})
    drive(home)
    upload_id = list_uploads(store_engine)[0].id
    before = list_results(store_engine, upload_id)[2]
    judge(store_engine, current(store_engine, upload_id, "pain_level").id, "corrected", state="answered", value=9)
    judge(store_engine, current(store_engine, upload_id, "allergies").id)
    judge(store_engine, current(store_engine, upload_id, "chief_complaint").id, "not_asked")
    assert drive(home).is_reported
    after = list_results(store_engine, upload_id)[2]
    assert after.run_no == before.run_no + 1
    assert after.completeness_score != before.completeness_score
    assert in_marts(store_engine, "pain_level") == ("answered", 9, "reviewer", False)
    assert in_marts(store_engine, "chief_complaint") == ("not_asked", None, "reviewer", False)
    assert failed_checks() == set()
    ask_restart(store_engine, upload_id, "uploads", "test")
    assert drive(home).is_reported
    assert in_marts(store_engine, "pain_level") == ("answered", 9, "reviewer", False)
    assert failed_checks() == set()
    show_reviews(home, unit="4-west", as_json=False)
    told = capsys.readouterr().out
    assert "judged       " in told
    assert "no answer was judged by two reviewers yet" in told
    assert "margaret" not in told.lower()
    show_reviews(home, unit="icu", as_json=True)
    assert json.loads(capsys.readouterr().out)["n_by_verdict"] == {}
