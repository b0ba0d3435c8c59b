"""From transcript to answers: the providers are consulted, and one checked answer per question comes out.

What lives here: `extract()`, and how a decision becomes an `Answer`.
When to add here: something that every answer of an upload must carry.
What to keep out: who is asked (`consultation.py`), checks of claims (`checking.py`), weighing them (`merging.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nurseconv_dagster.errors import CatalogueError
from nurseconv_dagster.extraction.answers import Answer, Extraction, ProviderCall
from nurseconv_dagster.extraction.confidence import Weights, load_weights
from nurseconv_dagster.extraction.consultation import Consultation, consult
from nurseconv_dagster.extraction.injection import find_suspicious
from nurseconv_dagster.extraction.merging import Candidate, Decision, decide
from nurseconv_dagster.extraction.questions import Catalogue, Profile, Provider, Question
from nurseconv_dagster.extraction.rendering import write_answer
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.telemetry.traces import note_span

_log = logging.getLogger(__name__)
_NOTHING_APPLIES = Decision("not_applicable", None, True, None, (), None, ())


@dataclass(frozen=True, slots=True)
class _Case:
    """What the answers about one upload share.

    Args:
        consultation: who was asked, and what they said.
        text: the whole transcript.
        threshold: `CONFIDENCE_THRESHOLD`.
        weights: of the confidence.
        suspicious: segments that read like instructions to a program.
        catalogue_version: of the questions.
        n_questions: of the profile.
    """

    consultation: Consultation
    text: str
    threshold: float
    weights: Weights
    suspicious: frozenset[int]
    catalogue_version: str
    n_questions: int


def extract(
    transcript: Transcript,
    profile: str,
    catalogue: Catalogue,
    providers: Sequence[Provider],
    confidence_threshold: float = 0.5,
    *,
    weights: Weights | None = None,
    on_call: Callable[[ProviderCall], None] | None = None,
) -> Extraction:
    """One answer per question of the profile, in its order, and every provider call that led to them.

    Args:
        transcript: of one upload; with outcome `no_speech` nobody is asked and nothing applies.
        profile: name of a profile of the catalogue.
        catalogue: questions and version.
        providers: in the order of `PROVIDER_ORDER`, only those that are configured.
        confidence_threshold: `CONFIDENCE_THRESHOLD`, 0..1.
        weights: of the confidence; the product's own when null.
        on_call: told of each call as it ends, so that failed calls are known even when all fail.

    Raises:
        CatalogueError: permanent; the catalogue has no such profile.
        SettingsError: permanent; no provider is configured.
        TransientError, PermanentError: every provider failed; transient when trying one of them again can help. The
            group of all errors is its cause.
    """
    asked = find_profile(catalogue, profile)
    calls: list[ProviderCall] = []

    def record(call: ProviderCall) -> None:
        calls.append(call)
        _note(call)
        if on_call is not None:
            on_call(call)

    is_silent = transcript.outcome == "no_speech"
    case = _Case(
        consultation=Consultation((), ()) if is_silent else consult(transcript, asked.questions, providers, record),
        text=transcript.full_text,
        threshold=confidence_threshold,
        weights=weights or load_weights(),
        suspicious=frozenset(find_suspicious(transcript)),
        catalogue_version=catalogue.version,
        n_questions=len(asked.questions),
    )
    answers = tuple(
        _answer(question, _NOTHING_APPLIES if is_silent else _decide(question, case), case)
        for question in asked.questions
    )
    return Extraction(answers, tuple(calls), catalogue.version)


def _note(call: ProviderCall) -> None:
    """Logged and traced: who was asked, how it ended, how long it took."""
    facts = {
        "provider": call.provider, "model": call.model_name, "outcome": call.outcome, "error_class": call.error_class,
        "is_cached": call.is_cached,
    }  # fmt: skip
    _log.info("provider call %s", call.outcome, extra={**facts, "seconds": round(call.latency_s, 3)})
    note_span("provider call", call.latency_s, parent=None, **facts)


def find_profile(catalogue: Catalogue, name: str) -> Profile:
    """The profile of this name.

    Raises:
        CatalogueError: permanent; the message lists those there are.
    """
    if name not in catalogue.profiles:
        known = ", ".join(sorted(catalogue.profiles))
        raise CatalogueError(f"the catalogue has no profile of the name asked for; it has: {known}")
    return catalogue.profiles[name]


def _decide(question: Question, case: _Case) -> Decision:
    candidates = [
        Candidate(i, accepted)
        for i, reply in enumerate(case.consultation.replies)
        for accepted in reply.accepted.get(question.id, ())
    ]
    decision = decide(
        candidates,
        case.text,
        case.threshold,
        case.weights,
        needs_consensus=question.id in case.consultation.doubly_asked,
    )
    reasons = [*decision.review_reasons]
    if question.id in case.consultation.singly_asked and decision.evidence:
        reasons.append("no_second_opinion")
    if decision.provider is not None and case.consultation.replies[decision.provider].is_filler:
        reasons.append("missed_by_model")
    spoken_in = {id_ for item in decision.evidence for id_ in item.segment_ids}
    if case.suspicious & spoken_in or (case.suspicious and question.is_safety_critical):
        reasons.append("suspicious_passage")
    return replace(decision, review_reasons=tuple(reasons))


def _answer(question: Question, decision: Decision, case: _Case) -> Answer:
    """The row of one question; the provider's time is shared over the questions it was asked."""
    reply = case.consultation.replies[decision.provider] if decision.provider is not None else None
    return Answer(
        question_id=question.id,
        question_text=question.text,
        category=question.category,
        value_type=question.value_type,
        is_phi=question.is_phi,
        is_required=question.is_required,
        is_safety_critical=question.is_safety_critical,
        weight=question.weight,
        state=decision.state,
        answer_text=write_answer(question, decision.state, decision.value, decision.evidence),
        answer_value=decision.value,
        is_valid=decision.is_valid,
        confidence_score=decision.confidence,
        is_confident=decision.confidence is not None and decision.confidence >= case.threshold,
        needs_review=bool(decision.review_reasons),
        review_reasons=decision.review_reasons,
        evidence=decision.evidence,
        provider=reply.provider.name if reply else "none",
        model_name=reply.provider.model_name if reply else "",
        prompt_sha256=reply.provider.prompt_sha256 if reply else "",
        catalogue_version=case.catalogue_version,
        processing_time_s=reply.latency_s / case.n_questions if reply else 0.0,
        hops=case.consultation.hops,
        signs=decision.signs,
        confidence_version=None if decision.signs is None else case.weights.confidence_version,
    )
