"""Promises about the store's rows that can be broken only by a defect: how many rows break each.

What lives here: `PROMISES` and `count_broken()`.
When to add here: a sentence that must hold for every row; write the query that counts what breaks it.
What to keep out: constraints that Postgres itself can keep (tables).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.word_promises import (
    RECENT,
    count_segments_out_of_time,
    count_unproven,
    count_words_of_silence,
)


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence, the asset it is about, and what counts the rows that break it: a query, or code that reads words."""

    asset: str
    name: str
    sentence: str
    count: str | Callable[[Connection], int]


PROMISES = (
    Promise(
        "conversation_uploads",
        "an_end_has_a_reason",
        "Every refused or failed upload says why.",
        "select count(*) from conversation_uploads "
        "where status in ('rejected', 'failed') and (error_code is null or error_message is null)",
    ),
    Promise(
        "conversation_uploads",
        "nothing_is_stuck",
        "No upload has been in work for a day without reaching an end.",
        "select count(*) from conversation_uploads "
        "where status in ('pending', 'processing') and updated_at < now() - interval '1 day'",
    ),
    Promise(
        "conversation_transcriptions",
        "segments_are_in_time",
        "Segments do not end before they begin, nor after the recording.",
        count_segments_out_of_time,
    ),
    Promise(
        "conversation_transcriptions",
        "silence_has_no_words",
        "A recording without speech has no text.",
        count_words_of_silence,
    ),
    Promise(
        "question_answers",
        "every_answer_is_proven",
        "Answers and denials carry a quote that stands in the transcript at its place.",
        count_unproven,
    ),
    Promise(
        "question_answers",
        "no_answer_without_evidence_text",
        "Only answered, denied and conflicting questions have a text.",
        "select count(*) from question_answers where answer_text is not null "
        f"and state not in ('answered', 'denied', 'conflicting') and created_at > {RECENT}",
    ),
    Promise(
        "conversation_scores",
        "completed_means_scored_once",
        "Every completed upload has one current score row.",
        "select count(*) from conversation_uploads u where u.status = 'completed' and 1 <> "
        "(select count(*) from conversation_scores s where s.upload_id = u.id and s.is_current)",
    ),
    Promise(
        "conversation_scores",
        "scores_are_fractions",
        "Scores lie in 0..1, the overall score in 0..100.",
        "select count(*) from conversation_scores where not (coalesce(overall_score, 0) between 0 and 100 "
        "and coalesce(completeness_score, 0) between 0 and 1 and coalesce(confidence_score, 0) between 0 and 1 "
        "and coalesce(safety_score, 0) between 0 and 1 and coalesce(transcription_quality_score, 0) between 0 and 1)",
    ),
)


def count_broken(engine: Engine, promise: Promise) -> int:
    """How many rows break the promise."""
    with transaction(engine) as connection:
        if callable(promise.count):
            return promise.count(connection)
        count: int = connection.execute(text(promise.count)).scalar_one()
        return count
