"""Rows become what the API says about uploads.

What lives here: `result_document()`, `summary_of()`, `receipt_of()`.
When to add here: a field that `upload_models` has got.
What to keep out: reading (store), routes.

The result document is the one answer that is read all day. It is put together from plain values and written as JSON
without being checked against its model again; a test does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nurseconv_dagster.api.submissions import Taken
from nurseconv_dagster.api.upload_models import Transcription, UploadReceipt, UploadSummary
from nurseconv_dagster.intake.filenames import clean_filename
from nurseconv_dagster.store.documents import Results

_HAS_TEXT = ("answered", "denied")
_OF_UPLOAD = (
    "id", "status", "created_at", "kind", "content_type", "file_size_bytes", "duration_s", "damage", "stage",
    "priority", "unit", "nurse_id", "encounter_id", "profile", "language", "consent", "updated_at",
    "processing_started_at", "processing_completed_at",
)  # fmt: skip


def result_document(results: Results, order: Sequence[str], *, with_words: bool) -> dict[str, Any]:
    """The document, as plain values in the shape of `UploadResults`.

    Args:
        order: question ids as the catalogue has them; questions that it no longer has come last.
        with_words: timed words in the segments.
    """
    places = {name: place for place, name in enumerate(order)}
    answers = sorted(results.answers, key=lambda answer: places.get(answer["question_id"], len(places)))
    score = results.score or {}
    return {
        "upload": {
            **{name: results.upload[name] for name in _OF_UPLOAD},
            "filename": results.upload["original_filename"],
            "task_id": results.upload["id"],
            "error": _error(results.upload["error_code"], results.upload["error_message"]),
            "overall_score": score.get("overall_score"),
            "answers_requiring_review": score.get("answers_requiring_review"),
        },
        "transcription": _transcription(results.transcription, with_words),
        "qa_results": [_answer(answer) for answer in answers],
        "score": results.score,
    }


def summary_of(row: Any) -> UploadSummary:
    """One line of the list, of a row of `page_uploads()`."""
    values = {name: getattr(row, name) for name in UploadSummary.model_fields if name not in ("filename", "error")}
    return UploadSummary(
        **values, filename=row.original_filename, error=_error(row.error_code, row.error_message)
    )  # fmt: skip


def receipt_of(taken: Taken, filename: str) -> UploadReceipt:
    """What a sender is told; of an upload that they may not see no more than they sent.

    Args:
        taken: without a refusal.
        filename: as they sent it.
    """
    accepted, row = taken.accepted, taken.row
    return UploadReceipt(
        id=accepted.upload_id,
        task_id=accepted.upload_id,
        filename=clean_filename(filename) if row is None else row.original_filename,
        status="awaiting_review" if row is None else row.status,
        created_at=taken.at if row is None else row.created_at,
        disposition=accepted.disposition,
    )


def _error(code: str | None, message: str | None) -> Any:
    return {"code": code, "message": message or ""} if code else None


def _transcription(found: dict[str, Any] | None, with_words: bool) -> dict[str, Any] | None:
    if found is None or "full_text" not in found:
        return None
    plain = {name: value for name, value in found.items() if name in Transcription.model_fields}
    segments = [_segment(row, with_words) for row in found["segments"]]
    return {**plain, "text": found["full_text"], "segments": segments}


def _segment(row: dict[str, Any], with_words: bool) -> dict[str, Any]:
    said = {
        "id": row["id"],
        "start": row["start_s"],
        "end": row["end_s"],
        "text": row["text"],
        "speaker": row["speaker"],
        "role": row["role"],
    }
    if with_words:
        said["words"] = [
            {
                "text": word["text"],
                "start": word["start_s"],
                "end": word["end_s"],
                "probability": word["probability"],
            }
            for word in row["words"]
        ]
    return said


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    shown = {
        **row,
        "answer_text": row["answer_text"] if row["state"] in _HAS_TEXT else None,
        "timestamp_start": row["timestamp_start_s"],
        "timestamp_end": row["timestamp_end_s"],
    }
    del shown["timestamp_start_s"], shown["timestamp_end_s"]
    return shown
