"""Conversations in a real store, made by the real rooms, without Dagster: what the tests of exports share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, insert

from nurseconv_dagster.extraction.answers import Answer, Evidence, Extraction, State
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.intake.arrivals import Sidecar
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.results import save_extraction, save_transcript
from nurseconv_dagster.store.tables import answer_reviews
from tests.fakes.uploads import new_upload

CATALOGUE = load_catalogue()
QUESTIONS = {question.id: question for profile in CATALOGUE.profiles.values() for question in profile.questions}

SILENCE = Transcript("no_speech", "", (), None, None, "whisper-base", "r1", "int8", 0.1, 3.0)


def arrive(engine: Engine, transcript: Transcript | None = None, **sidecar: Any) -> UUID:
    """An upload in the ledger, with its transcript when there is one."""
    kind = "text" if transcript is None or transcript.is_typed else "audio"
    upload = new_upload(uuid4().hex * 2, sidecar=Sidecar(**sidecar), kind=kind)
    upload_id = ArrivalLedger(engine).record_arrival(upload).upload_id
    if transcript is not None:
        with transaction(engine) as connection:
            save_transcript(connection, upload_id, transcript)
    return upload_id


def walk(engine: Engine, transcript: Transcript, profile: str = "general", **sidecar: Any) -> UUID:
    """An upload whose answers the rules have read from its transcript."""
    upload_id = arrive(engine, transcript, profile=profile, **sidecar)
    answer(engine, upload_id, *extract(transcript, profile, CATALOGUE, [RulesReader()], 0.5).answers)
    return upload_id


def answer(engine: Engine, upload_id: UUID, *answers: Answer) -> None:
    """A new run of answers."""
    with transaction(engine) as connection:
        save_extraction(connection, upload_id, 1, Extraction(answers, (), CATALOGUE.version))


def review(engine: Engine, upload_id: UUID, answer_id: UUID, verdict: str, reviewer: str) -> None:
    """A reviewer's verdict on an answer."""
    with transaction(engine) as connection:
        connection.execute(
            insert(answer_reviews).values(
                question_answer_id=answer_id,
                upload_id=upload_id,
                verdict=verdict,
                reviewer=reviewer,
                reviewed_at=datetime.now(UTC),
            )
        )


def made_up(
    question: Question | str, state: State = "answered", value: Any = None, text: str | None = None, **more: Any
) -> Answer:
    """One answer of a question, with a quote where its state demands one."""
    asked = QUESTIONS[question] if isinstance(question, str) else question
    has_words = state in ("answered", "denied", "conflicting")
    quote = Evidence("and then", "exact", (0,), 0, 8, 1.5, 2.25, "patient")
    made = Answer(
        question_id=asked.id, question_text=asked.text, category=asked.category, value_type=asked.value_type,
        is_phi=asked.is_phi, is_required=asked.is_required, is_safety_critical=asked.is_safety_critical,
        weight=asked.weight, state=state, answer_text=text, answer_value=value, is_valid=True,
        confidence_score=0.875 if has_words else None, is_confident=has_words, needs_review=False, review_reasons=(),
        evidence=(quote,) if has_words else (), provider="rules" if has_words else "none", model_name="",
        prompt_sha256="ab" * 32 if has_words else "", catalogue_version=CATALOGUE.version, processing_time_s=0.0,
    )  # fmt: skip
    return replace(made, **more)
