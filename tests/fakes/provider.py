"""A provider that says what it is told to, or fails as it is told to."""

from __future__ import annotations

from collections.abc import Sequence

from nurseconv_dagster.errors import NurseconvError
from nurseconv_dagster.extraction.answers import Claim
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript


class FakeProvider:
    """Keeps the `Provider` protocol; remembers how often it was asked.

    Args:
        name: as in `PROVIDER_ORDER`.
        claims: what it proposes, whatever it is asked.
        error: raised instead, when given.
    """

    def __init__(self, name: str, claims: Sequence[Claim] = (), error: NurseconvError | None = None) -> None:
        self._name = name
        self._claims = tuple(claims)
        self._error = error
        self.n_asked = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def model_name(self) -> str:
        return f"fake-{self._name}"

    @property
    def prompt_sha256(self) -> str:
        return "0" * 64

    def propose(self, questions: Sequence[Question], transcript: Transcript) -> tuple[Claim, ...]:
        self.n_asked += 1
        if self._error is not None:
            raise self._error
        return self._claims
