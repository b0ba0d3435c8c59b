"""How far an upload is, in the words of a task: percent, step, sentence, end.

What lives here: `Task`, `task_of()`, `is_at_an_end()`.
When to add here: another thing that somebody who waits wants to know.
What to keep out: waiting itself (`events`, `watching`); the stages (`store.tables`).
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.parts import PREFIX
from nurseconv_dagster.store.tables import STAGES

Status = Literal["pending", "processing", "completed", "failed", "rejected", "cancelled", "erased"]

_ENDS = ("completed", "failed", "rejected", "cancelled", "erased")
_STEPS = {
    "uploads": "the file is read to its end",
    "transcriptions": "the words are written down",
    "answers": "the questions are put to the words",
    "scores": "the answers are weighed",
}
_SENTENCES = {
    "completed": "done; `result` says where the results are.",
    "failed": "given up; `error` says why and what to do.",
    "rejected": "refused; `error` says why. Mend it and send it again.",
    "cancelled": "cancelled by a person's wish.",
    "erased": "erased for good.",
}


class TaskError(BaseModel):
    """Why there is no result."""

    code: str = Field(examples=["damaged_audio"])
    message: str = Field(description="what was found and what to do; no words, no names")


class TaskResult(BaseModel):
    """Where the results are."""

    upload_url: str = Field(examples=[f"{PREFIX}/uploads/{examples.UPLOAD_ID}"])


class Task(BaseModel):
    """The work on one upload; it lives as long as the upload."""

    task_id: UUID
    upload_id: UUID
    status: Status
    progress: int = Field(ge=0, le=100, description="whole stages that are done, of four")
    current_step: str | None = Field(description="uploads, transcriptions, answers, scores; null at an end")
    message: str
    result: TaskResult | None
    error: TaskError | None


def is_at_an_end(row: Any) -> bool:
    """Whether nothing more will happen by itself."""
    return row.status in _ENDS and row.restart_from is None


def task_of(row: Any) -> Task:
    """The task of an upload.

    Args:
        row: of `conversation_uploads`.
    """
    is_open = row.status in ("pending", "processing")
    n_done, n_steps = STAGES.index(row.stage), len(STAGES) - 1
    return Task(
        task_id=row.id,
        upload_id=row.id,
        status=row.status,
        progress=round(100 * n_done / n_steps),
        current_step=row.stage if is_open else None,
        message=_open_sentence(row, n_done + 1, n_steps) if is_open else _end_sentence(row),
        result=TaskResult(upload_url=f"{PREFIX}/uploads/{row.id}") if row.status == "completed" else None,
        error=TaskError(code=row.error_code, message=row.error_message or "") if row.error_code else None,
    )


def _open_sentence(row: Any, step: int, n_steps: int) -> str:
    where = f"(step {step} of {n_steps})"
    if row.cancel_requested_at is not None:
        return f"will be cancelled before the next step {where}."
    if row.status == "pending":
        waits = "tried again in a while" if row.error_code else "waiting"
        return f"{waits}; next {_STEPS[row.stage]} {where}."
    return f"{_STEPS[row.stage]} {where}."


def _end_sentence(row: Any) -> str:
    again = f" It will be run again from the step {row.restart_from}." if row.restart_from else ""
    return _SENTENCES[row.status] + again
