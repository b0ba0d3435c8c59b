"""The route of the catalogue: which questions are asked of which kind of conversation.

What lives here: `/api/v1/questions`.
When to add here: a fact of a question that callers need.
What to keep out: the catalogue file (extraction).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import PREFIX, Configured, Database
from nurseconv_dagster.api.problems import answers
from nurseconv_dagster.errors import RequestRefusedError
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store import audit

router = APIRouter(prefix=PREFIX, tags=["questions"])


class Question(BaseModel):
    """One question, as asked for one profile."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["chief_complaint"])
    text: str
    category: str
    value_type: str = Field(examples=["text"])
    json_schema: dict[str, Any] = Field(validation_alias="schema", description="of `answer_value`")
    weight: float
    is_required: bool
    is_safety_critical: bool
    is_phi: bool = Field(description="names a person; never in the marts")
    code: str = Field(description="LOINC or OASIS where verified, else empty")


class Profile(BaseModel):
    """The questions asked of one kind of conversation, in order."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["general"])
    title: str
    questions: list[Question]


class Questions(BaseModel):
    """The catalogue in force."""

    catalogue_version: str
    default_profile: str = Field(description="asked when an upload names none")
    profiles: list[Profile]


@router.get("/questions", summary="List the questions of each profile", responses=answers())
def list_questions(
    caller: Annotated[Caller, require("read")],
    engine: Database,
    settings: Configured,
    profile: Annotated[str | None, Query(description="only this one")] = None,
) -> Questions:
    """The questions of each profile."""
    catalogue = read_catalogue(settings)
    with audit.access(engine, caller.actor, "questions.read"):
        if profile is not None and profile not in catalogue.profiles:
            raise RequestRefusedError(
                f"the catalogue has no such profile; it has {', '.join(sorted(catalogue.profiles))}.",
                code="unknown_profile",
            )
    shown = [found for name, found in catalogue.profiles.items() if profile in (None, name)]
    return Questions(
        catalogue_version=catalogue.version,
        default_profile=settings.default_profile,
        profiles=[Profile.model_validate(found) for found in shown],
    )
