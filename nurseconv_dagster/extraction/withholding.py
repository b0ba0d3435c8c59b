"""A transcript without the passages that could be orders to a program, and the way back to the whole one.

What lives here: `withhold()`: what a hosted model is shown; `Shown.restore()`, evidence as it stands in the transcript.
When to add here: nothing.
What to keep out: which passages (`injection.py`), who is shown what (`consultation.py`).

What is left is laid out as a transcript of its own, so that everything that is read and checked in it is read as if the
passages had never been there: they reach nobody's answer, not even as the words beside a quote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nurseconv_dagster.extraction.answers import Evidence
from nurseconv_dagster.extraction.evidence import Span, make_evidence
from nurseconv_dagster.extraction.injection import Passage
from nurseconv_dagster.speech.transcripts import Segment, Transcript, assemble


@dataclass(frozen=True, slots=True)
class _Run:
    """Characters that stand in both: from `shown` in what is shown, from `start` to `end` in the whole."""

    shown: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What is left of a transcript.

    Args:
        transcript: with segments numbered anew; the whole one where nothing was left out.
        whole: what it was made of.
        runs: what stands where; empty where nothing was left out.
    """

    transcript: Transcript
    whole: Transcript
    runs: tuple[_Run, ...] = ()

    def restore(self, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """The same stretches in the whole transcript, in two pieces where something was left out in between."""
        if not self.runs:
            return tuple(evidence)
        return tuple(
            make_evidence(self.whole, span, item.grade, item.similarity)
            for item in evidence
            for span in self._find(item)
        )

    def _find(self, item: Evidence) -> Iterator[Span]:
        spans = [
            (run.start + max(0, item.start_char - run.shown), min(run.end, run.start + item.end_char - run.shown))
            for run in self.runs
            if run.shown < item.end_char and item.start_char < run.shown + run.end - run.start
        ]
        start, end = spans[0]
        for next_start, next_end in spans[1:]:
            if self.whole.full_text[end:next_start].strip():
                yield start, end
                start = next_start
            end = next_end
        yield start, end


def withhold(transcript: Transcript, passages: Sequence[Passage]) -> Shown:
    """The transcript without these passages.

    Args:
        transcript: a whole conversation or note.
        passages: in order, none overlapping another.
    """
    if not passages:
        return Shown(transcript, transcript)
    cuts = [(passage.start_char, passage.end_char) for passage in passages]
    kept = [(segment, spans) for segment in transcript.segments if (spans := list(_left(segment, cuts)))]
    full_text, placed = assemble(
        [
            replace(
                segment,
                text=" ".join(transcript.full_text[start:end] for start, end in spans),
                words=tuple(w for w in segment.words if any(a <= w.start_char and w.end_char <= b for a, b in spans)),
            )
            for segment, spans in kept
        ]
    )
    runs: list[_Run] = []
    for segment, (_, spans) in zip(placed, kept, strict=True):
        at = segment.start_char
        for start, end in spans:
            runs.append(_Run(at, start, end))
            at += end - start + 1
    return Shown(replace(transcript, full_text=full_text, segments=placed), transcript, tuple(runs))


def _left(segment: Segment, cuts: Sequence[Span]) -> Iterator[Span]:
    """What stands in the segment before, between and behind the cuts, less the blanks around it."""
    at = segment.start_char
    for start, end in [*cuts, (segment.end_char, segment.end_char)]:
        if start >= at and start <= segment.end_char:
            text = segment.text[at - segment.start_char : start - segment.start_char]
            if text.strip():
                yield at + len(text) - len(text.lstrip()), at + len(text.rstrip())
            at = max(at, end)
