"""Uploads with answers in the store, made in milliseconds by the rooms' own code, for tests about reviewing."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import Engine, select, update

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.extraction.reviewing import Correction
from nurseconv_dagster.intake.arrivals import Sidecar
from nurseconv_dagster.scoring.compute import compute_scores
from nurseconv_dagster.scoring.rubric import load_rubric
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store import planning
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.claims import Claims
from nurseconv_dagster.store.results import (
    load_extraction,
    load_transcript,
    save_extraction,
    save_scores,
    save_transcript,
)
from nurseconv_dagster.store.reviews import NewReview, review_answer
from nurseconv_dagster.store.tables import STAGES, question_answers
from tests.fakes.talks import typed
from tests.fakes.uploads import new_upload

CATALOGUE = load_catalogue()
TALK = typed(
    "nurse: How old are you?",
    "patient: I am 54.",
    "nurse: Do you have any allergies?",
    "patient: No, no known allergies.",
    "nurse: How bad is your pain from zero to ten?",
    "patient: About a seven.",
)


def walk(engine: Engine, transcript: Transcript | None = None, *, run_id: str | None = None) -> None:
    """Everything that is due goes through its stages once, with this transcript where one is to be made."""
    ledger, run_id = Claims(engine, lease_s=60, max_attempts=3), run_id or uuid4().hex
    for plan in planning.request_runs(engine, max_uploads=50, max_audio_s=3600.0):
        for stage in STAGES[STAGES.index(plan.stage) : -1]:
            for claim in ledger.claim(plan.upload_ids, run_id=run_id, run_key=plan.run_key, stage=stage):
                with ledger.fenced(claim) as connection:
                    _do(engine, connection, stage, claim, transcript or TALK)
                    ledger.advance(connection, claim)


def _do(engine, connection, stage, claim, transcript):
    if stage == "transcriptions":
        save_transcript(connection, claim.upload_id, transcript)
    if stage == "answers":
        heard = load_transcript(engine, claim.upload_id)
        found = extract(heard, claim.profile or "general", CATALOGUE, [RulesReader()])
        save_extraction(connection, claim.upload_id, claim.attempt, found)
    if stage == "scores":
        asked = CATALOGUE.profiles[claim.profile or "general"]
        heard, found = load_transcript(engine, claim.upload_id), load_extraction(engine, claim.upload_id)
        save_scores(
            connection, claim.upload_id, compute_scores(heard, found, asked, found.catalogue_version, load_rubric())
        )


def reviewed_upload(engine: Engine, transcript: Transcript | None = None, **sidecar) -> UUID:
    """A completed upload of this talk."""
    side = Sidecar(**{"unit": "4-west", **sidecar})
    upload_id = ArrivalLedger(engine).record_arrival(new_upload(sidecar=side)).upload_id
    walk(engine, transcript)
    return upload_id


def current(engine: Engine, upload_id: UUID, question_id: str):
    """The current answer's row."""
    rows = select(question_answers).where(
        question_answers.c.upload_id == upload_id,
        question_answers.c.question_id == question_id,
        question_answers.c.is_current,
    )
    with engine.connect() as connection:
        return connection.execute(rows).one()


def judge(engine, answer_id, verdict="confirmed", *, units=None, reviewer="ann", notes=None, **correction):
    """A verdict; the keywords are those of a correction."""
    said = Correction(**correction) if correction else None
    with engine.begin() as connection:
        return review_answer(
            connection, NewReview(answer_id, verdict, reviewer, said, notes), units, CATALOGUE, "general"
        )


def doubt(engine, upload_id, question_id, *reasons, **values):
    """The current answer asks for a review."""
    row = current(engine, upload_id, question_id)
    with engine.begin() as connection:
        connection.execute(
            update(question_answers)
            .where(question_answers.c.id == row.id)
            .values(needs_review=True, review_reasons=list(reasons or ["low_confidence"]), **values)
        )
