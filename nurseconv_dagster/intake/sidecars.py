"""The JSON beside a recording: found, read strictly, and refused with a reason when it says something else.

What lives here: `sidecar_names()`, `find_sidecar()`, `load_sidecar()`, `parse_sidecar()` and the check of the profile.
When to add here: a rule about what a sender may say; the fields themselves are in `arrivals.Sidecar`.
What to keep out: what the fields lead to (the ledger and the catalogue know).
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar

MAX_SIDECAR_BYTES = 64 * 1024

_FIELDS = ", ".join(Sidecar.model_fields)


class _DuplicateFieldError(ValueError):
    """A field stands twice; JSON alone would keep the last and drop the other in silence."""


def sidecar_names(recording: str) -> tuple[str, str]:
    """What the sidecar beside a recording may be called, the better name first: `visit.wav.json`, `visit.json`."""
    dot = recording.rfind(".")
    stem = recording[:dot] if 0 < dot < len(recording) - 1 else recording
    return f"{recording}.json", f"{stem}.json"


def find_sidecar(recording: Path) -> Path | None:
    """The sidecar of a recording that lies in a folder, else null."""
    for candidate in map(recording.with_name, sidecar_names(recording.name)):
        if candidate != recording and os.path.isfile(candidate):  # noqa: PTH113  # Path.is_file raises on long names
            return candidate
    return None


def load_sidecar(recording: Path) -> Sidecar | Refusal:
    """What the sidecar says; an empty `Sidecar` where there is none, a refusal where it says something else.

    Raises:
        VaultUnavailableError: transient; it cannot be read, which says nothing about what it says.
    """
    path = find_sidecar(recording)
    if path is None:
        return Sidecar()
    try:
        with path.open("rb") as file:
            return parse_sidecar(file.read(MAX_SIDECAR_BYTES + 1))
    except FileNotFoundError:
        return Sidecar()  # taken away since it was found: then there is none
    except OSError as error:
        raise VaultUnavailableError(
            f"a sidecar cannot be read ({error.strerror}); let the service read it. Its recording waits.",
            code="source_unreadable",
        ) from None


def parse_sidecar(raw: bytes) -> Sidecar | Refusal:
    """What these bytes say.

    Args:
        raw: UTF-8 JSON, one object, at most `MAX_SIDECAR_BYTES`.
    """
    if len(raw) > MAX_SIDECAR_BYTES:
        return _refuse(f"is larger than {MAX_SIDECAR_BYTES} bytes")
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_read_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return _refuse("is not UTF-8")
    except _DuplicateFieldError:
        return _refuse("holds the same field twice")
    except json.JSONDecodeError as error:
        return _refuse(f"is not JSON: {error.msg}, line {error.lineno}, column {error.colno}")
    except (ValueError, RecursionError):
        return _refuse("holds a number or a nesting that JSON readers do not take")
    return validate_sidecar(value)


def validate_sidecar(value: object) -> Sidecar | Refusal:
    """The sidecar of an already parsed value: one object, known fields, right types.

    Args:
        value: what JSON gave, or the fields of a POST.
    """
    if not isinstance(value, dict):
        return _refuse("is not an object")
    n_unknown = sum(name not in Sidecar.model_fields for name in value)
    if n_unknown:
        return _refuse(f"has {n_unknown} unknown field(s)")
    try:
        sidecar = Sidecar.model_validate(value, strict=True)
    except ValidationError as error:
        # Only names of known fields and pydantic's own words: what the sender wrote stays out.
        wrong = sorted({f"{item['loc'][0]} ({item['type']})" for item in error.errors(include_input=False)})
        return _refuse(f"has fields with wrong values: {', '.join(wrong)}")
    texts = [text for text in sidecar.model_dump().values() if isinstance(text, str)]
    if any(unicodedata.category(char) in ("Cc", "Cs") for text in texts for char in text):
        return _refuse("has control characters in a field")
    return sidecar


def refuse_profile(sidecar: Sidecar, profiles: Collection[str]) -> Refusal | None:
    """The refusal of a profile that the catalogue does not have, else null.

    Args:
        sidecar: what the sender says.
        profiles: the catalogue's profile names.
    """
    if sidecar.profile is None or sidecar.profile in profiles:
        return None
    return Refusal(
        "unknown_profile",
        f"the catalogue has no such profile; allowed are {', '.join(sorted(profiles))}. "
        "Correct the sidecar, or leave the field out.",
    )


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _DuplicateFieldError
    return fields


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _refuse(found: str) -> Refusal:
    return Refusal(
        "bad_sidecar", f"the sidecar {found}; allowed is one JSON object with {_FIELDS}. Correct it and send again."
    )
