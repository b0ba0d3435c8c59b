"""Who is asked, in which order, and what each one came back with.

What lives here: `consult()`, the order of the chain, second opinions, and the counts of every call.
When to add here: a rule about who is asked when.
What to keep out: what providers do (`providers/`, `hosted/`), checks (`checking.py`), weighing (`merging.py`).

A hosted provider that answers ends the chain, unless nothing of what it claims stands in the transcript. The offline
readers, `local` and `rules`, are cheap and read differently, so where they stand side by side all of them are asked and
compared. A provider that fails is recorded and the next one is asked. Where a wrong answer harms, a hosted provider is
not believed alone: those questions are put to the next hosted provider too, or to the same one in other words.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from nurseconv_dagster.errors import NurseconvError, PermanentError, ProviderReplyError, SettingsError, TransientError
from nurseconv_dagster.extraction.answers import Claim, ProviderCall
from nurseconv_dagster.extraction.checking import Accepted, Dropped, check_claim
from nurseconv_dagster.extraction.questions import Hosted, Provider, Question
from nurseconv_dagster.speech.transcripts import Transcript

OFFLINE = frozenset({"local", "rules"})

Record = Callable[[ProviderCall], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one provider that could be asked came back with.

    Args:
        question_ids: what it was asked.
        accepted: by question.
        is_unfounded: a hosted provider claimed something and nothing of it was accepted: it made things up.
    """

    provider: Provider
    latency_s: float
    question_ids: frozenset[str]
    accepted: dict[str, list[Accepted]]
    is_unfounded: bool = False


@dataclass(frozen=True, slots=True)
class Consultation:
    """Everybody who was asked about one upload.

    Args:
        replies: the first one's, then those asked beside it or after it.
        hops: providers in the order asked, with ":" and the error where one failed.
        doubly_asked: questions on which two opinions were asked for and had.
        singly_asked: questions on which a second opinion was due and could not be had.
    """

    replies: tuple[Reply, ...]
    hops: tuple[str, ...]
    doubly_asked: frozenset[str] = frozenset()
    singly_asked: frozenset[str] = frozenset()


def consult(
    transcript: Transcript, questions: Sequence[Question], providers: Sequence[Provider], record: Record
) -> Consultation:
    """Replies of the first step of the chain in which anybody could be asked, and second opinions where they are due.

    Args:
        transcript: with speech.
        questions: of the profile.
        providers: in the order of `PROVIDER_ORDER`.
        record: told of each call as it ends.

    Raises:
        SettingsError: permanent; no provider is configured.
        TransientError, PermanentError: every provider failed; transient when trying one of them again can help. The
            group of all errors is its cause.
    """
    if not providers:
        raise SettingsError("PROVIDER_ORDER names no provider that is configured; add rules, which needs nothing")
    hops: list[str] = []
    errors: list[NurseconvError] = []
    steps = _steps(providers)
    for i, step in enumerate(steps):
        outcomes = [_ask(provider, questions, transcript, record) for provider in step]
        hops += [_hop(provider, outcome) for provider, outcome in zip(step, outcomes, strict=True)]
        replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        later = [provider for step in steps[i + 1 :] for provider in step]
        if replies and not (later and replies[0].is_unfounded):
            first = Consultation(tuple(replies), tuple(hops))
            return _with_second_opinion(first, later, transcript, questions, record)
        errors += [outcome for outcome in outcomes if isinstance(outcome, NurseconvError)]
    chosen = next((error for error in errors if isinstance(error, TransientError)), errors[-1])
    raise chosen from ExceptionGroup("every provider failed", errors)


def _with_second_opinion(
    had: Consultation,
    later: Sequence[Provider],
    transcript: Transcript,
    questions: Sequence[Question],
    record: Record,
) -> Consultation:
    """The consultation with another opinion on what harms when it is wrong, where a hosted provider answered."""
    first = had.replies[0].provider
    critical = [question for question in questions if question.is_safety_critical]
    ids = frozenset(question.id for question in critical)
    if not isinstance(first, Hosted) or not critical:
        return had
    hops = [*had.hops]
    for provider in (*(other for other in later if isinstance(other, Hosted)), first.again()):
        outcome = _ask(provider, critical, transcript, record)
        hops.append(_hop(provider, outcome))
        if isinstance(outcome, Reply) and not outcome.is_unfounded:
            return Consultation((*had.replies, outcome), tuple(hops), doubly_asked=ids)
    return Consultation(had.replies, tuple(hops), singly_asked=ids)


def _steps(providers: Sequence[Provider]) -> list[list[Provider]]:
    """Neighbouring offline readers together, every other provider by itself."""
    steps: list[list[Provider]] = []
    for is_offline, group in groupby(providers, key=lambda provider: provider.name in OFFLINE):
        members = list(group)
        steps += [members] if is_offline else [[member] for member in members]
    return steps


def _hop(provider: Provider, outcome: Reply | NurseconvError) -> str:
    if isinstance(outcome, Reply):
        return f"{provider.name}:{ProviderReplyError.__name__}" if outcome.is_unfounded else provider.name
    return f"{provider.name}:{type(outcome).__name__}"


def _ask(
    provider: Provider, questions: Sequence[Question], transcript: Transcript, record: Record
) -> Reply | NurseconvError:
    started = time.perf_counter()
    question_ids = tuple(question.id for question in questions)
    known = {question.id: question for question in questions}
    try:
        claims = provider.propose(questions, transcript)
    except (TransientError, PermanentError) as error:
        for call in _failed_calls(provider, question_ids, time.perf_counter() - started, error):
            record(call)
        return error
    latency_s = time.perf_counter() - started
    made = [claim for claim in claims if claim.state != "not_asked"]
    checked = [_check(claim, known, transcript) for claim in made]
    calls = list(_calls(provider, question_ids, latency_s, made, checked))
    for call in calls:
        record(call)
    accepted: dict[str, list[Accepted]] = {}
    for result in checked:
        if isinstance(result, Accepted):
            accepted.setdefault(result.question.id, []).append(result)
    # The calls count claims that named segments nobody was shown too.
    is_unfounded = isinstance(provider, Hosted) and not accepted and any(call.n_claims_made for call in calls)
    return Reply(provider, latency_s, frozenset(question_ids), accepted, is_unfounded)


def _check(claim: Claim, known: dict[str, Question], transcript: Transcript) -> Accepted | Dropped:
    question = known.get(claim.question_id)
    return Dropped("unknown_question") if question is None else check_claim(claim, question, transcript)


def _failed_calls(
    provider: Provider, question_ids: tuple[str, ...], latency_s: float, error: NurseconvError
) -> Sequence[ProviderCall]:
    """A hosted provider's own records, the error on the last one; of an offline reader one record."""
    error_class = type(error).__name__
    if isinstance(provider, Hosted) and any(call.error_class == error_class for call in provider.calls):
        return provider.calls
    return (
        ProviderCall(provider.name, provider.model_name, "error", question_ids, latency_s, error_class=error_class),
    )


def _calls(
    provider: Provider,
    question_ids: tuple[str, ...],
    latency_s: float,
    made: Sequence[Claim],
    checked: Sequence[Accepted | Dropped],
) -> Iterator[ProviderCall]:
    """The provider's calls with what became of each one's claims."""
    if not isinstance(provider, Hosted):
        call = ProviderCall(provider.name, provider.model_name, "ok", question_ids, latency_s)
        yield _counted(call, checked)
        return
    for i, call in enumerate(provider.calls):
        mine = [result for claim, result in zip(made, checked, strict=True) if claim.call_no == i]
        yield _counted(call, mine)


def _counted(call: ProviderCall, checked: Sequence[Accepted | Dropped]) -> ProviderCall:
    """The call with its claims counted; claims that its reader already gave up on stay in the counts."""
    unreadable = Counter(call.n_claims_dropped or {})
    dropped = Counter(result.reason for result in checked if isinstance(result, Dropped))
    with_numbers = [result for result in checked if result.has_numbers]
    return replace(
        call,
        n_claims_made=len(checked) + unreadable.total(),
        n_claims_accepted=sum(isinstance(result, Accepted) for result in checked),
        n_claims_dropped=dict(unreadable + dropped),
        n_claims_with_numbers=len(with_numbers),
        n_claims_with_faithful_numbers=sum(result.is_faithful for result in with_numbers),
    )
