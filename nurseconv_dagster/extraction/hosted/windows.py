"""What fits into one call: stretches of a long transcript, and the questions in batches.

What lives here: `estimate_tokens()`, `cut_windows()`, `split_questions()`.
When to add here: another limit of a call's size.
What to keep out: how segments are written (`framing.py`), who is called (`reader.py`).

Windows are whole segments and overlap, so that a question and its reply stand together in at least one of them. Only a
segment longer than half a window is cut, between words; its parts overlap as segments do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from nurseconv_dagster.errors import ContextTooLongError
from nurseconv_dagster.extraction.hosted.calls import Prompt
from nurseconv_dagster.extraction.hosted.framing import render_line
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Segment

# English text has about 4 bytes a token in the tokenisers of today; scripts of 3 bytes a character up to 1 token a
# character. So 3 bytes a token errs on the side of too many tokens for both.
_BYTES_PER_TOKEN = 3
# 24 questions make a schema of about 170 enum values and 250 properties. Providers refuse schemas of 1000 enum values
# at the latest, some reject "too complex" ones far earlier without naming a limit; and replies get worse with length.
QUESTIONS_PER_CALL = 24
MIN_WINDOW_TOKENS = 200  # below it a window holds no more than a question and its reply
_OVERLAP = 1 / 8  # of a window: about the last dozen turns of a 4,000 token window


@dataclass(frozen=True, slots=True)
class _Piece:
    """A segment, or some of its words: `text[start:end]`."""

    segment: Segment
    start: int
    end: int


def estimate_tokens(text: str) -> int:
    """At least as many tokens as any common tokeniser makes of a text."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN)


def estimate_segments(segments: Sequence[Segment]) -> int:
    """Tokens of segments as they are written in a prompt."""
    return sum(estimate_tokens(render_line(segment) + "\n") for segment in segments)


def prompt_tokens(prompt: Prompt) -> int:
    """Tokens of all that is sent, rather too many than too few."""
    return estimate_tokens(prompt.system + prompt.user + json.dumps(prompt.schema))


def split_questions(questions: Sequence[Question]) -> list[tuple[Question, ...]]:
    """The questions in order, in as few batches of nearly the same size as `QUESTIONS_PER_CALL` allows."""
    n_batches = math.ceil(len(questions) / QUESTIONS_PER_CALL)
    edges = [round(i * len(questions) / n_batches) for i in range(n_batches + 1)] if n_batches else []
    return [tuple(questions[a:b]) for a, b in pairwise(edges)]


def cut_windows(segments: Sequence[Segment], max_tokens: int) -> list[tuple[Segment, ...]]:
    """One window when everything fits, else as many as are needed, each overlapping the one before.

    Args:
        segments: in order, at least one.
        max_tokens: of one window.

    Raises:
        ContextTooLongError: permanent; the room left beside rules and questions is too small for any transcript.
    """
    if max_tokens < MIN_WINDOW_TOKENS:
        raise ContextTooLongError(
            f"the model's input limit leaves {max_tokens} tokens for the transcript, fewer than {MIN_WINDOW_TOKENS}; "
            "use a model with a longer context or a shorter profile"
        )
    if estimate_segments(segments) <= max_tokens:
        return [tuple(segments)]
    pieces = [piece for segment in segments for piece in _cut_segment(segment, max_tokens)]
    return [_join(pieces[start:end]) for start, end in _spans([_cost(piece) for piece in pieces], max_tokens)]


def halve_window(segments: Sequence[Segment]) -> list[tuple[Segment, ...]]:
    """The same segments in windows of about half the size.

    Raises:
        ContextTooLongError: permanent; they are too short to be halved.
    """
    return cut_windows(segments, math.ceil(estimate_segments(segments) * (1 + _OVERLAP) / 2))


def _cost(piece: _Piece) -> int:
    return estimate_segments((_cut(piece.segment, piece.start, piece.end),))


def _cut(segment: Segment, start: int, end: int) -> Segment:
    return segment if (start, end) == (0, len(segment.text)) else replace(segment, text=segment.text[start:end].strip())


def _cut_segment(segment: Segment, max_tokens: int) -> Iterator[_Piece]:
    """The segment whole when a window holds it twice, else in pieces small enough to overlap by."""
    whole = _Piece(segment, 0, len(segment.text))
    if _cost(whole) <= max_tokens // 2:
        yield whole
        return
    room = int(max_tokens * _OVERLAP) - estimate_segments((replace(segment, text=""),))
    start = 0
    for word in re.finditer(rf"\s*\S{{1,{max(1, room // 2)}}}", segment.text):
        if estimate_tokens(segment.text[start : word.end()]) > room and word.start() > start:
            yield _Piece(segment, start, word.start())
            start = word.start()
    yield _Piece(segment, start, len(segment.text))


def _spans(costs: Sequence[int], max_tokens: int) -> Iterator[tuple[int, int]]:
    """From where to where each window runs. No piece costs more than half a window, so each brings something new."""
    start = end = 0
    while True:
        total = sum(costs[start:end])
        while end < len(costs) and total + costs[end] <= max_tokens:
            total += costs[end]
            end += 1
        yield start, end
        if end == len(costs):
            return
        start = end - 1
        overlap = costs[start]
        while start and overlap + costs[start - 1] <= max_tokens * _OVERLAP:
            start -= 1
            overlap += costs[start]


def _join(pieces: Sequence[_Piece]) -> tuple[Segment, ...]:
    """Segments of a window: pieces of the same one become one line again."""
    joined: list[_Piece] = []
    for piece in pieces:
        if joined and joined[-1].segment.id == piece.segment.id:
            joined[-1] = replace(joined[-1], end=piece.end)
        else:
            joined.append(piece)
    return tuple(_cut(piece.segment, piece.start, piece.end) for piece in joined)
