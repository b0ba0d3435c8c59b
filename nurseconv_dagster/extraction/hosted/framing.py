"""The transcript as a model sees it: one line a segment, in a frame that no spoken or typed word can leave.

What lives here: `frame()`, `render_line()`, `neutralise()`.
When to add here: another way in which text could pass for something else than text.
What to keep out: rules and questions (`prompt.py`), cutting long transcripts (`windows.py`).

Each segment is exactly one line and begins with its own number, so no text stands at the start of a line, where the
frame and the numbers stand. What looks like a number of ours inside a text loses its square brackets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from nurseconv_dagster.speech.transcripts import Segment

BEGIN = "BEGIN TRANSCRIPT"
END = "END TRANSCRIPT"
_MARKER = re.compile(r"[\[［【〔⟦]\s*(\d+)\s*[\]］】〕⟧]")
_JOINERS = "\u200c\u200d"  # parts of words in several scripts
# Control, unpaired surrogate and invisible characters (bidirectional marks, tags): nobody could hear or read them.
_UNSEEN = frozenset({"Cc", "Cs", "Cf"})


def frame(segments: Sequence[Segment]) -> str:
    """All segments between the two lines of the frame."""
    return "\n".join((BEGIN, *(render_line(segment) for segment in segments), END))


def render_line(segment: Segment) -> str:
    """One segment: `[12] nurse: words`, the role only where it is known."""
    who = f"{segment.role}: " if segment.role else ""
    return f"[{segment.id}] {who}{neutralise(segment.text)}"


def neutralise(text: str) -> str:
    """The words on one line, without invisible characters, and with `(13)` for `[13]`."""
    one_line = " ".join(text.split())
    visible = "".join(c for c in one_line if c in _JOINERS or unicodedata.category(c) not in _UNSEEN)
    return _MARKER.sub(r"(\1)", visible)
