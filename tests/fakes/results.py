"""Results of an upload as the stages would have written them, each text the canary.

What lives here: `add_results()`.
When to add here: a result that a test of readers needs.
What to keep out: how results come about.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import Engine, insert

from nurseconv_dagster.store.tables import (
    SCORE_COLUMNS,
    answer_reviews,
    conversation_scores,
    conversation_transcriptions,
    question_answers,
)

CANARY = "CanaryName"
WORD = {"text": CANARY, "start_s": 0.1, "end_s": 0.4, "probability": 0.9, "start_char": 0, "end_char": 10}
SEGMENT = {
    "id": 0, "text": CANARY, "start_s": 0.0, "end_s": 5.2, "speaker": "channel_0", "role": "patient",
    "avg_logprob": -0.1, "no_speech_prob": 0.01, "compression_ratio": 1.0,
    "words": [WORD], "flags": [], "start_char": 0, "end_char": 10,
}  # fmt: skip
PROOF = {
    "quote": CANARY, "grade": "exact", "segment_ids": [0], "start_char": 0, "end_char": 10, "start_s": 0.1,
    "end_s": 0.4, "role": "patient", "similarity": 1.0, "word_probability": 0.9,
}  # fmt: skip


def add_results(
    engine: Engine,
    upload_id: UUID,
    states: dict[str, str] | None = None,
    *,
    n_segments: int = 1,
    words: str = CANARY,
) -> UUID:
    """The id of the last answer: a transcript, an answer in each of these states, a review of the last, scores."""
    transcription_id, answer_id = uuid4(), uuid4()
    segment = {**SEGMENT, "text": words, "words": [{**WORD, "text": words}]}
    proof = {**PROOF, "quote": words}
    run = {"upload_id": upload_id, "run_no": 1, "is_current": True}
    with engine.begin() as connection:
        connection.execute(insert(conversation_transcriptions).values(
            **run, id=transcription_id, outcome="speech", full_text=words,
            segments=[{**segment, "id": number} for number in range(n_segments)],
            model_name="m", model_revision="1", compute_type="int8", processing_time_s=1.0, duration_s=5.2,
        ))  # fmt: skip
        for question_id, state in (states or {"symptoms": "answered"}).items():
            answer_id = uuid4()
            has_text = state in ("answered", "denied", "conflicting")
            connection.execute(insert(question_answers).values(
                **run, id=answer_id, transcription_id=transcription_id, question_id=question_id, question_text="?",
                category="assessment", value_type="text", is_phi=False, is_required=True, is_safety_critical=False,
                weight=1.0, state=state, answer_text=words if has_text else None,
                answer_value=words if has_text else None, is_valid=True, is_confident=has_text,
                confidence_score=0.75 if has_text else None, needs_review=state == "conflicting", review_reasons=[],
                evidence=[proof] if has_text else [], evidence_quote=words if has_text else None,
                timestamp_start_s=0.1 if has_text else None, timestamp_end_s=0.4 if has_text else None,
                provider="rules", model_name="", prompt_sha256="0", catalogue_version="1", processing_time_s=0.1,
            ))  # fmt: skip
        connection.execute(insert(answer_reviews).values(
            question_answer_id=answer_id, upload_id=upload_id, verdict="corrected", corrected_value=words,
            reviewer="r", notes=words,
        ))  # fmt: skip
        connection.execute(insert(conversation_scores).values(
            **run, **dict.fromkeys(SCORE_COLUMNS, 0.5), questions_answered=1, questions_total=2,
            high_confidence_answers=1, answers_requiring_review=0, components={"words": words}, score_version="1",
            catalogue_version="1",
        ))  # fmt: skip
    return answer_id
