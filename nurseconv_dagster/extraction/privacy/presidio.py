"""What Presidio finds, where it is installed and asked for: an addition, never needed.

What lives here: `find_with_presidio()`.
When to add here: another of Presidio's entities that has a kind here.
What to keep out: everything that works without it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.extraction.privacy.findings import Finding, Part
from nurseconv_dagster.extraction.privacy.lexicon import is_ordinary
from nurseconv_dagster.extraction.privacy.name_words import read_text

_MIN_SCORE = 0.5  # Presidio's own confidence, 0..1
_NUMBERS = {"PHONE_NUMBER": "phone", "US_SSN": "record", "US_DRIVER_LICENSE": "record", "MEDICAL_LICENSE": "record"}


def find_with_presidio(text: str) -> list[Finding]:
    """Names, telephone and licence numbers and e-mail addresses, in the forms that surrogates are made for.

    Raises:
        SettingsError: permanent; it was asked for and is not installed, or has no language model.
    """
    found: list[Finding] = []
    for result in _analyzer().analyze(text=text, language="en"):
        span = (result.start, result.end)
        if result.score < _MIN_SCORE:
            continue
        if result.entity_type == "PERSON":
            found += _names(text, *span)
        elif result.entity_type == "EMAIL_ADDRESS":
            found.append(Finding("email", (Part("email", *span),)))
        elif result.entity_type == "PHONE_NUMBER":
            found.append(Finding("phone", (Part("digits", *span),)))
        elif result.entity_type in _NUMBERS:
            found.append(Finding("record", (Part("digits", *span),)))
    return found


def _names(text: str, start: int, end: int) -> list[Finding]:
    words = [word for word in read_text(text[start:end]).words if len(word.text) > 1 and not is_ordinary(word.text)]
    return [Finding("name", (Part("given", start + word.start, start + word.end),)) for word in words]


@cache
def _analyzer() -> Any:
    try:
        engine = import_module("presidio_analyzer").AnalyzerEngine
    except ImportError:
        raise SettingsError("Presidio was asked for but is not installed; install presidio-analyzer") from None
    try:
        return engine()
    except (OSError, SystemExit):  # spaCy ends the process where it cannot fetch a model
        raise SettingsError("Presidio is installed but has no language model; install the one that it names") from None
