"""Laws of finding weights: joined once and checked, never taken damaged, and missing ones say where and what to do."""

from __future__ import annotations

import shutil
import time

import pytest

from nurseconv_dagster.errors import WeightsMissingError
from nurseconv_dagster.speech import weights as room
from nurseconv_dagster.speech.weights import BASE_SHA256, find_weights


def test_the_packaged_model_is_joined_once_and_not_hashed_again(weights, home, monkeypatch):
    monkeypatch.setattr(room, "_sha256", lambda path: pytest.fail("hashed again"))
    assert find_weights("base", home) == weights
    assert weights.name == "whisper-base"
    assert BASE_SHA256.startswith(weights.revision)


def test_a_model_that_changed_on_disk_is_joined_anew(weights, tmp_path):
    shutil.copytree(weights.path, tmp_path / "models" / "whisper-base")
    with (tmp_path / "models" / "whisper-base" / "model.bin").open("r+b") as file:
        file.write(b"damage")
    found = find_weights("base", tmp_path)
    assert room._sha256(found.path / "model.bin") == BASE_SHA256


def test_damaged_packages_are_refused_and_leave_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "part").write_bytes(b"not a model")
    monkeypatch.setattr(room, "_package_file", lambda package, file: tmp_path / "part")
    with pytest.raises(WeightsMissingError, match="damaged"):
        find_weights("base", tmp_path)
    assert list(tmp_path.rglob("model.bin*")) == []


def test_a_folder_is_taken_before_anything_else(weights, home):
    found = find_weights(str(weights.path), home)
    assert (found.path, found.revision) == (weights.path, BASE_SHA256[:12])


def test_a_folder_without_a_model_says_what_is_missing(tmp_path):
    with pytest.raises(WeightsMissingError, match=r"without model\.bin"):
        find_weights(str(tmp_path), tmp_path)


def test_offline_without_weights_fails_fast_and_says_where_it_looked_and_what_to_do(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(room, "_package_file", lambda package, file: None)
    started = time.monotonic()
    with pytest.raises(WeightsMissingError) as caught:
        find_weights("base", tmp_path)
    assert time.monotonic() - started < 10
    for part in ("installed model packages", "cache", "the hub", "nurseconv[offline]", "WHISPER_MODEL", "network"):
        assert part in str(caught.value)


def test_the_hubs_cache_is_taken_without_asking_the_hub(weights, tmp_path, monkeypatch):
    import huggingface_hub.constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--Systran--faster-whisper-tiny"
    shutil.copytree(weights.path, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(room, "_reach_hub", lambda: pytest.fail("asked the hub"))
    found = find_weights("tiny", tmp_path)
    assert (found.name, found.revision) == ("whisper-tiny", commit[:12])
