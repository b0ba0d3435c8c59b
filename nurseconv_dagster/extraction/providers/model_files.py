"""Where a reader's files are found: in the package, in a named folder, in the hub's local cache, on the hub.

What lives here: `find_reader()`, what the setting QA_MODEL may name, and what to do when it is not found.
When to add here: another layout of a model folder.
What to keep out: loading and running a model (`span_model.py`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nurseconv_dagster.errors import ModelError, WeightsMissingError

BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).parent.parent / "models" / "reader"
_WEIGHTS = ("model.int8.onnx", "model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
_TORCH_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_HUB_PATTERNS = ["config.json", "tokenizer.json", "model.onnx", "onnx/model.onnx"]
_EXPORT = "optimum-cli export onnx --task question-answering --model NAME FOLDER"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A reader's files.

    Args:
        name: what an answer records.
        revision: first 12 digits of the SHA-256 of the weights.
        weights: the ONNX file.
        tokenizer: `tokenizer.json`.
        config: the content of `config.json` ({} when there is none).
    """

    name: str
    revision: str
    weights: Path
    tokenizer: Path
    config: dict[str, Any]


def find_reader(model: str) -> ModelFiles:
    """The files of the reader that QA_MODEL names; never another one in its place.

    Args:
        model: "bundled", a folder, or a name on the model hub such as distilbert-base-cased-distilled-squad.

    Raises:
        WeightsMissingError: it was found nowhere; says where was looked and what to do.
        ModelError: a folder is there, but holds no model that can be run.
    """
    if model == BUNDLED:
        return _from_folder(BUNDLED_FOLDER, "")
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _from_folder(folder, folder.resolve().name)
    return _from_folder(_from_hub(model), model)


def is_reader_here(model: str) -> bool:
    """Whether `find_reader` would need no network; looks at names of files only, so that it can be asked often."""
    folder = BUNDLED_FOLDER if model == BUNDLED else Path(model).expanduser()
    if folder.is_dir():
        return any((folder / file).is_file() for file in _WEIGHTS)
    cached = _cached(model)
    return cached is not None and any((cached / file).is_file() for file in _WEIGHTS)


def _from_folder(folder: Path, name: str) -> ModelFiles:
    weights = next((folder / file for file in _WEIGHTS if (folder / file).is_file()), None)
    tokenizer = folder / "tokenizer.json"
    if weights is None:
        raise ModelError(_no_onnx(folder))
    if not tokenizer.is_file():
        raise ModelError(
            "QA_MODEL: the model has an ONNX file but no tokenizer.json; put its fast tokenizer beside it."
        )
    config = _read_config(folder / "config.json")
    return ModelFiles(name or str(config["name"]), _sha256(weights)[:12], weights, tokenizer, config)


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError("QA_MODEL: config.json of the model is not valid JSON.") from error
    if not isinstance(config, dict):
        raise ModelError("QA_MODEL: config.json of the model is not a JSON object.")
    return config


def _no_onnx(folder: Path) -> str:
    found = [file for file in _TORCH_WEIGHTS if (folder / file).is_file()]
    what = f"only {' and '.join(found)}" if found else "no weights at all"
    return (
        f"QA_MODEL: the model folder holds {what}; the reader runs ONNX files ({', '.join(_WEIGHTS[1:3])}). "
        f"Export it once, where torch is installed: {_EXPORT}; then set QA_MODEL to that folder, or to bundled."
    )


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(model: str) -> Path:
    """The hub's local copy of a model, else a fresh download of its small files and its ONNX file."""
    from huggingface_hub import snapshot_download

    cached = _cached(model)
    if cached is not None and any((cached / file).is_file() for file in _WEIGHTS + _TORCH_WEIGHTS):
        return cached
    try:
        return Path(snapshot_download(model, allow_patterns=_HUB_PATTERNS))
    except OSError as error:  # the hub's own errors are all OSErrors
        raise WeightsMissingError(_not_found(model, f"hub: {type(error).__name__}")) from error


def _cached(model: str) -> Path | None:
    """The hub's local copy; null when there is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except HFValidationError as error:
        raise WeightsMissingError(_not_found(model, "it is no folder, and no name that a hub could know")) from error
    except LocalEntryNotFoundError:
        return None


def _not_found(model: str, reason: str) -> str:
    return (
        f"no reader for QA_MODEL={model}. Looked at: that folder, the hub's local cache, the hub ({reason}). "
        f"Set QA_MODEL=bundled, or to a folder with model.onnx and tokenizer.json, or connect to the network once. "
        f"A model without an ONNX file is exported with: {_EXPORT}"
    )
