"""Laws of a verdict on real Postgres: it supersedes, it is fenced, it reaches the scores, and no run discards it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from nurseconv_dagster.errors import (
    AnswerSupersededError,
    NotReviewableError,
    NurseconvError,
    ReviewRefusedError,
    UnknownAnswerError,
)  # fmt: skip
from nurseconv_dagster.store.listings import ask_cancel, ask_restart, list_results, list_uploads
from nurseconv_dagster.store.promises import PROMISES, count_broken
from nurseconv_dagster.store.tables import answer_reviews, audit_log, conversation_uploads, question_answers
from tests.fakes.reviewed import CATALOGUE, TALK, current, judge, reviewed_upload, walk
from tests.fakes.talks import typed


def n_rows(engine, table=question_answers):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def upload_row(engine, upload_id):
    return list_uploads(engine, ids=[upload_id])[0]


def test_a_correction_supersedes_and_what_stood_there_stays_readable(engine):
    upload_id = reviewed_upload(engine)
    before = current(engine, upload_id, "pain_level")
    made = judge(engine, before.id, "corrected", state="answered", value=4, notes="he says four")
    after = current(engine, upload_id, "pain_level")
    assert (after.id, after.answer_value, after.answer_text, after.provider) == (
        made.answer_id,
        4,
        "4 out of 10",
        "reviewer",
    )
    assert (after.needs_review, after.is_confident, after.confidence_score, after.evidence) == (False, True, 1.0, [])
    assert after.run_no == before.run_no + 1
    assert after.catalogue_version == CATALOGUE.version
    with engine.connect() as connection:
        old = connection.execute(select(question_answers).where(question_answers.c.id == before.id)).one()
        review = connection.execute(select(answer_reviews)).one()
    assert old._asdict() == {**before._asdict(), "is_current": False}
    assert (review.question_answer_id, review.resulting_answer_id) == (before.id, after.id)
    assert (review.verdict, review.corrected_value, review.notes, review.reviewer) == (
        "corrected",
        4,
        "he says four",
        "ann",
    )


def test_a_confirmed_answer_keeps_value_and_evidence_and_needs_no_review(engine):
    upload_id = reviewed_upload(engine)
    before = current(engine, upload_id, "allergies")
    judge(engine, before.id)
    after = current(engine, upload_id, "allergies")
    kept = (
        "state",
        "answer_value",
        "answer_text",
        "evidence",
        "evidence_quote",
        "transcription_id",
        "catalogue_version",
    )
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert (after.provider, after.needs_review, after.review_reasons) == ("reviewer", False, [])


def test_not_asked_leaves_neither_value_nor_evidence(engine):
    upload_id = reviewed_upload(engine)
    judge(engine, current(engine, upload_id, "pain_level").id, "not_asked")
    after = current(engine, upload_id, "pain_level")
    assert (after.state, after.answer_value, after.answer_text, after.evidence) == ("not_asked", None, None, [])
    assert (after.confidence_score, after.is_confident) == (None, False)


def test_a_verdict_reaches_the_scores(engine):
    upload_id = reviewed_upload(engine)
    before = list_results(engine, upload_id)[2]
    judge(engine, current(engine, upload_id, "chief_complaint").id, "corrected", state="answered", value="chest pain")
    assert upload_row(engine, upload_id).restart_from == "scores"
    walk(engine)
    after = list_results(engine, upload_id)[2]
    assert upload_row(engine, upload_id).status == "completed"
    assert after.questions_answered == before.questions_answered + 1
    assert after.completeness_score > before.completeness_score
    assert (after.run_no, after.evidence_coverage) == (before.run_no + 1, before.evidence_coverage)


def test_a_verdict_does_not_delay_a_wish_to_begin_earlier(engine):
    upload_id = reviewed_upload(engine)
    ask_restart(engine, upload_id, "answers", "test")
    judge(engine, current(engine, upload_id, "pain_level").id)
    assert upload_row(engine, upload_id).restart_from == "answers"


def test_an_upload_that_stopped_early_is_not_completed_by_a_wish_for_scores(engine):
    upload_id = reviewed_upload(engine)
    with engine.begin() as connection:
        stopped = {"status": "failed", "stage": "transcriptions", "restart_from": "scores"}
        connection.execute(update(conversation_uploads).values(stopped))
    walk(engine, typed("nurse: How old are you?", "patient: I am 61."))
    assert current(engine, upload_id, "patient_age").answer_value == 61


def test_the_same_words_read_again_leave_a_verdict_in_place_with_the_new_answer_beside_it(engine):
    upload_id = reviewed_upload(engine)
    judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value=4)
    for stage in ("answers", "transcriptions", "uploads"):
        ask_restart(engine, upload_id, stage, "test")
        walk(engine)
        pain = current(engine, upload_id, "pain_level")
        assert (pain.answer_value, pain.provider, pain.needs_review) == (4, "reviewer", False)
    with engine.connect() as connection:
        beside = connection.execute(
            select(question_answers.c.answer_value, question_answers.c.provider)
            .where(question_answers.c.question_id == "pain_level", ~question_answers.c.is_current)
            .order_by(question_answers.c.run_no)
        ).all()
    assert [tuple(row) for row in beside] == [(7, "rules")] * 4
    assert list_results(engine, upload_id)[2].catalogue_version == CATALOGUE.version


def test_other_words_leave_a_verdict_behind_and_the_new_answer_asks_to_be_looked_at(engine):
    upload_id = reviewed_upload(engine)
    judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value=4)
    judge(engine, current(engine, upload_id, "patient_age").id)
    ask_restart(engine, upload_id, "transcriptions", "test")
    walk(engine, typed("nurse: How old are you?", "patient: I am 54.", "nurse: How bad is your pain?", "patient: Six."))
    pain, age = current(engine, upload_id, "pain_level"), current(engine, upload_id, "patient_age")
    assert (pain.provider, pain.needs_review) == ("rules", True)
    assert "review_outdated" in pain.review_reasons
    assert (age.answer_value, age.provider, age.needs_review) == (
        54,
        "rules",
        False,
    )  # says what the reviewer confirmed
    ask_restart(engine, upload_id, "transcriptions", "test")
    walk(engine, TALK)  # the words that were judged are back, and so is the verdict
    assert current(engine, upload_id, "pain_level").answer_value == 4


def test_of_two_reviewers_at_once_one_is_told_to_look_again(engine):
    upload_id = reviewed_upload(engine)
    answer = current(engine, upload_id, "pain_level")

    def try_one(value):
        try:
            return judge(engine, answer.id, "corrected", state="answered", value=value)
        except NurseconvError as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(try_one, range(6)))
    refused = [item for item in outcomes if isinstance(item, AnswerSupersededError)]
    assert len(refused) == 5
    assert "load the conversation again" in str(refused[0])
    assert n_rows(engine, answer_reviews) == 1


def test_a_verdict_on_an_answer_that_a_run_replaced_is_refused_and_writes_nothing(engine):
    upload_id = reviewed_upload(engine)
    stale = current(engine, upload_id, "pain_level")
    ask_restart(engine, upload_id, "answers", "test")
    walk(engine)
    before = n_rows(engine)
    with pytest.raises(AnswerSupersededError):
        judge(engine, stale.id)
    assert (n_rows(engine), n_rows(engine, answer_reviews)) == (before, 0)


def test_a_further_review_undoes_an_earlier_one(engine):
    upload_id = reviewed_upload(engine)
    first = judge(engine, current(engine, upload_id, "pain_level").id, "not_asked")
    judge(engine, first.answer_id, "corrected", state="answered", value=7)
    assert current(engine, upload_id, "pain_level").answer_value == 7
    assert n_rows(engine, answer_reviews) == 2


@pytest.mark.parametrize(
    ("units", "is_seen"), [(None, True), ({"4-west"}, True), ({"*"}, True), ({"icu"}, False), (set(), False)]
)
def test_a_reviewer_judges_only_what_their_units_show(engine, units, is_seen):
    answer_id = current(engine, reviewed_upload(engine), "pain_level").id
    if is_seen:
        judge(engine, answer_id, units=units)
    else:
        told = []
        for unseen in (answer_id, uuid4()):
            with pytest.raises(UnknownAnswerError) as hidden:
                judge(engine, unseen, units=units)
            told.append(str(hidden.value).replace(str(unseen), "ID"))
        assert told[0] == told[1]  # what may not be seen is not told from what is not there


@pytest.mark.parametrize("status", ["failed", "cancelled", "rejected", "erased"])
def test_an_upload_that_is_not_at_work_or_done_takes_no_verdict(engine, status):
    upload_id = reviewed_upload(engine)
    with engine.begin() as connection:
        connection.execute(update(conversation_uploads).values(status=status))
    with pytest.raises(NotReviewableError, match=f"is {status}"):
        judge(engine, current(engine, upload_id, "pain_level").id)


def test_silence_takes_no_verdict(engine):
    silence = replace(TALK, outcome="no_speech", full_text="", segments=())
    upload_id = reviewed_upload(engine, silence)
    with pytest.raises(NotReviewableError, match="no speech"):
        judge(engine, current(engine, upload_id, "pain_level").id)


def test_a_correction_of_another_shape_is_refused_and_writes_nothing(engine):
    upload_id = reviewed_upload(engine)
    before = n_rows(engine)
    with pytest.raises(ReviewRefusedError, match="must be of type integer"):
        judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value="four")
    assert (n_rows(engine), upload_row(engine, upload_id).restart_from) == (before, None)


def test_every_promise_about_rows_holds_after_verdicts_of_each_kind(engine):
    upload_id = reviewed_upload(engine)
    judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value=4)
    judge(engine, current(engine, upload_id, "allergies").id)
    judge(engine, current(engine, upload_id, "patient_age").id, "not_asked")
    walk(engine)
    assert {promise.name: n for promise in PROMISES if (n := count_broken(engine, promise))} == {}


def test_results_stay_in_the_order_of_the_catalogue_after_a_verdict(engine):
    upload_id = reviewed_upload(engine)
    order = [row.question_id for row in list_results(engine, upload_id)[1]]
    assert order == [question.id for question in CATALOGUE.profiles["general"].questions]
    judge(engine, current(engine, upload_id, order[2]).id)
    assert [row.question_id for row in list_results(engine, upload_id)[1]] == order


def test_a_verdict_is_in_the_audit_log_without_its_words(engine):
    upload_id = reviewed_upload(engine)
    answer = current(engine, upload_id, "chief_complaint")
    judge(engine, answer.id, "corrected", state="answered", value="canary pain", notes="canary note")
    with engine.connect() as connection:
        rows = connection.execute(select(audit_log).where(audit_log.c.action == "answer.reviewed")).all()
    assert [(row.actor, row.subject) for row in rows] == [("ann", str(upload_id))]
    assert "canary" not in str(rows)


def test_a_cancelled_rerun_keeps_the_answers_reviewable_until_it_ends(engine):
    upload_id = reviewed_upload(engine)
    ask_restart(engine, upload_id, "answers", "test")
    judge(engine, current(engine, upload_id, "pain_level").id)
    with engine.begin() as connection:
        ask_cancel(connection, upload_id, "test")
    walk(engine)
    assert current(engine, upload_id, "pain_level").provider == "reviewer"
