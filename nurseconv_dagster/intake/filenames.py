"""A sender's file name becomes one that people can be shown and programs can store.

What lives here: `clean_filename()`.
When to add here: a character that makes a name lie about itself.
What to keep out: paths; content is never stored under a name.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

MAX_FILENAME_CHARS = 255

_UNNAMED = "unnamed"
_JOINERS = "\u200c\u200d"  # zero-width, but part of Persian, Indic and emoji spelling
_MAX_SUFFIX_CHARS = 16


def clean_filename(name: str) -> str:
    """The last part of the name, without what hides or reorders characters, at most 255 long; never empty or `..`.

    Args:
        name: as the sender gave it; undecodable bytes (surrogates) become U+FFFD.
    """
    base = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    visible = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in base if _is_visible(char)).strip()
    if not visible.strip(". "):
        return _UNNAMED
    if len(visible) <= MAX_FILENAME_CHARS:
        return visible
    suffix = PurePosixPath(visible).suffix
    suffix = suffix if len(suffix) <= _MAX_SUFFIX_CHARS else ""
    return visible[: MAX_FILENAME_CHARS - len(suffix)].rstrip() + suffix


def _is_visible(char: str) -> bool:
    """False for control characters, line separators and invisible marks that turn the reading direction."""
    return char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp")
