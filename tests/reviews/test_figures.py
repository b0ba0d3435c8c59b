"""What verdicts add up to, on real rows."""

from __future__ import annotations

from sqlalchemy import update

from nurseconv_dagster.store.review_figures import read_figures
from nurseconv_dagster.store.tables import conversation_uploads
from tests.fakes.reviewed import current, doubt, judge, reviewed_upload


def figures(engine, units=None):
    with engine.connect() as connection:
        return read_figures(connection, units)


def test_nothing_judged_gives_no_figures(engine):
    reviewed_upload(engine)
    found = figures(engine)
    assert (found.n_by_verdict, found.agreement.n, found.doubted.n, found.undoubted.n) == ({}, 0, 0, 0)


def test_a_second_reviewer_s_verdict_on_a_verdict_is_about_the_program_s_answer(engine):
    first, second = reviewed_upload(engine), reviewed_upload(engine)
    kept = judge(engine, current(engine, first, "pain_level").id, reviewer="ann")
    judge(engine, kept.answer_id, reviewer="bob")  # ann and bob: confirmed
    wrong = judge(
        engine, current(engine, second, "pain_level").id, "corrected", reviewer="ann", state="answered", value=3
    )
    judge(engine, wrong.answer_id, "corrected", reviewer="bob", state="answered", value=7)  # what the program said
    found = figures(engine)
    assert found.n_by_verdict == {"confirmed": 2}
    assert (found.agreement.n, found.agreement.observed) == (2, 0.5)


def test_who_changes_their_mind_is_no_second_reviewer(engine):
    made = judge(engine, current(engine, reviewed_upload(engine), "pain_level").id, "not_asked")
    judge(engine, made.answer_id, "corrected", state="answered", value=3)
    found = figures(engine)
    assert (found.n_by_verdict, found.agreement.n) == ({"corrected": 1}, 0)


def test_confidence_is_measured_apart_for_answers_that_asked_for_a_review(engine):
    upload_id = reviewed_upload(engine)
    doubt(engine, upload_id, "pain_level", confidence_score=0.4)
    judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value=3)
    judge(engine, current(engine, upload_id, "patient_age").id)
    found = figures(engine)
    assert (found.doubted.n, found.doubted.brier) == (1, 0.4**2)
    assert (found.undoubted.n, found.undoubted.bins[-1].share_right or found.undoubted.bins[-2].share_right) == (1, 1.0)


def test_figures_are_of_what_one_may_see_and_never_of_what_is_erased(engine):
    judge(engine, current(engine, reviewed_upload(engine, unit="icu"), "pain_level").id)
    assert figures(engine, {"icu"}).n_by_verdict == {"confirmed": 1}
    assert figures(engine, {"4-west"}).n_by_verdict == {}
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).values(status="erased"))
    assert figures(engine).n_by_verdict == {}
