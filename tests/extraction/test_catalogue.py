"""Laws of the catalogue file: what is right is taken as it stands, what is wrong is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.catalogue import DEFAULT_FILE, load_catalogue
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.extraction.words import word_list

FIXED = word_list(
    "patient_name patient_age chief_complaint symptoms medications allergies vital_signs pain_level diagnosis "
    "treatment_plan discharge_instructions follow_up"
)

SMALL = """\
version: "7"
questions:
  - id: mood
    text: How is the mood?
    wordings: ["How do you feel?"]
    cues: [mood]
    category: neuro
    type: integer
    unit: points
    range: [1, 5]
    weight: 2
profiles:
  ward:
    title: Ward round
    target_facts_per_minute: 3
    questions:
      mood: required
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def all_questions() -> dict[str, Question]:
    return {q.id: q for profile in load_catalogue().profiles.values() for q in profile.questions}


def test_the_default_holds_the_twelve_fixed_questions_in_their_order() -> None:
    assert [q.id for q in load_catalogue().profiles["general"].questions] == FIXED


def test_the_default_holds_forty_questions_and_six_profiles() -> None:
    assert len(all_questions()) == 40
    assert set(load_catalogue().profiles) == {"general", "admission", "handoff", "home", "discharge", "triage"}


def test_every_schema_is_a_json_schema() -> None:
    for question in all_questions().values():
        Draft202012Validator.check_schema(question.schema)
        json.dumps(question.schema)


def test_every_question_has_wordings_and_cues() -> None:
    for question in all_questions().values():
        assert len(question.wordings) >= 3
        assert len(set(question.wordings)) == len(question.wordings)
        assert question.cues


def test_the_version_changes_with_every_byte_of_the_file(tmp_path: Path) -> None:
    first = load_catalogue(write(tmp_path, SMALL)).version
    second = load_catalogue(write(tmp_path, SMALL + "# a remark\n")).version
    assert first != second
    assert first.startswith("7+")
    assert len(first) == len("7+") + 12


def test_a_hospital_may_replace_everything(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, SMALL))
    (question,) = catalogue.profiles["ward"].questions
    assert (question.id, question.is_required, question.weight) == ("mood", True, 2.0)
    assert question.schema == {"type": "integer", "x-unit": "points", "x-range": [1, 5]}


def test_a_hospital_may_add_and_change(tmp_path: Path) -> None:
    text = SMALL.replace("questions:\n", "extends: default\nquestions:\n  - id: pain_level\n    weight: 1\n", 1)
    catalogue = load_catalogue(write(tmp_path, text))
    general = {question.id: question for question in catalogue.profiles["general"].questions}
    assert general["pain_level"].weight == 1.0
    assert general["pain_level"].text == all_questions()["pain_level"].text
    assert [q.id for q in catalogue.profiles["ward"].questions] == ["mood"]


def test_phrases_that_yaml_would_take_for_booleans_stay_words(tmp_path: Path) -> None:
    (question,) = load_catalogue(write(tmp_path, SMALL.replace("[mood]", "[no, on, yes]"))).profiles["ward"].questions
    assert question.cues == ("no", "on", "yes")


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("    weight: 2", "    weight: 5", 11, "5 is greater than the maximum of 3"),
        ("    weight: 2\n", "", 3, "'weight' is a required property"),
        ("category: neuro", "category: brain", 7, "'brain' is not one of"),
        ("type: integer", "type: whole", 8, "'whole' is not one of"),
        ("range: [1, 5]", "range: [5, 1]", 10, "is empty"),
        ("range: [1, 5]", "range: [1]", 10, "too short"),
        ("unit: points", "units: {cm: [1, 2]}", 9, "does not belong to the type 'integer'"),
        ("    cues: [mood]", "    cuse: [mood]", 6, "cuse"),
        ("mood: required", "mod: required", 17, "'mod', which is no question"),
        ("mood: required", "mood: maybe", 17, "'maybe' is not one of"),
        ("    cues: [mood]", "    cues: [mood]\n    cues: [mood]", 7, "second time"),
        ("    cues: [mood]", "    cues: [mood", 7, "not YAML"),
        ("profiles:", "profile:", 12, "profile"),
        ("  - id: mood\n", "  - id: mood\n    phi: perhaps\n", 4, "'perhaps' is not of type 'boolean'"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    assert old in SMALL
    with pytest.raises(CatalogueError) as refused:
        load_catalogue(write(tmp_path, SMALL.replace(old, new, 1)))
    assert f"line {line}:" in str(refused.value)
    assert reason in str(refused.value)


def test_an_id_stands_once(tmp_path: Path) -> None:
    body = SMALL[SMALL.index("  - id") : SMALL.index("profiles:")]
    with pytest.raises(CatalogueError, match="line 12: question id 'mood' is already taken on line 3"):
        load_catalogue(write(tmp_path, SMALL.replace("profiles:", body + "profiles:", 1)))


def test_an_added_question_must_be_whole(tmp_path: Path) -> None:
    text = 'version: "1"\nextends: default\nquestions:\n  - id: brand_new\n    text: New?\n'
    with pytest.raises(CatalogueError, match="line 4"):
        load_catalogue(write(tmp_path, text))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: 1\n---\nb: 2\n"])
def test_what_is_no_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogueError):
        load_catalogue(write(tmp_path, text))


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"version: \xff\xfe")
    with pytest.raises(CatalogueError, match="UTF-8"):
        load_catalogue(tmp_path / "bad.yaml")


def test_the_default_file_explains_itself() -> None:
    header = DEFAULT_FILE.read_text(encoding="utf-8").split("version:")[0]
    for word in ("extends: default", "wordings", "cues", "deniable", "below", "read_as"):
        assert word in header
