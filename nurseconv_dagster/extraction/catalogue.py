"""The catalogue file becomes questions and profiles, or is refused with the line and the reason.

What lives here: `load_catalogue()` and the checks that a form alone cannot make.
When to add here: a key of the catalogue file (with `catalogue.schema.json`), or a rule between its entries.
What to keep out: reading YAML (`yaml_lines.py`), the schema of an answer (`schemas.py`), values of answers.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.questions import Catalogue, Profile, Question
from nurseconv_dagster.extraction.schemas import build_schema, find_misfit
from nurseconv_dagster.extraction.yaml_lines import Lined, find_line, read_yaml

DEFAULT_FILE = Path(__file__).parent / "catalogue.yaml"
_FORM_FILE = Path(__file__).parent / "catalogue.schema.json"


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue of a file, or of the product when none is given.

    Args:
        path: `CATALOGUE_FILE`; with `extends: default` its entries are laid over the product's own.

    Raises:
        CatalogueError: permanent; the message has the line and the reason.
    """
    content = _read_bytes(path or DEFAULT_FILE)
    try:
        document = read_yaml(content.decode("utf-8"))
        if document.get("extends") == "default" and path is not None:
            base = DEFAULT_FILE.read_bytes()
            content = base + content
            document = _lay_over(read_yaml(base.decode("utf-8")), document)
        _check_form(document)
        _check_sense(document)
    except UnicodeDecodeError:
        raise CatalogueError(f"{_name(path)}: the file is not UTF-8 text; save it as UTF-8") from None
    except CatalogueError as error:
        raise CatalogueError(f"{_name(path)}, {error}") from None
    return _build(document, f"{document['version']}+{hashlib.sha256(content).hexdigest()[:12]}")


def _name(path: Path | None) -> str:
    return "the default catalogue" if path is None else "CATALOGUE_FILE"


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogueError(
            f"CATALOGUE_FILE cannot be read ({error.strerror}): give the path of a YAML file"
        ) from None


def _lay_over(base: Lined, extra: Lined) -> Lined:
    """The default with the entries of a hospital's file over it; lines are those of the hospital's file."""
    merged = Lined(extra.line)
    for key, value in {**base, **extra}.items():
        if key != "extends":
            merged.put(key, value, extra.lines.get(key, 1))
    questions: list[Any] = [_copy(question) for question in base["questions"]]
    own_ids: set[str] = set()
    for question in extra.get("questions") or []:
        target = _find_question(questions, question)
        if target is None or target["id"] in own_ids:
            questions.append(question)  # new, or listed twice: the check for duplicates tells
            continue
        own_ids.add(target["id"])
        target.line = question.line
        for key, value in question.items():
            target.put(key, value, question.lines[key])
    merged["questions"] = questions
    merged["profiles"] = _lay_profiles(base["profiles"], extra.get("profiles"))
    return merged


def _lay_profiles(base: Lined, extra: Any) -> Any:
    if extra is None:
        return base
    if not isinstance(extra, Lined):
        return extra  # the form tells
    merged = Lined(extra.line)
    for source in (base, extra):
        for name, profile in source.items():
            merged.put(name, profile, source.lines[name])
    return merged


def _copy(question: Lined) -> Lined:
    copied = Lined(question.line)
    for key, value in question.items():
        copied.put(key, value, question.lines[key])
    return copied


def _find_question(questions: list[Any], wanted: Any) -> Any:
    if not isinstance(wanted, Lined):
        return None
    return next((question for question in questions if question["id"] == wanted.get("id")), None)


@cache
def _form() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(_FORM_FILE.read_text(encoding="utf-8")))


def _check_form(document: Lined) -> None:
    errors = sorted(_form().iter_errors(document), key=lambda error: find_line(document, list(error.absolute_path)))
    if errors:
        error = errors[0]
        path = list(error.absolute_path)
        if error.validator == "additionalProperties":
            allowed = error.schema.get("properties", {})
            path.append(next(key for key in error.instance if key not in allowed))
        where = ".".join(str(step) for step in path if not isinstance(step, int))
        raise CatalogueError(f"line {find_line(document, path)}: {where or 'the file'}: {error.message}")


def _check_sense(document: Lined) -> None:
    """What no form can say: ids once, ranges in order, keys that fit the type, profiles that name known questions."""
    seen: dict[str, int] = {}
    for question in document["questions"]:
        line = question.lines["id"]
        if question["id"] in seen:
            raise CatalogueError(
                f"line {line}: question id '{question['id']}' is already taken on line {seen[question['id']]}"
            )
        seen[question["id"]] = line
        misfit = find_misfit(question)
        if misfit is not None:
            path, reason = misfit
            raise CatalogueError(f"line {find_line(question, list(path))}: question '{question['id']}': {reason}")
    for name, profile in document["profiles"].items():
        for question_id in profile["questions"]:
            if question_id not in seen:
                line = profile["questions"].lines[question_id]
                raise CatalogueError(
                    f"line {line}: profile '{name}' asks for '{question_id}', which is no question of this file"
                )


def _build(document: Lined, version: str) -> Catalogue:
    by_id = {question["id"]: question for question in document["questions"]}
    profiles = {
        name: Profile(
            name=name,
            title=profile["title"],
            questions=tuple(
                _build_question(by_id[question_id], is_required=need == "required")
                for question_id, need in profile["questions"].items()
            ),
            target_facts_per_minute=float(profile["target_facts_per_minute"]),
        )
        for name, profile in document["profiles"].items()
    }
    return Catalogue(version=version, profiles=profiles)


def _build_question(entry: Lined, *, is_required: bool) -> Question:
    return Question(
        id=entry["id"],
        text=entry["text"],
        wordings=tuple(entry["wordings"]),
        cues=tuple(entry["cues"]),
        category=entry["category"],
        value_type=entry["type"],
        schema=build_schema(entry),
        weight=float(entry["weight"]),
        is_required=is_required,
        is_safety_critical=bool(entry.get("safety_critical", False)),
        is_phi=bool(entry.get("phi", False)),
        asked_of=tuple(entry.get("asked_of", ())),
        code=entry.get("code", ""),
    )
