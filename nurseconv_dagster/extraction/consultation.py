"""Who is asked, in which order, and what each one came back with.

What lives here: `consult()`, the order of the chain, second opinions, and the counts of every call.
When to add here: a rule about who is asked when.
What to keep out: what providers do (`providers/`, `hosted/`), checks (`checking.py`), weighing (`merging.py`).

A hosted provider that answers ends the chain, unless nothing of what it claims stands in the transcript. The offline
readers, `local` and `rules`, are cheap and read differently, so where they stand side by side all of them are asked and
compared. A provider that fails is recorded and the next one is asked. Where a wrong answer harms, a hosted provider is
not believed alone: those questions are put to the next hosted provider too, or to the same one in other words.

A hosted model may obey what somebody says in a talk: it is not shown what could be an order to a program. The readers
on this machine obey nobody. They read all but plain orders, and are asked about what a hosted model left open.
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
from nurseconv_dagster.extraction.injection import find_passages
from nurseconv_dagster.extraction.questions import Hosted, Provider, Question
from nurseconv_dagster.extraction.withholding import Shown, withhold
from nurseconv_dagster.speech.transcripts import Transcript

OFFLINE = frozenset({"local", "rules"})
IDLE = "idle"
_STATED = frozenset({"answered", "denied"})

Record = Callable[[ProviderCall], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one provider that could be asked came back with.

    Args:
        question_ids: what it was asked.
        accepted: by question.
        is_unfounded: a hosted provider claimed something and nothing of it was accepted: it made things up.
        is_filler: asked only about what others left open.
    """

    provider: Provider
    latency_s: float
    question_ids: frozenset[str]
    accepted: dict[str, list[Accepted]]
    is_unfounded: bool = False
    is_filler: bool = False


@dataclass(frozen=True, slots=True)
class Consultation:
    """Everybody who was asked about one upload.

    Args:
        replies: the first one's, then those asked beside it or after it.
        hops: providers in the order asked, with ":" and the error where one failed, or "idle" where one found nothing
            in a talk in which there is something to find.
        doubly_asked: questions on which two opinions were asked for and had.
        singly_asked: questions on which a second opinion was due and could not be had.
    """

    replies: tuple[Reply, ...]
    hops: tuple[str, ...]
    doubly_asked: frozenset[str] = frozenset()
    singly_asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Views:
    """One transcript as the two kinds of readers see it.

    Args:
        here: for readers on this machine: without what reads like an order to a program.
        hosted: without what could be one either.
    """

    here: Shown
    hosted: Shown

    @classmethod
    def of(cls, transcript: Transcript) -> _Views:
        passages = find_passages(transcript)
        orders = [passage for passage in passages if passage.is_order]
        return cls(withhold(transcript, orders), withhold(transcript, passages))

    def shown_to(self, provider: Provider) -> Shown:
        return self.hosted if isinstance(provider, Hosted) else self.here


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
    views = _Views.of(transcript)
    hops: list[str] = []
    errors: list[NurseconvError] = []
    steps = _steps(providers)
    for i, step in enumerate(steps):
        outcomes = [_ask(provider, questions, views.shown_to(provider), record) for provider in step]
        hops += [_hop(provider, outcome) for provider, outcome in zip(step, outcomes, strict=True)]
        replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        later = [provider for step in steps[i + 1 :] for provider in step]
        if replies and not (later and replies[0].is_unfounded):
            if _is_idle(replies[0], later, views, questions, record):
                hops[-1] = f"{replies[0].provider.name}:{IDLE}"
                continue
            first = Consultation(tuple(replies), tuple(hops))
            had = _with_second_opinion(first, later, views, questions, record)
            return _filled(had, later, views, questions, record)
        errors += [outcome for outcome in outcomes if isinstance(outcome, NurseconvError)]
    chosen = next((error for error in errors if isinstance(error, TransientError)), errors[-1])
    raise chosen from ExceptionGroup("every provider failed", errors)


def _is_idle(
    reply: Reply, later: Sequence[Provider], views: _Views, questions: Sequence[Question], record: Record
) -> bool:
    """Whether a hosted provider found nothing where a reader on this machine that is asked later finds an answer."""
    if not isinstance(reply.provider, Hosted) or reply.accepted:
        return False
    return any(_fill(reader, questions, views, record) for reader in later if reader.name in OFFLINE)


def _filled(
    had: Consultation, later: Sequence[Provider], views: _Views, questions: Sequence[Question], record: Record
) -> Consultation:
    """The consultation with what readers on this machine find of what hosted providers left open.

    The rules cost nothing and are always asked; the others only where something was withheld.
    """
    found = frozenset().union(*(reply.accepted for reply in had.replies))
    left = [question for question in questions if question.id not in found]
    if not isinstance(had.replies[0].provider, Hosted) or not left:
        return had
    readers = [reader for reader in later if reader.name == "rules" or (views.hosted.runs and reader.name in OFFLINE)]
    replies = [reply for reader in readers if (reply := _fill(reader, left, views, record))]
    return replace(had, replies=(*had.replies, *replies))


def _fill(reader: Provider, questions: Sequence[Question], views: _Views, record: Record) -> Reply | None:
    """What a reader on this machine states of these questions; null when that is nothing."""
    outcome = _ask(reader, questions, views.here, record)
    if isinstance(outcome, NurseconvError):
        return None  # recorded as any failed call; nobody depends on it
    stated = {
        question_id: claims
        for question_id, accepted in outcome.accepted.items()
        if (claims := [claim for claim in accepted if claim.state in _STATED])
    }
    return replace(outcome, accepted=stated, is_filler=True) if stated else None


def _with_second_opinion(
    had: Consultation,
    later: Sequence[Provider],
    views: _Views,
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
        outcome = _ask(provider, critical, views.hosted, record)
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


def _ask(provider: Provider, questions: Sequence[Question], shown: Shown, record: Record) -> Reply | NurseconvError:
    started = time.perf_counter()
    question_ids = tuple(question.id for question in questions)
    known = {question.id: question for question in questions}
    try:
        claims = provider.propose(questions, shown.transcript)
    except (TransientError, PermanentError) as error:
        for call in _failed_calls(provider, question_ids, time.perf_counter() - started, error):
            record(call)
        return error
    latency_s = time.perf_counter() - started
    made = [claim for claim in claims if claim.state != "not_asked"]
    checked = [_check(claim, known, shown.transcript) for claim in made]
    calls = list(_calls(provider, question_ids, latency_s, made, checked))
    for call in calls:
        record(call)
    accepted: dict[str, list[Accepted]] = {}
    for result in checked:
        if isinstance(result, Accepted):
            restored = replace(result, evidence=shown.restore(result.evidence))
            accepted.setdefault(result.question.id, []).append(restored)
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
