"""The answer: the typed value that leaves the extraction room, and the claim that comes before it.

What lives here: states, grades, `Claim` (what a provider says), `Evidence`, `Answer` (what survived the checks),
`ProviderCall` (one row of `extraction_attempts`) and `Extraction` (all of it for one upload).
When to add here: a field that the store, the scores or the API need of every answer.
What to keep out: how evidence is found, and anything a single provider needs for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from nurseconv_dagster.speech.transcripts import Role

State = Literal[
    "answered", "denied", "not_asked", "asked_no_answer", "declined", "unable", "conflicting", "not_applicable"
]
Grade = Literal["exact", "normalised", "fuzzy"]

REVIEWER = "reviewer"  # the provider of an answer that a person has judged

STATES_WITH_EVIDENCE: frozenset[State] = frozenset({"answered", "denied", "conflicting"})


@dataclass(frozen=True, slots=True)
class Claim:
    """What a provider says, before any check.

    Args:
        question_id: the catalogue's id.
        state: what the provider says happened to the question.
        value: the typed value in the shape of the question's schema, or null.
        quotes: verbatim quotes, each with the ids of the segments it is said to stand in (empty: anywhere).
        probability: the provider's own, calibrated, 0..1; null where it has none.
        call_no: which of the provider's own calls made it, an index into its `calls`; null for offline readers.
    """

    question_id: str
    state: State
    value: Any = None
    quotes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    probability: float | None = None
    call_no: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stretch of the transcript that proves an answer.

    Args:
        quote: the transcript's own words: `full_text[start_char:end_char] == quote`.
        grade: how it was found from the provider's quote.
        segment_ids: the segments it runs over.
        start_char: offset into `full_text`, code points.
        end_char: one past the last code point.
        start_s: seconds into the recording of its first word; null for typed text.
        end_s: seconds of the end of its last word; null for typed text.
        role: who said it, null when unknown or several.
        similarity: 0..1 against the provider's quote; 1 for exact and normalised.
        word_probability: mean probability of its words; null for typed text.
    """

    quote: str
    grade: Grade
    segment_ids: tuple[int, ...]
    start_char: int
    end_char: int
    start_s: float | None
    end_s: float | None
    role: Role | None
    similarity: float = 1.0
    word_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's outcome for one upload, checked.

    Args:
        question_id: the catalogue's id; what the catalogue says of it (text, category, type, flags, weight as asked for
            this upload) is copied here, so that a row can be judged without the catalogue it came from.
        value_type: the kind of schema: text, list, integer, number, boolean, choice, quantity, panel, struct.
        state: one of the eight states.
        answer_text: rendered from the value (list items joined by "; "); null unless answered, denied or conflicting.
        answer_value: valid against the question's schema; null when there is none or it could not be typed.
        is_valid: the value fits type, unit and plausible range; true when there is no value to judge.
        confidence_score: 0..1, the formula of docs/scoring; null unless answered, denied or conflicting.
        is_confident: confidence_score >= CONFIDENCE_THRESHOLD.
        needs_review: a person should look: low confidence on a safety-critical question, invalid value, conflict,
            a role rule that could not be checked.
        review_reasons: why, as stable codes.
        evidence: best first; never empty for answered, denied (at least 1; a reviewer may do without) and conflicting
            (at least 2).
        provider: which provider's claim it is ("local", "rules", ...); "none" where nobody claimed anything, "reviewer"
            where a person has judged.
        model_name: which model; "" for rules.
        prompt_sha256: hash of what the provider was asked with (wordings, rules version).
        processing_time_s: wall seconds of the provider call, shared over its questions.
        hops: who was asked on the way to it, in order: a provider's name, with ":" and the error where it failed.
        signs: what the confidence was weighed from, 0..1, by name out of `confidence.SIGNS`; null without a confidence.
        confidence_version: of the weights; null without a confidence.
    """

    question_id: str
    question_text: str
    category: str
    value_type: str
    is_phi: bool
    is_required: bool
    is_safety_critical: bool
    weight: float
    state: State
    answer_text: str | None
    answer_value: Any
    is_valid: bool
    confidence_score: float | None
    is_confident: bool
    needs_review: bool
    review_reasons: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    provider: str
    model_name: str
    prompt_sha256: str
    catalogue_version: str
    processing_time_s: float
    hops: tuple[str, ...] = ()
    signs: Mapping[str, float | None] | None = None
    confidence_version: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call of one provider: a row of `extraction_attempts`. Counts and seconds, never words.

    Args:
        n_claims_dropped: by reason ("quote_not_found", "number_not_in_evidence", "bad_value", ...).
        n_claims_with_numbers: claims whose value holds a number; with the next field, number faithfulness.
        error_class: name of the error; null when it went well.
        privacy: `PROVIDER_PRIVACY` in force when words left this machine; null for a reader on it.
        is_cached: the reply had been paid for before; no call was made.
        id: of the row that was written when the call began; null while there is none.
    """

    provider: str
    model_name: str
    outcome: Literal["ok", "error", "skipped"]
    question_ids: tuple[str, ...]
    latency_s: float
    n_claims_made: int = 0
    n_claims_accepted: int = 0
    n_claims_dropped: dict[str, int] | None = None
    n_claims_with_numbers: int = 0
    n_claims_with_faithful_numbers: int = 0
    error_class: str | None = None
    n_tokens_in: int | None = None
    n_tokens_out: int | None = None
    n_tokens_cached: int | None = None
    n_tokens_thinking: int | None = None
    cost_usd: float | None = None
    price_version: str | None = None
    privacy: str | None = None
    is_cached: bool = False
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """All answers of one upload, one per question of its profile, and every provider call that led to them."""

    answers: tuple[Answer, ...]
    calls: tuple[ProviderCall, ...]
    catalogue_version: str
