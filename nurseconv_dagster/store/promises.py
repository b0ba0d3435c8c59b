"""Promises about the store's rows that can be broken only by a defect: how many rows break each.

What lives here: `PROMISES` and `count_broken()`.
When to add here: a sentence that must hold for every row; write the query that counts what breaks it.
What to keep out: constraints that Postgres itself can keep (tables).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

from nurseconv_dagster.store.engine import transaction

# Rows of the last days only: a check runs after every build and must stay cheap when there are years of rows.
_RECENT = "now() - interval '3 days'"


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence, the asset it is about, and the query that counts rows that break it."""

    asset: str
    name: str
    sentence: str
    query: str


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
        "select count(*) from conversation_transcriptions t, jsonb_array_elements(t.segments) s "
        f"where t.created_at > {_RECENT} and t.duration_s is not null and ("
        "(s->>'end_s')::float < (s->>'start_s')::float or (s->>'end_s')::float > t.duration_s + 0.5)",
    ),
    Promise(
        "conversation_transcriptions",
        "silence_has_no_words",
        "A recording without speech has no text.",
        "select count(*) from conversation_transcriptions where outcome = 'no_speech' "
        f"and (full_text <> '' or jsonb_array_length(segments) > 0) and created_at > {_RECENT}",
    ),
    Promise(
        "question_answers",
        "every_answer_is_proven",
        "Answers and denials carry a quote that stands in the transcript at its place.",
        "select count(*) from question_answers a join conversation_transcriptions t on t.id = a.transcription_id "
        f"where a.created_at > {_RECENT} and a.state in ('answered', 'denied') and a.provider <> 'reviewer' "
        "and (a.evidence_quote is null or substr(t.full_text, a.context_start_char + 1, "
        "a.context_end_char - a.context_start_char) is distinct from a.evidence_quote)",
    ),
    Promise(
        "question_answers",
        "no_answer_without_evidence_text",
        "Only answered, denied and conflicting questions have a text.",
        "select count(*) from question_answers where answer_text is not null "
        f"and state not in ('answered', 'denied', 'conflicting') and created_at > {_RECENT}",
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
        count: int = connection.execute(text(promise.query)).scalar_one()
        return count
