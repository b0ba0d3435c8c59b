"""One conversation as every route tells of it: the examples of the API's description.

What lives here: what is sent and what comes back, for one recording of a patient with chest pain.
When to add here: the example of a new body; a test holds it to its schema.
What to keep out: shapes and rules; those stand at the models.

The lists are cut: a real document has every question of its profile.
"""

from __future__ import annotations

import json
from typing import Any, Final

from nurseconv_dagster.api.parts import PREFIX

Example = dict[str, Any]

UPLOAD_ID: Final = "0b5e4c54-97c5-5d0b-8a4c-9a3f1f0f6f11"
_TRANSCRIPT_ID, _COMPLAINT_ID, _PAIN_ID, _CORRECTED_ID, _REVIEW_ID, _RECEIPT_ID = (
    f"7c1d2f60-3a4b-4c5d-8e6f-00000000000{n}" for n in range(1, 7)
)
_ARRIVED, _STARTED, _DONE = "2024-01-01T10:00:00Z", "2024-01-01T10:00:03Z", "2024-01-01T10:00:19Z"
_TYPED_AS: Final = {"nurse": "Nurse", "patient": "Patient"}
_LINES: Final = (
    (0.0, 5.2, "nurse", "Good morning. What brings you in today?"),
    (9.8, 14.0, "patient", "I have had chest pain since last night."),
    (14.8, 17.1, "nurse", "How bad is it, from zero to ten?"),
    (17.9, 20.6, "patient", "Maybe a six, or rather a seven."),
)
_TEXT: Final = "\n".join(line for *_, line in _LINES)
_CATALOGUE, _SCORED_BY = "1.0+7d23aeee0335", "1.0+5f0c9be1a2d4"

# What is sent.
ABOUT: Final[Example] = {
    "nurse_id": "nurse-017", "unit": "4-west", "encounter_id": "visit-2024-0113", "profile": "general",
    "language": "en", "priority": "normal", "consent": True,
}  # fmt: skip
TYPED: Final[Example] = {"text": "\n".join(f"{_TYPED_AS[role]}: {line}" for *_, role, line in _LINES), **ABOUT}


def _span(quote: str) -> dict[str, int]:
    start = _TEXT.index(quote)
    return {"start_char": start, "end_char": start + len(quote)}


CONFIRMATION: Final[Example] = {"verdict": "confirmed"}
CORRECTION: Final[Example] = {
    "verdict": "corrected",
    "corrected_state": "answered",
    "corrected_value": 7,
    "evidence": [_span("a seven")],
    "notes": "The patient corrects the number at once.",
}

# What comes back at first.
RECEIPT: Final[Example] = {
    "id": UPLOAD_ID, "filename": "conversation.wav", "status": "pending", "created_at": _ARRIVED,
    "task_id": UPLOAD_ID, "disposition": "accepted",
}  # fmt: skip
TEXT_RECEIPT: Final[Example] = {
    "upload_id": UPLOAD_ID, "task_id": UPLOAD_ID, "status": "pending",
    "message": f"GET {PREFIX}/tasks/{UPLOAD_ID} tells how far it is.",
}  # fmt: skip
TASK: Final[Example] = {
    "task_id": UPLOAD_ID, "upload_id": UPLOAD_ID, "status": "processing", "progress": 25,
    "current_step": "transcriptions", "message": "the words are written down (step 2 of 4).", "result": None,
    "error": None,
}  # fmt: skip
_DONE_TASK: Final[Example] = {
    **TASK,
    "status": "completed",
    "progress": 100,
    "current_step": None,
    "message": "done; `result` says where the results are.",
    "result": {"upload_url": f"{PREFIX}/uploads/{UPLOAD_ID}"},
}
EVENTS: Final = (
    f"retry: 2000\n\nid: 1704103205000000\nevent: progress\ndata: {json.dumps(TASK)}\n\n: nothing new\n\n"
    f"id: 1704103219000000\nevent: end\ndata: {json.dumps(_DONE_TASK)}\n\n"
)

# What comes back once it is done.
_SUMMARY: Final[Example] = {
    "id": UPLOAD_ID, "filename": "conversation.wav", "status": "completed", "created_at": _ARRIVED, "kind": "audio",
    "priority": "normal", "stage": "done", "unit": "4-west", "profile": "general", "duration_s": 21.4,
    "overall_score": 81.5, "answers_requiring_review": 1, "error": None,
}  # fmt: skip
UPLOAD_PAGE: Final[Example] = {
    "items": [_SUMMARY],
    "next_cursor": "MjAyNC0wMS0wMVQxMDowMDowMCswMDowMCAwYjVlNGM1NC05N2M1LTVkMGItOGE0Yy05YTNmMWYwZjZmMTE",
}
_COMPLAINT: Final[Example] = {
    "id": _COMPLAINT_ID, "question_id": "chief_complaint", "category": "medical_history",
    "question_text": "Why did the patient come, in their own words?", "state": "answered", "answer_text": "chest pain",
    "answer_value": "chest pain", "value_type": "text", "confidence_score": 0.95, "timestamp_start": 10.5,
    "timestamp_end": 12.3, "is_confident": True, "is_valid": True, "is_required": True, "is_safety_critical": False,
    "needs_review": False, "review_reasons": [], "provider": "local", "model_name": "reader@3f9a41c07be2",
    "evidence": [{
        "quote": "chest pain", "grade": "exact", "segment_ids": [1], **_span("chest pain"), "start_s": 10.5,
        "end_s": 12.3, "role": "patient", "similarity": 1.0, "word_probability": 0.97,
    }],
}  # fmt: skip
_PAIN: Final[Example] = {
    **_COMPLAINT, "id": _PAIN_ID, "question_id": "pain_level", "category": "assessment",
    "question_text": "How bad is the pain, from 0 to 10?", "answer_text": "6", "answer_value": 6,
    "value_type": "integer", "confidence_score": 0.58, "timestamp_start": 18.4, "timestamp_end": 18.9,
    "is_confident": False, "needs_review": True, "review_reasons": ["low_confidence"],
    "evidence": [{
        "quote": "six", "grade": "exact", "segment_ids": [3], **_span("six"), "start_s": 18.4, "end_s": 18.9,
        "role": "patient", "similarity": 1.0, "word_probability": 0.71,
    }],
}  # fmt: skip
RESULTS: Final[Example] = {
    "upload": {
        **_SUMMARY, "task_id": UPLOAD_ID, "content_type": "audio/wav", "file_size_bytes": 1369644, "damage": [],
        "nurse_id": "nurse-017", "encounter_id": "visit-2024-0113", "language": "en", "consent": True,
        "updated_at": _DONE, "processing_started_at": _STARTED, "processing_completed_at": _DONE,
    },
    "transcription": {
        "id": _TRANSCRIPT_ID, "outcome": "speech", "text": _TEXT,
        "segments": [
            {"id": n, "start": start, "end": end, "text": line, "role": role, "speaker": f"channel_{n % 2}"}
            for n, (start, end, role, line) in enumerate(_LINES)
        ],
        "language": "en", "language_probability": 0.99, "model_name": "base", "model_revision": "3d3d5dee26e0",
        "duration_s": 21.4, "confidence_score": 0.93,
    },
    "qa_results": [_COMPLAINT, _PAIN],
    "score": {
        "completeness_score": 0.85, "confidence_score": 0.92, "patient_info_score": 0.78, "medical_history_score": 0.9,
        "assessment_score": 0.8, "treatment_score": None, "information_density_score": 0.74,
        "transcription_quality_score": 0.93, "overall_score": 81.5, "questions_answered": 10, "questions_total": 12,
        "high_confidence_answers": 9, "answers_requiring_review": 1, "score_version": _SCORED_BY,
        "catalogue_version": _CATALOGUE, "calculated_at": _DONE,
    },
}  # fmt: skip
VTT: Final = "WEBVTT\n\n" + "".join(
    f"00:{start:06.3f} --> 00:{end:06.3f}\n[{role}]: {line}\n\n" for start, end, role, line in _LINES
)

QUEUE: Final[Example] = {
    "counts": {"disagreement": 0, "must_review": 1, "audit": 0},
    "answers": [{
        **{name: _PAIN[name] for name in (
            "question_id", "question_text", "category", "state", "answer_text", "confidence_score", "provider",
            "is_safety_critical", "review_reasons",
        )},
        "answer_id": _PAIN_ID, "upload_id": UPLOAD_ID, "reason": "must_review", "unit": "4-west", "profile": "general",
        "arrived_at": _ARRIVED,
    }],
}  # fmt: skip
REVIEWED: Final[Example] = {
    "id": _REVIEW_ID, "upload_id": UPLOAD_ID, "answer_id": _CORRECTED_ID, "question_id": "pain_level",
    "state": "answered", "answer_text": "7", "is_valid": True, "reviewed_at": "2024-01-01T10:12:00Z",
}  # fmt: skip
WAITING_RECEIPTS: Final[Example] = {
    "items": [{
        "id": _RECEIPT_ID, "upload_id": UPLOAD_ID, "source": "api", "received_at": "2024-01-01T11:30:00Z",
        "received_by": "key:3f9c2a7be011", "unit": "4-west", "sidecar": {**ABOUT, "unit": "5-east"},
    }],
}  # fmt: skip
SETTLING: Final[Example] = {"verdict": "accept"}
SETTLED: Final[Example] = {"id": _RECEIPT_ID, "disposition": "amended"}
QUESTIONS: Final[Example] = {
    "catalogue_version": _CATALOGUE,
    "default_profile": "general",
    "profiles": [{
        "name": "general", "title": "Any nurse conversation",
        "questions": [{
            "id": "chief_complaint", "text": "Why did the patient come, in their own words?",
            "category": "medical_history", "value_type": "text", "json_schema": {"type": "string", "minLength": 1},
            "weight": 3.0, "is_required": True, "is_safety_critical": False, "is_phi": False, "code": "",
        }],
    }],
}  # fmt: skip
_NEEDED: Final = {"database": "healthy", "storage": "healthy"}
_PARTS: Final = {**_NEEDED, "dagster": "healthy", "models": "healthy", "intake": "healthy"}
HEALTHY: Final[Example] = {"status": "healthy", "timestamp": _DONE, "services": _PARTS}
UNHEALTHY: Final[Example] = {**HEALTHY, "status": "unhealthy", "services": {**_PARTS, "dagster": "unhealthy"}}
READY: Final[Example] = {"status": "ready", "services": _NEEDED}
NOT_READY: Final[Example] = {"status": "not_ready", "services": {**_NEEDED, "database": "unhealthy"}}
BUCKET_EVENT_NOTED: Final[Example] = {"message": "the bucket is listed on the sensor's next tick."}
METRICS: Final = (
    "# HELP nurseconv_queue_depth Uploads that wait for a run or their next stage.\n"
    "# TYPE nurseconv_queue_depth gauge\nnurseconv_queue_depth 3.0\n"
)

# By the name of a schema. `documents` adds them: FastAPI would leave nulls out of examples that stand at a model.
OF_SCHEMAS: Final[dict[str, list[Example]]] = {
    "BucketEventNoted": [BUCKET_EVENT_NOTED], "Health": [HEALTHY], "Queue": [QUEUE], "Questions": [QUESTIONS],
    "Readiness": [READY],
    "Review": [CORRECTION, CONFIRMATION], "Reviewed": [REVIEWED], "Settled": [SETTLED], "Settling": [SETTLING],
    "Task": [TASK], "TextReceipt": [TEXT_RECEIPT], "UploadPage": [UPLOAD_PAGE], "UploadReceipt": [RECEIPT],
    "UploadResults": [RESULTS], "WaitingReceipts": [WAITING_RECEIPTS],
}  # fmt: skip


def shown(example: Example) -> dict[str, Any]:
    """What a route's `responses` say of JSON whose example is not that of its schema; without nulls."""
    return {"content": {"application/json": {"example": example}}}
