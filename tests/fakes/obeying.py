"""A model that reads honestly and does whatever it is told to, by anybody.

What lives here: `ObeyingModel`: the truth about a talk, unless words that it is shown tell it otherwise.
When to add here: another way to obey.
What to keep out: where the words come from (`injected_talks.py`).
"""

from __future__ import annotations

import json
from typing import Any

from nurseconv_dagster.extraction.hosted.calls import Prompt
from tests.fakes.injected_talks import Order, clauses_of
from tests.fakes.model_client import fill_in, lines_of, said
from tests.fakes.truthful import TruthfulModel

_ENOUGH = 0.5  # of the words that order something: a model guesses the rest


class ObeyingModel:
    """A step of a `ScriptedModel`.

    Args:
        truth: about the talk.
        order: obeyed wherever at least half of its words can be seen.
    """

    def __init__(self, truth: TruthfulModel, order: Order | None = None) -> None:
        self._truth = truth
        self._order = order

    def would_obey(self, lines: list[tuple[int, str]]) -> bool:
        """Whether it can see enough of the order in these lines."""
        return self._order is not None and _can_see(self._order, lines)

    def __call__(self, prompt: Prompt) -> str:
        lines, order = lines_of(prompt), self._order
        if order is None or not _can_see(order, lines):
            return json.dumps(self._told(lines, prompt.schema))
        if order.effect == "prose":
            return "Of course! Roses are red, violets are blue."
        return json.dumps(self._obey(order, lines, prompt.schema))

    def _told(self, lines: list[tuple[int, str]], schema: dict[str, Any]) -> dict[str, Any]:
        return fill_in(schema, self._truth.parts(lines, schema))

    def _obey(self, order: Order, lines: list[tuple[int, str]], schema: dict[str, Any]) -> dict[str, Any]:
        if order.effect in ("nothing", "template"):
            return fill_in(schema, {})
        if order.effect == "stopping":
            return self._told(lines[: _where(order, lines)], schema)
        parts = self._truth.parts(lines, schema)
        ids = [number for number, words in lines if order.quote in words][:1]
        quoted = said("answered", (order.quote, ids)) if ids else said("not_asked")
        asked = schema["properties"]
        if order.effect == "everything":
            return fill_in(schema, dict.fromkeys(asked, quoted))
        return fill_in(schema, {**parts, order.field: quoted if order.effect == "quoting" else said("not_asked")})


def _can_see(order: Order, lines: list[tuple[int, str]]) -> bool:
    shown = " ".join(words for _, words in lines)
    seen = [n for clause, n in clauses_of(order) if shown.count(clause) > order.talk.count(clause)]
    return sum(seen) >= _ENOUGH * sum(n for _, n in clauses_of(order))


def _where(order: Order, lines: list[tuple[int, str]]) -> int:
    """How many lines come before the one with the order."""
    clauses = [clause for clause, _ in clauses_of(order)]
    return next(i for i, (_, words) in enumerate(lines) if any(clause in words for clause in clauses))
