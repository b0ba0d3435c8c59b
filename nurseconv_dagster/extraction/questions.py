"""The questions, as typed values: what a catalogue file holds once it is read, and what a provider must be able to do.

What lives here: `Question`, `Profile`, `Catalogue`, and the protocols `Provider` and `Hosted`.
When to add here: a field of the catalogue file, or something that every provider must promise.
What to keep out: reading the file (`catalogue.py`), checking claims, and everything that only one provider needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

from nurseconv_dagster.extraction.answers import Claim, ProviderCall
from nurseconv_dagster.speech.transcripts import Transcript

ValueType = Literal["text", "list", "integer", "number", "boolean", "choice", "quantity", "panel", "struct"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the catalogue, as asked for one profile.

    Args:
        id: stable, snake_case.
        text: as shown to people.
        wordings: other ways to ask it, the first being the one the bundled reader was trained on.
        cues: words and short phrases that show that the topic was raised by whoever asks.
        category: patient_info, social, medical_history, diagnosis, medications, allergies, assessment, neuro, systems,
            skin, devices, function, safety, treatment, discharge, follow_up, education.
        value_type: the kind of `schema`.
        schema: JSON schema of `answer_value`, with `x-unit` and plausible `x-range` where there are any.
        weight: 1..3.
        is_required: in the profile it was taken from.
        is_safety_critical: consensus and review.
        is_phi: names a person; kept out of `marts.answers`.
        asked_of: whose words may prove it; empty means anyone's.
        code: LOINC or OASIS, only where verified, else "".
    """

    id: str
    text: str
    wordings: tuple[str, ...]
    cues: tuple[str, ...]
    category: str
    value_type: ValueType
    schema: dict[str, Any]
    weight: float
    is_required: bool
    is_safety_critical: bool
    is_phi: bool
    asked_of: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """The questions asked of one kind of conversation, in order."""

    name: str
    title: str
    questions: tuple[Question, ...]
    target_facts_per_minute: float


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every profile, and the version that stands on each answer: `<version>+<first 12 of the file's SHA-256>`."""

    version: str
    profiles: dict[str, Profile]


class Provider(Protocol):
    """Whoever proposes answers: a language model, the local reader, the rules."""

    @property
    def name(self) -> str:
        """As it stands in `PROVIDER_ORDER` and on every row: "gemini", "openai", "local", "rules"."""
        ...

    @property
    def model_name(self) -> str:
        """Which model, with its revision; "" where there is none."""
        ...

    @property
    def prompt_sha256(self) -> str:
        """Hash of everything that shapes its claims besides questions and transcript (prompt, rules version)."""
        ...

    def propose(self, questions: Sequence[Question], transcript: Transcript) -> tuple[Claim, ...]:
        """At most one claim per question; none means "nothing found". Nothing here is believed before it is checked.

        A claim's `value` may be null: then the value is read from its quotes by the question's type.

        Raises:
            TransientError, PermanentError: the provider could not be asked; the chain records it and goes on.
        """
        ...


@runtime_checkable
class Hosted(Provider, Protocol):
    """A provider elsewhere: it accounts for its calls itself, and can be asked again in other words."""

    @property
    def calls(self) -> Sequence[ProviderCall]:
        """Every call made, refused or answered from memory, in order; a claim's `call_no` is an index into it."""
        ...

    def again(self) -> Self:
        """The same model about the same upload, asked in other words."""
        ...
