"""The rubric file: what ships, and what is refused with its line and reason."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.scoring.rubric import DEFAULT_RUBRIC, load_rubric

SHIPPED = DEFAULT_RUBRIC.read_text(encoding="utf-8")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert SHIPPED.count(old) >= 1
    path = tmp_path / "rubric.yaml"
    path.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    return path


def line_of(text: str) -> int:
    return SHIPPED[: SHIPPED.index(text)].count("\n") + 1


def test_the_version_names_the_bytes_of_the_file() -> None:
    digest = hashlib.sha256(DEFAULT_RUBRIC.read_bytes()).hexdigest()
    assert load_rubric().score_version == f"1.0+{digest[:12]}"


def test_another_file_is_another_version(tmp_path: Path) -> None:
    path = changed(tmp_path, "per_contradiction: 0.25", "per_contradiction: 0.5")
    other = load_rubric(path)
    assert other.safety.per_contradiction == 0.5
    assert other.score_version != load_rubric().score_version


def test_every_category_of_the_catalogue_counts_towards_a_group() -> None:
    grouped = {category for group in load_rubric().groups.values() for category in group}
    asked = {question.category for profile in load_catalogue().profiles.values() for question in profile.questions}
    assert asked <= grouped


def test_the_questions_that_the_rubric_names_are_in_the_catalogue() -> None:
    asked = {question.id for profile in load_catalogue().profiles.values() for question in profile.questions}
    rubric = load_rubric()
    named = {item.question for item in rubric.safety.items} | {rubric.communication.teach_back_question}
    assert named - asked <= {"read_back_done"}  # drops out until a catalogue asks it


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    safety: 0.20\n", "    safety: 0.30\n", r"weights add up to 1\.1"),
        ("  fuzzy: 0.8\n", "  fuzzy: 1.8\n", "less than or equal to 1"),
        ("  fuzzy: 0.8\n", "", "missing: fuzzy"),
        ("  not_asked: 0\n", "  never: 0\n", "done.never"),
        ("  pause_s: 3 ", "  pause: 3 ", "dynamics.pause_s: Field required"),
        ("  per_contradiction: 0.25", "  per_contradiction: a quarter", "safety.per_contradiction"),
        ("  per_contradiction: 0.25", "  per_contradiction: .nan", "safety.per_contradiction"),
        ("[treatment, discharge,", "[treatment, social, discharge,", "more than one group: social"),
        ("[treatment, discharge,", "[treatment, dental, discharge,", "groups.treatment"),
        (r"- \bin your own words\b", r"- (in your own words", "not a regular expression"),
        ("question: fall_risk", "question: allergies", "listed twice: allergies"),
        ("    hard_grade: 12", "    hard_grade: 5", "hard_grade must be above"),
        ("  snr_high_db: 25", "  snr_high_db: 5", "snr_high_db must be above"),
        ("  floor: 0.05", "  floor: 0", "overall.floor"),
        ('version: "1.0"', 'version: ""', "version"),
        ('version: "1.0"', 'version: "1.0"\nsha256: abc', "line 9: sha256 is worked out"),
    ],
)
def test_a_bad_value_is_refused_with_its_line_and_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(CatalogueError, match=reason) as refused:
        load_rubric(changed(tmp_path, old, new))
    assert re.search(r"line \d+", str(refused.value))


def test_the_line_is_that_of_the_mistake(tmp_path: Path) -> None:
    line = line_of("  per_contradiction: 0.25")
    with pytest.raises(CatalogueError, match=rf"line {line}: safety\.per_contradiction"):
        load_rubric(changed(tmp_path, "  per_contradiction: 0.25", "  per_contradiction: 7"))


@pytest.mark.parametrize("content", [b"", b"- a list", b"version: [", b"\xff\xfe", b"version: 1\nversion: 2"])
def test_what_is_no_rubric_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rubric.yaml"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="RUBRIC_FILE"):
        load_rubric(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_rubric(tmp_path / "none.yaml")
