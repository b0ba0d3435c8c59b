"""References: what people wrote down as right for a conversation, read from JSON.

What lives here: the form of a reference and `load_references()`.
When to add here: another fact about a conversation that a person can write down and a program can compare.
What to keep out: comparing (`evaluation.py`). The form is told for people in samples/README.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.extraction.answers import STATES_WITH_EVIDENCE, State
from nurseconv_dagster.speech.transcripts import Role


class Turn(BaseModel):
    """What one person said without a break."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    text: str


class ReferenceAnswer(BaseModel):
    """What is right for one question.

    Args:
        state: one of the eight states.
        text: the transcript's words that hold the answer, stretches joined by "; "; null without an answer.
        value: the typed value or as much of it as is to be compared, null for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State
    text: str | None = None
    value: Any = None

    @model_validator(mode="after")
    def _has_text(self) -> ReferenceAnswer:
        if (self.state in STATES_WITH_EVIDENCE) != bool(self.text):
            raise ValueError("answered, denied and conflicting need a text, the other states must have none")
        return self


class Reference(BaseModel):
    """What is right for one conversation.

    Args:
        name: for reports; the stem of the reference's file.
        file: the recording or text, relative to the folder that is ingested.
        outcome: `damaged` recordings must be refused or flagged; nothing else of them is compared.
        transcript: who said what, in order.
        answers: one for each question of the profile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str
    outcome: Literal["speech", "no_speech", "damaged"]
    transcript: tuple[Turn, ...]
    answers: dict[str, ReferenceAnswer]

    @property
    def full_text(self) -> str:
        """All turns, one a line."""
        return "\n".join(turn.text for turn in self.transcript)


def load_references(folder: Path) -> tuple[Reference, ...]:
    """The references of a folder's JSON files, by name.

    Raises:
        SettingsError: permanent; a file is no reference. Says which by its place in the folder, and why.
    """
    return tuple(_read_reference(path, place) for place, path in enumerate(sorted(folder.glob("*.json")), start=1))


def _read_reference(path: Path, place: int) -> Reference:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Reference.model_validate({"name": path.stem, **content} if isinstance(content, dict) else content)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        reason = f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
    except ValueError:  # of JSON or UTF-8; its own message may quote the file
        reason = "it is not JSON in UTF-8"
    raise SettingsError(f"reference {place} of the folder, sorted by name: {reason}", code="bad_reference")
