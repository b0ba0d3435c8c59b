"""Rows become what the API says about uploads.

What lives here: `result_document()`, `summary_of()`, `receipt_of()`.
When to add here: a field that `upload_models` has got.
What to keep out: reading (store), routes.

The result document is the one answer that is read all day. The store hands its parts out as JSON, and they are not
checked against the model again; a test does that.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from nurseconv_dagster.api.submissions import Taken
from nurseconv_dagster.api.upload_models import UploadReceipt, UploadSummary
from nurseconv_dagster.intake.filenames import clean_filename
from nurseconv_dagster.store.documents import Results


def result_document(results: Results, *, with_words: bool) -> bytes:
    """The document as JSON, in the shape of `UploadResults`.

    Args:
        results: as the store gives them, mostly JSON already.
        with_words: timed words in the segments.
    """
    found = results.transcription
    words = found and {**found, "segments": [_segment(row, with_words) for row in found["segments"]]}
    return b'{"upload":%b,"transcription":%b,"qa_results":%b,"score":%b}' % (
        results.upload.encode(),
        to_json(words),
        results.answers.encode(),
        (results.score or "null").encode(),
    )


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
