"""A model that reads honestly: of what it knows to be true it says what stands in the transcript it is shown.

What lives here: `TruthfulModel`, whose `answer` fits a `ModelServer`, and `Fact`, one thing that it knows.
When to add here: another way of telling the truth.
What to keep out: how a reply goes wrong (`model_replies.py`), how a model is led astray (`injected_talks.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.model_client import fill_in, lines_in, said


@dataclass(frozen=True, slots=True)
class Fact:
    """One true thing, with the words that prove it.

    Args:
        quote: within one line.
        choice: where the question has choices.
    """

    quote: str
    state: str = "answered"
    choice: str | None = None


class TruthfulModel:
    """Knows a talk by heart and quotes only what it sees of it.

    Args:
        facts: by question.
    """

    def __init__(self, facts: Mapping[str, Sequence[Fact]]) -> None:
        self.facts = facts

    def answer(self, system: str, user: str, schema: dict[str, Any]) -> dict[str, Any]:
        """The reply's content, in the shape of the schema."""
        return fill_in(schema, self.parts(lines_in(user), schema))

    def parts(self, lines: Sequence[tuple[int, str]], schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """What it has to say of each question that it was asked, by question."""
        return {
            question_id: part
            for question_id, properties in schema["properties"].items()
            if (part := self._part(question_id, lines, has_choice="choice" in properties["properties"]))
        }

    def _part(self, question_id: str, lines: Sequence[tuple[int, str]], *, has_choice: bool) -> dict[str, Any] | None:
        seen = [
            (fact, next(number for number, words in lines if fact.quote in words))
            for fact in self.facts.get(question_id, ())
            if any(fact.quote in words for _, words in lines)
        ]
        if not seen:
            return None
        first = seen[0][0]
        quotes = [(fact.quote, (number,)) for fact, number in seen if fact.state == first.state]
        return said(first.state, *quotes, choice=(first.choice or "none") if has_choice else None)
