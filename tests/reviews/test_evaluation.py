"""Laws of evaluating what people have judged: the system is measured by its own answers."""

from __future__ import annotations

import pytest

from nurseconv_dagster.evaluation.references import Reference, ReferenceAnswer
from nurseconv_dagster.store.evaluations import load_case
from nurseconv_dagster.store.listings import ask_restart
from tests.fakes.reviewed import current, judge, reviewed_upload, walk
from tests.fakes.talks import typed

REFERENCE = Reference(
    name="a talk", file="a.txt", answers={"pain_level": ReferenceAnswer(state="answered", text="a seven", value=7)}
)


def compared(engine, upload_id):
    """What an evaluation holds against the reference, by question."""
    return {row["question_id"]: row for row in load_case(engine, REFERENCE, upload_id).answers}


def test_a_correction_does_not_make_the_systems_answer_right_or_wrong(engine):
    upload_id = reviewed_upload(engine)
    before = compared(engine, upload_id)
    judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value=4)
    judge(engine, current(engine, upload_id, "allergies").id, "not_asked")
    after = compared(engine, upload_id)
    assert (after["pain_level"]["answer_value"], after["pain_level"]["provider"]) == (7, "rules")
    assert list(after) == list(before)
    assert [(row["id"], row["confidence_score"]) for row in after.values()] == [
        (row["id"], row["confidence_score"]) for row in before.values()
    ]


@pytest.mark.parametrize("says", ["About a seven.", "About a nine."], ids=["the same words", "other words"])
def test_after_a_new_run_the_newest_answer_of_the_system_counts(engine, says):
    upload_id = reviewed_upload(engine)
    judge(engine, current(engine, upload_id, "pain_level").id, "corrected", state="answered", value=4)
    old = compared(engine, upload_id)["pain_level"]
    ask_again(engine, upload_id, typed("nurse: How bad is your pain from zero to ten?", f"patient: {says}"))
    new = compared(engine, upload_id)["pain_level"]
    assert (new["provider"], new["answer_value"]) == ("rules", 7 if "seven" in says else 9)
    assert new["run_no"] > old["run_no"]


def ask_again(engine, upload_id, talk):
    ask_restart(engine, upload_id, "transcriptions", "test")
    walk(engine, talk)
