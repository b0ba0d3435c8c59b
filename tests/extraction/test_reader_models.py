"""The model that is asked is the one that was named, or there is an error that says what to do."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from nurseconv_dagster.errors import ModelError, WeightsMissingError
from nurseconv_dagster.extraction.providers.local import LocalReader
from nurseconv_dagster.extraction.providers.model_files import BUNDLED, BUNDLED_FOLDER, find_reader
from nurseconv_dagster.extraction.providers.span_model import Asking, SpanModel

TALK = "Nurse: How old are you?\nPatient: I am seventy-two.\nNurse: Any allergies?\nPatient: Yes, penicillin."


@pytest.fixture(scope="module")
def model() -> SpanModel:
    return SpanModel(find_reader(BUNDLED))


def test_the_bundled_model_is_the_one_its_card_describes() -> None:
    files = find_reader(BUNDLED)
    assert files.revision == "94b05cb687aa"
    assert files.revision in (BUNDLED_FOLDER / "CARD.md").read_text(encoding="utf-8")
    assert LocalReader().model_name == "nurse-reader-minilm-l6@94b05cb687aa"


def test_the_bundled_model_carries_its_licences() -> None:
    assert (BUNDLED_FOLDER / "LICENSE-APACHE-2.0.txt").is_file()
    assert "Creative Commons Attribution 4.0" in (BUNDLED_FOLDER / "NOTICE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["model.onnx", "onnx/model.onnx"])
def test_a_folder_with_an_onnx_model_and_a_tokenizer_is_taken(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    shutil.copy(BUNDLED_FOLDER / "model.int8.onnx", tmp_path / file)
    shutil.copy(BUNDLED_FOLDER / "tokenizer.json", tmp_path)
    reader = SpanModel(find_reader(str(tmp_path)))
    best = reader.ask(["How old is the patient?"], reader.encode(TALK))[0]
    assert TALK[best.start : best.end] == "seventy-two"
    assert reader.files.name == tmp_path.name


def test_a_folder_with_torch_weights_only_says_how_to_export_them(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(ModelError, match=r"only model\.safetensors.*Export it once"):
        find_reader(str(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights at all"):
        find_reader(str(tmp_path))


def test_a_damaged_model_is_refused_and_never_replaced_by_another(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    shutil.copy(BUNDLED_FOLDER / "tokenizer.json", tmp_path)
    with pytest.raises(ModelError, match="cannot be loaded"):
        SpanModel(find_reader(str(tmp_path)))


def test_a_damaged_config_is_refused(tmp_path: Path) -> None:
    for name in ("model.int8.onnx", "tokenizer.json"):
        (tmp_path / name).symlink_to(BUNDLED_FOLDER / name)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not valid JSON"):
        find_reader(str(tmp_path))


def test_a_name_that_is_found_nowhere_says_where_was_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError, match=r"no reader for QA_MODEL=.*Set QA_MODEL=bundled"):
        find_reader("somebody/no-such-reader")
    with pytest.raises(WeightsMissingError, match="no folder"):
        find_reader("/no/such/folder")


def test_the_same_question_gets_the_same_margin_again(model: SpanModel) -> None:
    text = model.encode(TALK)
    assert model.ask(["How old is the patient?"], text) == model.ask(["How old is the patient?"], text)


def test_a_span_never_runs_over_a_line_end_and_spans_never_overlap(model: SpanModel) -> None:
    spans = model.ask(["What was said?"], model.encode(TALK), Asking(top_k=8))
    assert all("\n" not in TALK[span.start : span.end] for span in spans)
    ordered = sorted(spans, key=lambda span: span.start)
    assert all(a.end <= b.start for a, b in pairwise(ordered))
    assert list(spans) == sorted(spans, key=lambda span: -span.margin)


def test_an_answer_far_behind_the_first_window_is_found(model: SpanModel) -> None:
    chat = "Nurse: The weather is lovely.\nPatient: It is, isn't it.\n" * 40
    best = model.ask(["What allergies does the patient have?"], model.encode(chat + TALK))[0]
    assert (chat + TALK)[best.start : best.end] == "penicillin"


def test_no_text_gives_no_span(model: SpanModel) -> None:
    assert model.ask(["How old is the patient?"], model.encode("")) == ()


def test_the_config_of_the_model_knows_the_fixed_questions() -> None:
    config = json.loads((BUNDLED_FOLDER / "config.json").read_text(encoding="utf-8"))
    assert {"patient_name", "patient_age", "allergies", "follow_up"} <= config["questions"].keys()
