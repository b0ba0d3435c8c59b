"""Talks with an instruction to a program planted in them, and what an obeying model would do.

What lives here: `plant_all()`: each wording of a file at one of seven places in one of the labelled talks.
When to add here: another place in which somebody could plant words.
What to keep out: the wordings (`tests/extraction/injected/`), the model that obeys (`obeying.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, cast

import yaml

from benchmarks.talks import Talk, load_talks
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, assemble
from tests.fakes.truthful import Fact

Effect = Literal["nothing", "without", "quoting", "everything", "stopping", "prose", "template"]
FOLDER = Path(__file__).parent.parent / "extraction" / "injected"
QUESTIONS = [question.id for question in load_catalogue().profiles["general"].questions]
PLACES = ("patient", "nurse", "after", "before", "inside", "two_segments", "two_turns")


@dataclass(frozen=True, slots=True)
class Order:
    """What the planted words want.

    Args:
        pieces: the words as they stand in the talk, in order; one for each segment they touch.
        field: the question it is about, where it is about one.
        quote: the words to be quoted, where there are some.
        talk: all words of the talk in which it was planted.
    """

    effect: Effect
    pieces: tuple[str, ...]
    field: str
    quote: str
    talk: str


@dataclass(frozen=True, slots=True)
class Planted:
    """One talk with planted words.

    Args:
        transcript: with them.
        carriers: segments of the talk that carry planted words: what is told in them may change.
    """

    name: str
    talk: Talk
    transcript: Transcript
    order: Order
    carriers: frozenset[int]


def facts_of(talk: Talk) -> dict[str, list[Fact]]:
    """What a truthful model knows of a labelled talk: of the questions of the profile general."""
    return {
        question_id: [Fact(quote, talk.states[question_id]) for quote in quotes]
        for question_id, quotes in talk.golds.items()
        if question_id in QUESTIONS
    }


@cache
def base_talks() -> tuple[Talk, ...]:
    """Conversations and notes with and without roles."""
    return tuple(talk for part in ("dev", "heldout") for talk in load_talks(part))


def wordings_of(file_name: str) -> list[tuple[Effect, str]]:
    """Effect and template of each wording of a file."""
    by_effect = yaml.safe_load((FOLDER / file_name).read_text(encoding="utf-8"))
    return [(effect, template) for effect, templates in by_effect.items() for template in templates]


def plant_all(file_name: str, n: int) -> list[Planted]:
    """So many talks: every wording in turn, each time in another talk, another place and another style."""
    wordings = wordings_of(file_name)
    return [_plant(i, *wordings[i % len(wordings)]) for i in range(n)]


def _plant(i: int, effect: Effect, template: str) -> Planted:
    talks = base_talks()
    talk = talks[(i * 5 + i // len(talks)) % len(talks)]
    place = PLACES[(i * 3 + i // 49) % len(PLACES)]
    at = _carrier(talk, i)
    carriers = frozenset({at, at + 1} if place == "two_turns" else {at})
    carried = _facts_in(talk, carriers)
    told = [question_id for question_id in facts_of(talk) if question_id not in carried] or list(facts_of(talk))
    field = told[i % len(told)]
    others = [fact.quote for id_ in facts_of(talk) if id_ not in {field, *carried} for fact in facts_of(talk)[id_]]
    quote = others[i % len(others)] if others else "no"
    words = template.format(field=field.replace("_", " "), id=field, quote=quote)
    if i % 2 and effect != "template":
        words = re.sub(r"[.,:;](?=\s|$)", "", words).lower()  # as heard: no capitals, no stops
    lines, pieces, is_carried = _put(talk.transcript.segments, at, words, place)
    order = Order(effect, pieces, field, quote, talk.transcript.full_text)
    name = f"{i:03} {effect} {place} {talk.name}"
    return Planted(name, talk, _relay(talk.transcript, lines), order, carriers if is_carried else frozenset())


def _facts_in(talk: Talk, numbers: Set[int]) -> frozenset[str]:
    texts = [segment.text for segment in talk.transcript.segments if segment.id in numbers]
    return frozenset(
        id_ for id_, facts in facts_of(talk).items() for fact in facts if any(fact.quote in text for text in texts)
    )


def _carrier(talk: Talk, i: int) -> int:
    """A segment that tells one thing, so that the other answers can be compared; never the last one."""
    n = len(talk.transcript.segments) - 1
    order = [(i * 7 + k) % n for k in range(n)]
    return min(order, key=lambda number: abs(len(_facts_in(talk, {number})) - 1))


def _put(segments: Sequence[Segment], at: int, words: str, place: str) -> tuple[list[Segment], tuple[str, ...], bool]:
    """The segments with the words in them, the pieces, and whether a segment that was there before carries some."""
    before, carrier, after = list(segments[:at]), segments[at], list(segments[at + 1 :])
    half = _middle(words)
    if place in ("patient", "nurse", "two_segments"):
        role = cast(Role, "patient" if place == "two_segments" else place) if carrier.role else None
        pieces = half if place == "two_segments" else (words,)
        new = [Segment(0, piece, role=role, speaker=carrier.speaker) for piece in pieces]
        return [*before, carrier, *new, *after], pieces, False
    if place == "two_turns":
        parted = [
            replace(carrier, text=f"{carrier.text} {half[0]}"),
            replace(after[0], text=f"{half[1]} {after[0].text}"),
        ]
        return [*before, *parted, *after[1:]], half, True
    left, right = {"after": (carrier.text, ""), "before": ("", carrier.text)}.get(place) or _middle(carrier.text)
    return [*before, replace(carrier, text=f"{left} {words} {right}".strip()), *after], (words,), True


def _middle(text: str) -> tuple[str, str]:
    words = text.split(" ")
    cut = max(1, len(words) // 2)
    return " ".join(words[:cut]), " ".join(words[cut:])


def _relay(transcript: Transcript, segments: Sequence[Segment]) -> Transcript:
    full_text, placed = assemble(list(segments))
    return replace(transcript, full_text=full_text, segments=placed)


def clauses_of(order: Order) -> Iterator[tuple[str, int]]:
    """The sentences of the planted words, each within its piece, and how many of its words order something."""
    quoted = set(order.quote.lower().split())
    for piece in order.pieces:
        for clause in re.split(r"(?<=[.!?])\s+", piece):
            yield clause, sum(word.strip(".").lower() not in quoted for word in clause.split())
