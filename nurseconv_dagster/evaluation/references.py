"""References: what people wrote down as right for a conversation, read from JSON.

What lives here: the form of a reference, `load_references()`, and what a reference must keep to be comparable.
When to add here: another fact about a conversation that a person can write down and a program can compare.
What to keep out: comparing (`comparing.py`), which upload a reference is about (`matching.py`). The form is told for
people in docs/evaluation.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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
        file: the recording's or text's place in the bucket, or the last part of it; null where the hash is enough.
        sha256: of the file's bytes, hex; null where the place is enough.
        outcome: `damaged` recordings must be refused or flagged; nothing else of them is compared.
        transcript: who said what, in order; empty when nobody wrote it down, then no words are compared.
        answers: one for each question that is to be judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str | None = Field(None, min_length=1)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    outcome: Literal["speech", "no_speech", "damaged"] = "speech"
    transcript: tuple[Turn, ...] = ()
    answers: dict[str, ReferenceAnswer]

    @model_validator(mode="after")
    def _can_be_found(self) -> Reference:
        if self.file is None and self.sha256 is None:
            raise ValueError("give file, sha256 or both, so that the upload can be found")
        return self

    @property
    def has_transcript(self) -> bool:
        """Words can be compared; where nobody speaks there are none, and that is a transcript."""
        return bool(self.transcript) or self.outcome == "no_speech"

    @property
    def full_text(self) -> str:
        """All turns, one a line."""
        return "\n".join(turn.text for turn in self.transcript)


def load_references(folder: Path, question_ids: Collection[str] | None = None) -> tuple[Reference, ...]:
    """The references of a folder's JSON files, by name.

    Args:
        question_ids: every id of the catalogue; a reference may ask for no other. Null leaves that unchecked.

    Raises:
        SettingsError: permanent; the folder holds none, or a file is no reference. Says which by its place in the
            folder, and why.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise SettingsError(
            f"no references in {folder}: put one JSON file a conversation there (docs/evaluation.md shows the form), "
            "or name another folder",
            code="bad_reference",
        )
    return tuple(_read_reference(path, place, question_ids) for place, path in enumerate(paths, start=1))


def references_sha256(references: Iterable[Reference]) -> str:
    """Hash of everything that the references say; their order and their files' names do not matter."""
    told = sorted(reference.model_dump_json(exclude={"name"}) for reference in references)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _read_reference(path: Path, place: int, question_ids: Collection[str] | None) -> Reference:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        reference = Reference.model_validate({"name": path.stem, **content} if isinstance(content, dict) else content)
        unknown = [] if question_ids is None else sorted(set(reference.answers) - set(question_ids))
        if not unknown:
            return reference
        reason = f"answers.{unknown[0]}: the catalogue has no question of this id; mend it, or take it out"
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        reason = f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
    except ValueError:  # of JSON or UTF-8; its own message may quote the file
        reason = "it is not JSON in UTF-8"
    raise SettingsError(f"reference {place} of the folder, sorted by name: {reason}", code="bad_reference")
