"""A transcript as the reader was taught to read it: labelled lines where roles are known, running text otherwise.

What lives here: `present()`, cutting at `MAX_CONTEXT_LENGTH`, and the way back from a passage to the transcript.
When to add here: another presentation that a reader reads better.
What to keep out: the model, and what the words mean.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from nurseconv_dagster.speech.transcripts import Segment, Transcript

_LABELS = {"nurse": "Nurse", "patient": "Patient", "family": "Family", "other": "Nurse 2"}
_OVERLAP_CHARS = 400  # about half a window: an answer near a cut is seen whole in one of the two passages


@dataclass(frozen=True, slots=True)
class Passage:
    """A text for the reader and where each of its parts stands in the transcript.

    Args:
        text: at most MAX_CONTEXT_LENGTH characters.
        starts: offsets into `text` at which a part of the transcript begins, rising.
        origins: for each of them the part's begin and end in `full_text`.
    """

    text: str
    starts: tuple[int, ...]
    origins: tuple[tuple[int, int], ...]

    def origin(self, start: int, end: int) -> tuple[int, int] | None:
        """Where a stretch of the passage stands in the transcript, labels left out; null when it holds only a label."""
        first, last = self._place(start), self._place(end - 1)
        begin = max(first, self.origins[0][0])
        return (begin, last + 1) if last >= begin else None

    def _place(self, at: int) -> int:
        """The transcript's offset of a character; a label's counts as just before the line it opens."""
        part = bisect_right(self.starts, at) - 1
        if part < 0:
            return self.origins[0][0]
        start, end = self.origins[part]
        place = start + at - self.starts[part]
        if place < end or part + 1 == len(self.origins):
            return min(place, end - 1)
        return self.origins[part + 1][0]


def present(transcript: Transcript, *, max_chars: int) -> tuple[Passage, ...]:
    """The transcript in passages, in order, each beginning where a line or a segment begins.

    Args:
        transcript: with speech.
        max_chars: of a passage, labels included; a longer single segment is cut.
    """
    passages: list[Passage] = []
    pieces = [piece for segment in transcript.segments for piece in _pieces(segment, max_chars)]
    first = 0
    while first < len(pieces):
        last, size = first, 0
        while last < len(pieces) and (last == first or size + pieces[last].room <= max_chars):
            size += pieces[last].room
            last += 1
        passages.append(_lay(pieces[first:last]))
        first = _step_back(pieces, first, last) if last < len(pieces) else last
    return tuple(passages)


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    start_char: int
    label: str
    speaker: tuple[str | None, str | None]

    @property
    def room(self) -> int:
        return len(self.text) + len(self.label) + 1


def _pieces(segment: Segment, max_chars: int) -> list[_Piece]:
    label = f"{_LABELS[segment.role]}: " if segment.role else ""
    step = max(max_chars - len(label) - 1, 1)
    return [
        _Piece(segment.text[at : at + step], segment.start_char + at, label, (segment.role, segment.speaker))
        for at in range(0, len(segment.text), step)
    ]


def _step_back(pieces: list[_Piece], first: int, last: int) -> int:
    """The first piece of the next passage: a little before the cut, and always beyond `first`."""
    at, room = last, 0
    while at - 1 > first and room + pieces[at - 1].room <= _OVERLAP_CHARS:
        at -= 1
        room += pieces[at].room
    return at


def _lay(pieces: list[_Piece]) -> Passage:
    text, starts, origins = "", [], []
    for i, piece in enumerate(pieces):
        opens_line = i == 0 or piece.speaker != pieces[i - 1].speaker
        if i:
            text += "\n" if opens_line else " "
        text += piece.label if opens_line else ""
        starts.append(len(text))
        origins.append((piece.start_char, piece.start_char + len(piece.text)))
        text += piece.text
    return Passage(text, tuple(starts), tuple(origins))
