"""The provider chain: questions and transcript go in, one checked answer per question comes out.

What lives here: `extract()`, the order in which providers are asked, and the counts of every call.
When to add here: a rule about who is asked when.
What to keep out: what providers do (`providers/`), checks of claims (`checking.py`), weighing them (`merging.py`).

Who is asked when: a hosted provider that answers ends the chain. The offline readers, `local` and `rules`, are cheap
and read differently, so where they stand side by side all of them are asked and compared. A provider that fails is
recorded and the next one is asked.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from nurseconv_dagster.errors import CatalogueError, NurseconvError, PermanentError, SettingsError, TransientError
from nurseconv_dagster.extraction.answers import Answer, Claim, Extraction, ProviderCall
from nurseconv_dagster.extraction.checking import Accepted, Dropped, check_claim
from nurseconv_dagster.extraction.confidence import Weights, load_weights
from nurseconv_dagster.extraction.merging import Candidate, Decision, decide
from nurseconv_dagster.extraction.questions import Catalogue, Profile, Provider, Question
from nurseconv_dagster.extraction.rendering import NONE_STATED, render
from nurseconv_dagster.speech.transcripts import Transcript

OFFLINE = frozenset({"local", "rules"})


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one provider that could be asked came back with."""

    provider: Provider
    latency_s: float
    accepted: dict[str, list[Accepted]]


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
        TransientError, PermanentError: every provider failed; transient when trying one of them again can help.
    """
    asked = find_profile(catalogue, profile)
    if transcript.outcome == "no_speech":
        nothing = Decision("not_applicable", None, True, None, (), None, ())
        answers = tuple(
            _answer(question, nothing, [], catalogue=catalogue, threshold=1.0, n_questions=1)
            for question in asked.questions
        )
        return Extraction(answers, (), catalogue.version)
    calls: list[ProviderCall] = []

    def record(call: ProviderCall) -> None:
        calls.append(call)
        if on_call is not None:
            on_call(call)

    replies = _ask_in_order(transcript, asked, providers, record)
    answers = tuple(
        _answer(
            question,
            _decide(question, replies, transcript, confidence_threshold, weights or load_weights()),
            replies,
            catalogue=catalogue,
            threshold=confidence_threshold,
            n_questions=len(asked.questions),
        )
        for question in asked.questions
    )
    return Extraction(answers, tuple(calls), catalogue.version)


def find_profile(catalogue: Catalogue, name: str) -> Profile:
    """The profile of this name.

    Raises:
        CatalogueError: permanent; the message lists those there are.
    """
    if name not in catalogue.profiles:
        known = ", ".join(sorted(catalogue.profiles))
        raise CatalogueError(f"the catalogue has no profile of the name asked for; it has: {known}")
    return catalogue.profiles[name]


def _ask_in_order(
    transcript: Transcript, profile: Profile, providers: Sequence[Provider], record: Callable[[ProviderCall], None]
) -> list[_Reply]:
    """Replies of the first step of the chain in which anybody could be asked."""
    if not providers:
        raise SettingsError("PROVIDER_ORDER names no provider that is configured; add rules, which needs nothing")
    errors: list[NurseconvError] = []
    for step in _steps(providers):
        outcomes = [_ask(provider, profile, transcript, record) for provider in step]
        replies = [outcome for outcome in outcomes if isinstance(outcome, _Reply)]
        if replies:
            return replies
        errors += [outcome for outcome in outcomes if isinstance(outcome, NurseconvError)]
    raise next((error for error in errors if isinstance(error, TransientError)), errors[-1])


def _steps(providers: Sequence[Provider]) -> list[list[Provider]]:
    """Neighbouring offline readers together, every other provider by itself."""
    steps: list[list[Provider]] = []
    for is_offline, group in groupby(providers, key=lambda provider: provider.name in OFFLINE):
        members = list(group)
        steps += [members] if is_offline else [[member] for member in members]
    return steps


def _ask(
    provider: Provider, profile: Profile, transcript: Transcript, record: Callable[[ProviderCall], None]
) -> _Reply | NurseconvError:
    started = time.perf_counter()
    question_ids = tuple(question.id for question in profile.questions)
    try:
        claims = provider.propose(profile.questions, transcript)
    except (TransientError, PermanentError) as error:
        latency_s = time.perf_counter() - started
        call = ProviderCall(
            provider.name, provider.model_name, "error", question_ids, latency_s, error_class=type(error).__name__
        )
        record(call)
        return error
    latency_s = time.perf_counter() - started
    made = [claim for claim in claims if claim.state != "not_asked"]
    checked = [_check(claim, profile, transcript) for claim in made]
    record(_count(provider, question_ids, latency_s, checked))
    accepted: dict[str, list[Accepted]] = {}
    for result in checked:
        if isinstance(result, Accepted):
            accepted.setdefault(result.question.id, []).append(result)
    return _Reply(provider, latency_s, accepted)


def _check(claim: Claim, profile: Profile, transcript: Transcript) -> Accepted | Dropped:
    question = next((question for question in profile.questions if question.id == claim.question_id), None)
    return Dropped("unknown_question") if question is None else check_claim(claim, question, transcript)


def _count(
    provider: Provider, question_ids: tuple[str, ...], latency_s: float, checked: Sequence[Accepted | Dropped]
) -> ProviderCall:
    with_numbers = [result for result in checked if result.has_numbers]
    return ProviderCall(
        provider=provider.name,
        model_name=provider.model_name,
        outcome="ok",
        question_ids=question_ids,
        latency_s=latency_s,
        n_claims_made=len(checked),
        n_claims_accepted=sum(isinstance(result, Accepted) for result in checked),
        n_claims_dropped=dict(Counter(result.reason for result in checked if isinstance(result, Dropped))),
        n_claims_with_numbers=len(with_numbers),
        n_claims_with_faithful_numbers=sum(result.is_faithful for result in with_numbers),
    )


def _decide(
    question: Question, replies: Sequence[_Reply], transcript: Transcript, threshold: float, weights: Weights
) -> Decision:
    candidates = [
        Candidate(i, accepted) for i, reply in enumerate(replies) for accepted in reply.accepted.get(question.id, ())
    ]
    return decide(candidates, transcript.full_text, threshold, weights)


def _answer(
    question: Question,
    decision: Decision,
    replies: Sequence[_Reply],
    *,
    catalogue: Catalogue,
    threshold: float,
    n_questions: int,
) -> Answer:
    """The row of one question; the provider's time is shared over the questions it was asked."""
    reply = replies[decision.provider] if decision.provider is not None else None
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
        answer_text=_answer_text(question, decision),
        answer_value=decision.value,
        is_valid=decision.is_valid,
        confidence_score=decision.confidence,
        is_confident=decision.confidence is not None and decision.confidence >= threshold,
        needs_review=bool(decision.review_reasons),
        review_reasons=decision.review_reasons,
        evidence=decision.evidence,
        provider=reply.provider.name if reply else "none",
        model_name=reply.provider.model_name if reply else "",
        prompt_sha256=reply.provider.prompt_sha256 if reply else "",
        catalogue_version=catalogue.version,
        processing_time_s=reply.latency_s / n_questions if reply else 0.0,
    )


def _answer_text(question: Question, decision: Decision) -> str | None:
    """From the value; "none" for a denial; the quotes side by side for a conflict or where no value could be typed."""
    if decision.state == "denied":
        return NONE_STATED
    if decision.state == "answered" and decision.value is not None:
        return render(question, decision.value)
    if decision.state in ("answered", "conflicting"):
        return " / ".join(item.quote for item in decision.evidence)
    return None
