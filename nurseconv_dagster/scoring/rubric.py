"""A rubric file becomes a `Rubric`, or is refused with the line and the reason.

What lives here: `Rubric` and `load_rubric()`.
When to add here: a rule that several sections of the file keep together; another way to say where something is wrong.
What to keep out: the sections one by one (`rubric_parts.py`).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Self, get_args

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.answers import Grade, State
from nurseconv_dagster.extraction.yaml_lines import Lined, find_line, read_yaml
from nurseconv_dagster.scoring.rubric_parts import (
    Category,
    Communication,
    Density,
    Dynamics,
    Group,
    Language,
    Overall,
    Part,
    Safety,
    Share,
    Transcription,
    need_all,
)

DEFAULT_RUBRIC = Path(__file__).with_name("rubric.yaml")
_MAX_SHOWN = 5


class Rubric(Part):
    """Everything that shapes the scores besides the formulas; see docs/scoring.md.

    Args:
        version: as written in the file.
        sha256: of the file's bytes, hex.
    """

    version: str = Field(min_length=1)
    sha256: str
    done: dict[State, Share]
    grades: dict[Grade, Share]
    groups: dict[Group, tuple[Category, ...]]
    overall: Overall
    transcription: Transcription
    density: Density
    dynamics: Dynamics
    communication: Communication
    safety: Safety
    language: Language

    @property
    def score_version(self) -> str:
        """As it stands on every row of scores: the version and the first 12 digits of the file's hash."""
        return f"{self.version}+{self.sha256[:12]}"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if "not_applicable" in self.done:
            raise ValueError("done: not_applicable earns nothing and costs nothing; leave it out")
        need_all(self.done, tuple(state for state in get_args(State) if state != "not_applicable"))
        need_all(self.grades, get_args(Grade))
        need_all(self.groups, get_args(Group))
        members = [category for group in self.groups.values() for category in group]
        twice = sorted({category for category in members if members.count(category) > 1})
        if twice:
            raise ValueError(f"groups: in more than one group: {', '.join(twice)}")
        return self


def load_rubric(path: Path | None = None) -> Rubric:
    """The rubric in the file, checked.

    Args:
        path: the setting RUBRIC_FILE; null means the rubric that ships with the product.

    Raises:
        CatalogueError: the file cannot be read or is not a rubric; permanent. The message has line and reason.
    """
    return _default() if path is None else _read(path)


@cache
def _default() -> Rubric:
    return _read(DEFAULT_RUBRIC)


def _read(path: Path) -> Rubric:
    try:
        content = path.read_bytes()
        document = read_yaml(content.decode("utf-8"))
    except OSError as error:
        raise CatalogueError(f"RUBRIC_FILE cannot be read ({error.strerror}): give the path of a YAML file") from None
    except UnicodeDecodeError:
        raise CatalogueError("RUBRIC_FILE: the file is not UTF-8 text; save it as UTF-8") from None
    except CatalogueError as error:
        raise CatalogueError(f"RUBRIC_FILE, {error}") from None
    return _checked(document, hashlib.sha256(content).hexdigest())


def _checked(document: Lined, sha256: str) -> Rubric:
    if "sha256" in document:
        raise CatalogueError(f"RUBRIC_FILE, line {find_line(document, ['sha256'])}: sha256 is worked out; leave it out")
    try:
        return Rubric.model_validate({**document, "sha256": sha256})
    except ValidationError as error:
        reasons = [_reason(document, details) for details in error.errors(include_url=False, include_context=False)]
        more = f" ({len(reasons) - _MAX_SHOWN} more)" if len(reasons) > _MAX_SHOWN else ""
        raise CatalogueError("RUBRIC_FILE, " + "; ".join(reasons[:_MAX_SHOWN]) + more) from None


def _reason(document: Lined, details: ErrorDetails) -> str:
    where = ".".join(str(step) for step in details["loc"] if step != "[key]")
    message = details["msg"].removeprefix("Value error, ")
    return f"line {find_line(document, list(details['loc']))}: {where + ': ' if where else ''}{message}"
