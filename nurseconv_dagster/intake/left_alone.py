"""Names that nobody meant as an upload.

What lives here: `is_left_alone()` and `is_folder_left_alone()`.
When to add here: a kind of file or folder that programs leave behind.
What to keep out: looking at files; these are rules about names.
"""

from __future__ import annotations

import re

_FILES = re.compile(
    r"\..*|.*~|~\$.*|.*\.(part|partial|tmp|temp|crdownload|download|filepart|swp|json)|thumbs\.db|desktop\.ini",
    re.IGNORECASE | re.DOTALL,
)
_FOLDERS = re.compile(
    r"\..*|\$recycle\.bin|system volume information|lost\+found|@eadir|#recycle", re.IGNORECASE | re.DOTALL
)


def is_left_alone(name: str) -> bool:
    """Whether a file of this name is left where it lies: hidden, unfinished, a program's own, or a sidecar."""
    return _FILES.fullmatch(name) is not None


def is_folder_left_alone(name: str) -> bool:
    """Whether nothing in a folder of this name is looked at."""
    return _FOLDERS.fullmatch(name) is not None
