"""How much of what points to a person is replaced before a hosted call, and what else is changed by mistake.

    python benchmarks/privacy.py [--misses a]

Prints, for each half of `tests/extraction/privacy/labelled/` and each kind: how many were labelled, the share that was
replaced whole (recall), how many replacements of that kind were made, the share of them that touched a labelled one
(precision); then how many numbers outside the labels were changed. Half `a` was written and read while the rules were
made; half `b` was written before them and looked at only here. `place` (towns, hospitals) is labelled and not looked
for. `--misses a` lists what was missed and what was changed by mistake in half a.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from talks import PARTS, load_talks

from nurseconv_dagster.extraction.injection import find_suspicious
from nurseconv_dagster.extraction.numbers import scan_numbers
from nurseconv_dagster.extraction.privacy.deidentify import deidentify
from nurseconv_dagster.extraction.privacy.veil import Veiled
from nurseconv_dagster.extraction.words import word_set
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, assemble

FOLDER = Path(__file__).parent.parent / "tests" / "extraction" / "privacy" / "labelled"
HALVES = ("a", "b")
KINDS = ("name", "date", "phone", "record", "room", "email", "address", "zip", "age", "place")
_MARK = re.compile(r"\{\{(\w+):([^{}]*)\}\}")
_SPEAKER = re.compile(r"(nurse|patient|family|caller|other):\s+", re.IGNORECASE)
_ROLES: dict[str, Role] = {
    "nurse": "nurse",
    "patient": "patient",
    "family": "family",
    "caller": "family",
    "other": "other",
}
# Words of a label that need no replacement: what is left of a date or an address without its telling parts.
_LIGHT = word_set(
    "the of and at on st nd rd th street st avenue ave road rd lane court drive blvd apt apartment suite way north "
    "south east west n s e w monday tuesday wednesday thursday friday saturday sunday dot hundred a dr grandma"
)


@dataclass(frozen=True)
class Label:
    """A marked stretch of a talk: its kind and place."""

    kind: str
    start: int
    end: int


@dataclass
class Tally:
    """Counts over talks, by kind."""

    labelled: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    changed: int = 0
    misses: list[str] = field(default_factory=list)


def load_labelled(half: str) -> list[tuple[str, Transcript, list[Label]]]:
    """Name, transcript and labels of each talk of one half; a line with a role word is a turn."""
    talks = []
    for path in sorted((FOLDER / half).glob("*.txt")):
        segments: list[Segment] = []
        marks: list[list[tuple[str, int, int]]] = []
        for line in path.read_text(encoding="utf-8").strip().splitlines():
            label = _SPEAKER.match(line)
            role = _ROLES[label[1].lower()] if label else None
            text, found = _unmark(line[label.end() :] if label else line)
            segments.append(Segment(len(segments), text, role=role, speaker=role))
            marks.append(found)
        full_text, placed = assemble(segments)
        labels = [
            Label(kind, segment.start_char + start, segment.start_char + end)
            for segment, found in zip(placed, marks, strict=True)
            for kind, start, end in found
        ]
        transcript = Transcript("speech", full_text, placed, "en", None, "typed", "", "", 0.0, None)
        talks.append((path.stem, transcript, labels))
    return talks


def measure(half: str) -> Tally:
    """Counts over all talks of one half."""
    tally = Tally()
    for name, transcript, labels in load_labelled(half):
        _count(tally, name, deidentify(transcript, (), f"benchmark {name}"), labels)
    return tally


def _unmark(line: str) -> tuple[str, list[tuple[str, int, int]]]:
    text, at = "", 0
    found = []
    for mark in _MARK.finditer(line):
        text += line[at : mark.start()]
        found.append((mark[1], len(text), len(text) + len(mark[2])))
        text += mark[2]
        at = mark.end()
    return text + line[at:], found


def _count(tally: Tally, name: str, veiled: Veiled, labels: list[Label]) -> None:
    text = veiled.original.full_text
    edited = {place for edit in veiled.edits for place in range(*edit.span)}
    for label in labels:
        words = [m for m in re.finditer(r"\w+", text[label.start : label.end]) if m.group().lower() not in _LIGHT]
        is_hidden = all(label.start + word.start() in edited for word in words)
        tally.labelled[label.kind] += 1
        tally.hidden[label.kind] += is_hidden
        if not is_hidden:
            tally.misses.append(f"{name}: missed {label.kind}: {text[max(0, label.start - 30) : label.end + 15]!r}")
    for item in veiled.replacements:
        is_right = any(label.start < item.span[1] and item.span[0] < label.end for label in labels)
        tally.made[item.kind] += 1
        tally.right[item.kind] += is_right
        if not is_right:
            tally.misses.append(f"{name}: wrong {item.kind}: {text[max(0, item.span[0] - 20) : item.span[1] + 20]!r}")
    for number in scan_numbers(text):
        if not any(label.start < number.end and number.start < label.end for label in labels):
            tally.numbers += 1
            tally.changed += any(place in edited for place in range(number.start, number.end))


def _ratio(part: int, whole: int) -> str:
    return f"{part:4d} / {whole:<4d} {part / whole:6.1%}" if whole else f"{'-':>11}       "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", choices=HALVES)
    asked = parser.parse_args()
    tallies = {half: measure(half) for half in HALVES}
    for half, tally in tallies.items():
        print(f"half {half}    replaced / labelled      right / made")
        for kind in KINDS:
            recall = _ratio(tally.hidden[kind], tally.labelled[kind])
            print(f"  {kind:8} {recall}     {_ratio(tally.right[kind], tally.made[kind])}")
        looked_for = [kind for kind in KINDS if kind != "place"]
        recall = _ratio(
            sum(tally.hidden[kind] for kind in looked_for), sum(tally.labelled[kind] for kind in looked_for)
        )
        print(f"  all      {recall}     {_ratio(tally.right.total(), tally.made.total())}   (without place)")
        print(f"  other numbers changed: {tally.changed} of {tally.numbers}")
    if asked.misses:
        print("\n".join(tallies[asked.misses].misses))
    segments = [(talk, talk.transcript) for part in (*PARTS, "generated") for talk in load_talks(part)]
    flagged = [len(find_suspicious(transcript)) for _, transcript in segments]
    n_segments = sum(len(transcript.segments) for _, transcript in segments)
    print(f"segments flagged as instructions in {len(flagged)} talks: {sum(flagged)} of {n_segments}   (wanted: 0)")


if __name__ == "__main__":
    main()
