"""A reference finds the upload that it is about, or says that it does not."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.evaluation.matching import KnownUpload, match_references
from nurseconv_dagster.evaluation.references import Reference, load_references, references_sha256

SHA, OTHER = "a" * 64, "b" * 64


def reference(**about: str) -> Reference:
    return Reference.model_validate({"name": "r", "answers": {}, **about})


def known(sha: str, *locations: str) -> KnownUpload:
    return KnownUpload(uuid4(), sha, frozenset(locations))


def found(about: Reference, *uploads: KnownUpload) -> UUID | str:
    matched = match_references([about], uploads)
    if matched.pairs:
        return matched.pairs[0][1]
    return "missing" if matched.n_missing else "ambiguous"


def test_the_hash_finds_a_file_wherever_it_came_from() -> None:
    here, there = known(SHA), known(OTHER, "4-west/visit.ogg")

    assert found(reference(sha256=SHA), here, there) == here.id
    assert found(reference(sha256=SHA, file="4-west/visit.ogg"), here, there) == here.id


def test_the_place_finds_a_file_in_any_folder_of_the_bucket() -> None:
    here, there = known(SHA, "samples/4-west/visit.ogg"), known(OTHER, "samples/14-west/visit.ogg")

    assert found(reference(file="4-west/visit.ogg"), here, there) == here.id
    assert found(reference(file="visit.ogg"), here, there) == "ambiguous"
    assert found(reference(file="west/visit.ogg"), here, there) == "missing", "a part of a folder's name is no place"


def test_the_place_tells_two_uploads_with_the_same_words_apart() -> None:
    one, other = known(SHA, "a/note.txt"), known(SHA, "b/note.txt")

    assert found(reference(sha256=SHA, file="b/note.txt"), one, other) == other.id
    assert found(reference(sha256=SHA), one, other) == "ambiguous"


def test_a_hash_that_nobody_sent_is_missing_whatever_lies_at_the_place() -> None:
    assert found(reference(sha256=OTHER, file="visit.ogg"), known(SHA, "visit.ogg")) == "missing"


def test_a_reference_that_cannot_find_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"answers": {}}')
    with pytest.raises(SettingsError, match=r"reference 1 .*give file, sha256 or both"):
        load_references(tmp_path)


def test_a_question_that_the_catalogue_does_not_know_is_refused_by_its_id(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"file": "a.ogg", "answers": {"alergies": {"state": "not_asked"}}}')
    with pytest.raises(SettingsError, match=r"answers\.alergies: the catalogue has no question of this id"):
        load_references(tmp_path, {"allergies"})


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="one JSON file a conversation"):
        load_references(tmp_path)


def test_the_hash_of_references_changes_with_what_they_say_and_with_nothing_else() -> None:
    one, other = reference(sha256=SHA), reference(sha256=OTHER)

    assert references_sha256([one, other]) == references_sha256([other, one.model_copy(update={"name": "x"})])
    assert references_sha256([one]) != references_sha256([other])
