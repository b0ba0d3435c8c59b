"""Labelled talks and the marks that a reader gets on them.

What lives here: reading `tests/extraction/conversations/`, its markup, and token F1 as SQuAD counts it.
When to add here: another label or another mark.
What to keep out: readers, and printing (`reader.py`).

A talk is a text file: a head of `key: value` lines, `---`, the words. `[[id:words]]` marks an answer, `[[id!:words]]`
an explicit "no"; marks may nest. Head: `skip` (ids not judged), `only` (no others are judged), `declined`, `unable`
and `asked` (asked, and no answer came), `note: yes` (typed, without turns).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, assemble

FOLDER = Path(__file__).parent.parent / "tests" / "extraction" / "conversations"
PARTS = ("dev", "heldout", "probe")
GENERATED = "generated"

_ROLES: dict[str, Role] = {
    "nurse": "nurse", "nurse 1": "nurse", "nurse 2": "other", "doctor": "nurse", "patient": "patient",
    "caller": "family", "family": "family", "other": "other",
}  # fmt: skip
_LABEL = re.compile(r"(Nurse(?: [12])?|Doctor|Patient|Caller|Family|Other):\s+")
_MARK = re.compile(r"\[\[(\w+)(!?):|\]\]")
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_SILENT_STATES = {"declined": "declined", "unable": "unable", "asked": "asked_no_answer"}


@dataclass(frozen=True)
class Talk:
    """A transcript and what is known about it.

    Args:
        golds: question id -> the marked stretches, in order.
        states: question id -> state, for every id whose state is known; ids without one are `not_asked`.
        skipped: ids that are not judged.
    """

    name: str
    part: str
    profile: str
    transcript: Transcript
    golds: dict[str, tuple[str, ...]]
    states: dict[str, str]
    skipped: frozenset[str]
    only: frozenset[str]

    def judges(self, question_id: str) -> bool:
        """True when the talk's author has said what the question's answer is, or that there is none."""
        return question_id not in self.skipped and (not self.only or question_id in self.only)


def load_talks(part: str) -> list[Talk]:
    """All talks of one part: dev (tuned on), generated (fitted on), heldout, probe (only measured)."""
    return [_load(path, part) for path in sorted((FOLDER / part).glob("*.txt"))]


def token_f1(predicted: str, gold: str) -> float:
    """Overlap of words, 0..1, articles and punctuation left out.

    Source: the official evaluation script of SQuAD (Rajpurkar et al. 2016).
    """
    a, b = _norm(predicted), _norm(gold)
    if not a or not b:
        return float(a == b)
    same = sum((Counter(a) & Counter(b)).values())
    return 2 * same / (len(a) + len(b))


def answer_f1(quotes: list[str], golds: tuple[str, ...]) -> float:
    """The best of: all quotes against all golds; the joined quotes, or the first one, against any single gold."""
    joined = " ".join(quotes)
    pairs = [(joined, " ".join(golds)), *((said, gold) for gold in golds for said in (joined, quotes[0]))]
    return max(token_f1(said, gold) for said, gold in pairs)


def _norm(text: str) -> list[str]:
    bare = "".join(ch for ch in text.lower() if ch not in string.punctuation)
    return [word for word in bare.split() if word not in ("a", "an", "the")]


def _load(path: Path, part: str) -> Talk:
    head_text, body = path.read_text(encoding="utf-8").split("---\n", 1)
    head = dict(line.split(": ", 1) for line in head_text.strip().splitlines())
    plain, golds, states = _unmark(body.strip())
    for key, state in _SILENT_STATES.items():
        states.update(dict.fromkeys(head.get(key, "").split(), state))
    return Talk(
        name=path.stem,
        part=part,
        profile=head["profile"],
        transcript=transcript_of(plain, is_note=head.get("note") == "yes"),
        golds=golds,
        states=states,
        skipped=frozenset(head.get("skip", "").split()),
        only=frozenset(head.get("only", "").split()),
    )


def _unmark(body: str) -> tuple[str, dict[str, tuple[str, ...]], dict[str, str]]:
    text, at, states = "", 0, {}
    golds: dict[str, tuple[str, ...]] = {}
    open_marks: list[tuple[str, int]] = []
    for mark in _MARK.finditer(body):
        text += body[at : mark.start()]
        at = mark.end()
        if mark.group(1):
            open_marks.append((mark.group(1), len(text)))
            states[mark.group(1)] = "denied" if mark.group(2) else "answered"
        else:
            question_id, start = open_marks.pop()
            golds[question_id] = (*golds.get(question_id, ()), text[start:])
    return text + body[at:], golds, states


def transcript_of(text: str, *, is_note: bool = False) -> Transcript:
    """A transcript of labelled lines, of a typed note, or (running text) as if heard without roles."""
    lines = [line for line in text.splitlines() if line.strip()]
    is_labelled = all(_LABEL.match(line) for line in lines)
    if is_labelled:
        segments = [_turn(line) for line in lines]
    else:
        segments = [
            Segment(id=0, text=part) for line in lines for part in ([line] if is_note else _SENTENCE.split(line))
        ]
    full_text, placed = assemble(segments)
    return Transcript(
        outcome="speech", full_text=full_text, segments=placed, language="en", language_probability=None,
        model_name="typed", model_revision="", compute_type="", processing_time_s=0.0,
        duration_s=None if is_labelled or is_note else len(text) / 15,
    )  # fmt: skip


def _turn(line: str) -> Segment:
    label = _LABEL.match(line)
    assert label is not None
    speaker = label.group(1)
    return Segment(id=0, text=line[label.end() :], speaker=speaker, role=_ROLES[speaker.lower()])
