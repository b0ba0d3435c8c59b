"""A talk with other words in place of those that point to a person, and the way back.

What lives here: `Replacement`, `Edit`, `Veiled` with its maps in both directions, and `lay_veil()`.
When to add here: another way back from the veiled talk to the talk itself.
What to keep out: which words are replaced (`deidentify.py`), by what (`surrogates.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nurseconv_dagster.extraction.evidence import find_quote
from nurseconv_dagster.extraction.privacy.findings import Kind, Role
from nurseconv_dagster.speech.transcripts import Segment, Transcript

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Replacement:
    """One replaced thing: where it stood and where its surrogate stands. Places only, never words.

    Args:
        kind: what it is.
        span: start and end offset in the original `full_text`.
        veiled_span: the same in the veiled `full_text`.
    """

    kind: Kind
    span: Span
    veiled_span: Span


@dataclass(frozen=True, slots=True)
class Edit:
    """One stretch of text that became another one.

    Args:
        finding_no: which finding it belongs to.
        role: what it is in that finding.
        span: in the original text.
        veiled_span: in the veiled text.
    """

    finding_no: int
    role: Role
    span: Span
    veiled_span: Span


@dataclass(frozen=True, slots=True, repr=False)
class Veiled:
    """The veiled talk and the way back to the original.

    Args:
        original: the talk as it was said; stays on this machine.
        transcript: the talk to send: same segments and roles, other words, no timed words.
        replacements: what was replaced, in order.
        edits: the same in finer pieces.
    """

    original: Transcript
    transcript: Transcript
    replacements: tuple[Replacement, ...]
    edits: tuple[Edit, ...]

    def __repr__(self) -> str:
        return f"Veiled(n_replacements={len(self.replacements)})"

    def to_original(self, start: int, end: int) -> Span:
        """The stretch of the original that became a stretch of the veiled text; touched replacements come whole.

        Args:
            start: offset into the veiled `full_text`, code points.
            end: one past its last code point.
        """
        whole = [item.veiled_span for item in self.replacements]
        return _carry((start, end), whole, [(edit.veiled_span, edit.span) for edit in self.edits])

    def to_veiled(self, start: int, end: int) -> Span:
        """The stretch of the veiled text that a stretch of the original became; touched replacements come whole.

        Args:
            start: offset into the original `full_text`, code points.
            end: one past its last code point.
        """
        whole = [item.span for item in self.replacements]
        return _carry((start, end), whole, [(edit.span, edit.veiled_span) for edit in self.edits])

    def unveil_quote(self, quote: str, segment_ids: Sequence[int] = ()) -> str:
        """A model's quote over the veiled talk, in the original's own words.

        A quote that the veil did not touch comes back as it is. A touched one comes back as the original's words at its
        place, with as many neighbours as `find_quote` needs to find that very place. What is not found comes back
        unchanged, to be refused.

        Args:
            quote: the model's words.
            segment_ids: where the model says they stand.
        """
        found = find_quote(self.transcript, quote, segment_ids)
        if found is not None:
            span = self.to_original(found.start_char, found.end_char)
            is_untouched = self.original.full_text[slice(*span)] == found.quote
            return quote if is_untouched and self._is_at(quote, span, segment_ids) else self._pin(span, segment_ids)
        for span in self._cut_replacements(quote):
            words = self.original.full_text[slice(*span)]
            if self._is_at(words, span, segment_ids):
                return words
        return quote

    def _is_at(self, quote: str, span: Span, segment_ids: Sequence[int]) -> bool:
        found = find_quote(self.original, quote, segment_ids)
        return found is not None and (found.start_char, found.end_char) == span

    def _pin(self, span: Span, segment_ids: Sequence[int]) -> str:
        """The words of a stretch of the original, widened until they are found there and not at an earlier place."""
        text = self.original.full_text
        start, end = span
        while True:
            found = find_quote(self.original, text[start:end], segment_ids)
            if found is not None and found.start_char <= span[0] and span[1] <= found.end_char:
                return text[start:end]
            wider = _widened(text, start, end)
            if wider == (start, end):
                return text[slice(*span)]
            start, end = wider

    def _cut_replacements(self, quote: str) -> Iterator[Span]:
        """Stretches of the original for quotes that cut a replaced number, which `find_quote` refuses."""
        text, bare = self.transcript.full_text, quote.strip()
        at = text.find(bare) if bare else -1
        while at >= 0:
            yield self.to_original(at, at + len(bare))
            at = text.find(bare, at + 1)


def lay_veil(transcript: Transcript, changes: Sequence[tuple[int, Kind, Role, Span, str]]) -> Veiled:
    """The talk with the changes in it.

    Args:
        transcript: the original, laid out by `assemble` or as it was typed, labels and all.
        changes: (number of the finding, kind, role, span in `full_text`, new words), in order, not overlapping.
    """
    pieces = [piece for change in changes for piece in _split_at_segments(transcript, change)]
    edits: list[Edit] = []
    shift = 0
    for finding_no, _, role, (start, end), words in pieces:
        edits.append(Edit(finding_no, role, (start, end), (start + shift, start + shift + len(words))))
        shift += len(words) - (end - start)
    full_text = _rewrite(transcript.full_text, pieces)
    places = [(edit.span, edit.veiled_span) for edit in edits]
    segments = tuple(_move(segment, places, full_text) for segment in transcript.segments)
    kinds = {finding_no: kind for finding_no, kind, _, _, _ in pieces}
    return Veiled(
        original=transcript,
        transcript=replace(transcript, full_text=full_text, segments=segments),
        replacements=tuple(
            _replacement(kind, [edit for edit in edits if edit.finding_no == no]) for no, kind in kinds.items()
        ),
        edits=tuple(edits),
    )


def _replacement(kind: Kind, edits: Sequence[Edit]) -> Replacement:
    first, last = edits[0], edits[-1]
    return Replacement(kind, (first.span[0], last.span[1]), (first.veiled_span[0], last.veiled_span[1]))


def _rewrite(text: str, pieces: Sequence[tuple[int, Kind, Role, Span, str]]) -> str:
    parts, at = [], 0
    for _, _, _, (start, end), words in pieces:
        parts += [text[at:start], words]
        at = end
    return "".join((*parts, text[at:]))


def _move(segment: Segment, places: Sequence[tuple[Span, Span]], full_text: str) -> Segment:
    """The segment at its place in the veiled text; no change reaches over its ends."""
    start, end = _moved(segment.start_char, places), _moved(segment.end_char, places)
    return replace(segment, text=full_text[start:end], words=(), start_char=start, end_char=end)


def _split_at_segments(
    transcript: Transcript, change: tuple[int, Kind, Role, Span, str]
) -> Iterator[tuple[int, Kind, Role, Span, str]]:
    """A change that runs over the end of a segment as one change for each; no segment is left without words.

    One that lies in the label before a typed line belongs to no segment and stays whole.
    """
    finding_no, kind, role, (start, end), words = change
    inside = [
        (max(start, one.start_char), min(end, one.end_char))
        for one in transcript.segments
        if one.start_char < end and start < one.end_char
    ]
    if not inside:
        yield change
        return
    shares = _shares(words, len(inside))
    for span, share in zip(inside, shares, strict=True):
        yield finding_no, kind, role, span, share


def _shares(words: str, n: int) -> list[str]:
    """Words dealt out to so many segments, the last one taking the rest, dots for one that would stay empty."""
    if n == 1:
        return [words]
    dealt = words.split()
    return [*(dealt[i] if i < len(dealt) else "..." for i in range(n - 1)), " ".join(dealt[n - 1 :]) or "..."]


def _carry(span: Span, whole: Sequence[Span], pairs: Sequence[tuple[Span, Span]]) -> Span:
    """A stretch of one text in the other, after it was widened to every whole one that it touches."""
    start, end = span
    for begins, ends in whole:
        if begins < end and start < ends:
            start, end = min(start, begins), max(end, ends)
    return _moved(start, pairs), _moved(end, pairs)


def _moved(offset: int, pairs: Sequence[tuple[Span, Span]]) -> int:
    """An offset of one text in the other; one inside a replaced stretch moves to its start."""
    shift = 0
    for here, there in pairs:
        if here[1] <= offset:
            shift = there[1] - here[1]
        elif here[0] < offset:
            return there[0]
    return offset + shift


def _widened(text: str, start: int, end: int) -> Span:
    """One word more on each side."""
    while start > 0 and not text[start - 1].isalnum():
        start -= 1
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isalnum():
        end += 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end
