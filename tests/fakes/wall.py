"""A hospital's wall with two models behind it: real clients of both, real servers that fail, rules that always answer.

What lives here: `Wall`, one visit to it, and the laws that every visit keeps whatever fails.
When to add here: another law, or the verdict on another fault.
What to keep out: the faults themselves (`model_server.py`, `model_replies.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal, Self, cast, get_args

from nurseconv_dagster.extraction.answers import Answer, Extraction
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.hosted.calls import CallDesk
from nurseconv_dagster.extraction.hosted.deadline import Deadline
from nurseconv_dagster.extraction.hosted.gemini import GeminiClient
from nurseconv_dagster.extraction.hosted.openai_compatible import OpenAIClient
from nurseconv_dagster.extraction.hosted.prices import PriceList
from nurseconv_dagster.extraction.hosted.reader import HostedReader
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from tests.fakes.model_replies import FOREIGN, INVENTED
from tests.fakes.model_server import Call, ModelServer
from tests.fakes.model_server import Provider as HostedName
from tests.fakes.talks import typed
from tests.fakes.truthful import Fact, TruthfulModel

CATALOGUE = load_catalogue()
TALK = typed(
    "nurse: Can you tell me your name and how old you are?",
    "patient: My name is Ada Lovett, I'm 72 years old.",
    "nurse: What brings you in today?",
    "patient: I've had a bad cough and a fever since Sunday.",
    "nurse: Any allergies?",
    "patient: I'm allergic to penicillin, it gives me hives.",
    "nurse: Which medicines do you take?",
    "patient: I take lisinopril 20 mg once a day.",
    "nurse: How bad is the pain from zero to ten?",
    "patient: It's about a four when I cough.",
    "nurse: Your blood pressure is 148 over 86 and your pulse is 102.",
)
MODEL = TruthfulModel(
    {
        "patient_name": [Fact("Ada Lovett")],
        "patient_age": [Fact("72 years old")],
        "chief_complaint": [Fact("a bad cough and a fever since Sunday")],
        "symptoms": [Fact("a bad cough and a fever since Sunday")],
        "allergies": [Fact("allergic to penicillin, it gives me hives")],
        "medications": [Fact("lisinopril 20 mg once a day")],
        "pain_level": [Fact("It's about a four")],
        "vital_signs": [Fact("blood pressure is 148 over 86 and your pulse is 102")],
    }
)
TOLD = ("patient_name", "patient_age", "allergies", "medications", "pain_level", "vital_signs")  # rules find them too

Who = Literal["gemini", "both"]
How = Literal["for ever", "once"]
SCENARIOS: tuple[tuple[Who, How], ...] = tuple((who, how) for who in get_args(Who) for how in get_args(How))
ENDLESS = ("silence", "slow_drip", "slow_headers", "stall_mid_body")
MAX_CALLS = 6  # of one pass over one window, all providers together

_VERDICTS = {
    "ProviderRateLimitedError": "rate_limited rate_limited_until rate_limited_untold rate_limited_retry_info",
    "ProviderQuotaError": "quota_exhausted payment_required",
    "ProviderUnavailableError": "server_error overloaded bad_gateway reset_before_headers reset_mid_body "
    "closed_mid_body no_http",
    "ProviderTimeoutError": " ".join(ENDLESS),
    "ProviderAuthError": "unauthorized forbidden bad_key_as_400",
    "ProviderRequestError": "moved model_not_found too_large bad_request",
    "ContextTooLongError": "context_too_long",
    "ProviderReplyError": "huge_body html_with_200 no_content no_utf8 deep_nesting compressed other_envelope "
    "safety_block filtered unfinished refusal_message truncated other_shape invented_quotes other_language "
    "wrong_question_ids wrong_segment_ids duplicate_keys nan empty_reply half_a_surrogate",
    # A call more, within the client or after a failure, and all is well.
    "": "server_error_once flapping wrong_content_type temperature_refused max_tokens_refused "
    "max_items_refused prose_around",
}
ERROR_OF = {fault: error for error, faults in _VERDICTS.items() for fault in faults.split()}
_MALFORMED = frozenset({"other_shape", "wrong_question_ids", "duplicate_keys", "nan", "empty_reply"})
_WAITED_FOR = frozenset({"ProviderRateLimitedError", "ProviderUnavailableError"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long anybody waits.

    Args:
        document_s: for all hosted providers together.
        provider_s: for one.
        sleep: between two calls.
    """

    document_s: float
    provider_s: float
    sleep: Callable[[float], None]


LONG = Patience(180.0, 90.0, lambda seconds: None)
"""As in production, but nobody sleeps: all calls that may be made are made."""
SHORT = Patience(3.0, 1.5, time.sleep)


@dataclass(slots=True)
class Visit:
    """What came of one talk.

    Args:
        n_calls: at the servers, by "main" (all questions) or "second" (a second opinion) and provider.
    """

    extraction: Extraction
    seconds: float
    patience: Patience
    n_calls: dict[Literal["main", "second"], Counter[str]] = field(default_factory=dict)

    @property
    def answers(self) -> dict[str, Answer]:
        return {answer.question_id: answer for answer in self.extraction.answers}

    @property
    def hops(self) -> tuple[str, ...]:
        return self.extraction.answers[0].hops

    @property
    def answered_by(self) -> str:
        """The first who could be asked."""
        return next(hop for hop in self.hops if ":" not in hop)

    @property
    def most_calls(self) -> int:
        """Of either pass."""
        return max(counter.total() for counter in self.n_calls.values())


class Wall:
    """Two servers and a client of each; use it as a context manager, visit it as often as you like.

    Args:
        profile: whose questions are asked.
        prices: of the calls.
    """

    def __init__(self, prices: PriceList, profile: str = "general") -> None:
        self._profile = profile
        self._prices = prices
        self._held = ExitStack()
        self.servers: dict[HostedName, ModelServer] = {name: ModelServer(MODEL.answer) for name in get_args(HostedName)}

    def __enter__(self) -> Self:
        for server in self.servers.values():
            self._held.enter_context(server)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def break_with(self, fault: str, who: Who, how: How) -> None:
        """What fails from now on."""
        for name, server in self.servers.items():
            server.calls.clear()
            is_broken = name == "gemini" or who == "both"
            server.script = _script(fault, how) if is_broken else ()

    def visit(self, desk: CallDesk, patience: Patience) -> Visit:
        """One talk, from its transcript to its answers. Clients are new: what they learn of a server is not kept."""
        gemini, openai = self.servers["gemini"], self.servers["openai"]
        clients = (
            GeminiClient("key-g", "gemini-2.5-flash", base_url=gemini.gemini_url),
            OpenAIClient("key-o", "gpt-4o-mini", base_url=openai.openai_url),
        )
        for server in self.servers.values():
            server.calls.clear()
        deadline = Deadline.after(patience.document_s)
        readers = [
            HostedReader(
                client,
                desk,
                prices=self._prices,
                deadline=deadline,
                privacy="cleared",
                provider_timeout_s=patience.provider_s,
                sleep=patience.sleep,
            )
            for client in clients
        ]
        started = time.monotonic()
        extraction = extract(TALK, self._profile, CATALOGUE, [*readers, RulesReader()])
        visit = Visit(extraction, time.monotonic() - started, patience)
        critical = {q.id for q in CATALOGUE.profiles[self._profile].questions if q.is_safety_critical}
        visit.n_calls = {"main": Counter(), "second": Counter()}
        for name, server in self.servers.items():
            for call in server.calls:
                visit.n_calls["second" if set(call.schema["properties"]) <= critical else "main"][name] += 1
        return visit


def broken_laws(visit: Visit, profile: str = "general") -> list[str]:
    """What the visit did that none may do; empty when all is well."""
    asked = [question.id for question in CATALOGUE.profiles[profile].questions]
    answers = visit.extraction.answers
    evidence = [item for answer in answers for item in answer.evidence]
    told = " ".join([item.quote for item in evidence] + [answer.answer_text or "" for answer in answers])
    laws = {
        "a question without an answer": [answer.question_id for answer in answers] == asked,
        "words that nobody said": all(TALK.full_text[i.start_char : i.end_char] == i.quote for i in evidence),
        "an invented quote": INVENTED not in told and FOREIGN not in told,
        "an answer that was told and is not there": all(
            visit.answers[name].state == "answered" for name in TOLD if name in visit.answers
        ),
        "too many calls": visit.most_calls <= MAX_CALLS,
        "too late": visit.seconds <= visit.patience.document_s + 5.0,
        "a provider that failed without an error": all(
            (call.outcome == "ok") == (call.error_class is None) for call in visit.extraction.calls
        ),
    }
    return [law for law, is_kept in laws.items() if not is_kept]


def expected_hops(fault: str, who: Who, how: How) -> tuple[str, ...]:
    """Who is asked and how each ends, when nobody is short of time."""
    left = {"gemini": 1.0 if how == "once" else float("inf"), "openai": 0.0}
    if who == "both":
        left["openai"] = left["gemini"]

    def ask(name: str) -> str:
        is_hit, left[name] = left[name] > 0, max(0.0, left[name] - 1)
        error = ERROR_OF[fault]
        if not is_hit or not error or (how == "once" and is_mended(fault)):
            return name
        return f"{name}:{error}"

    hops: list[str] = []
    for name, others in (("gemini", ("openai", "gemini")), ("openai", ("openai",))):
        hops.append(ask(name))
        if hops[-1] == name:
            for other in others:
                hops.append(ask(other))
                if hops[-1] == other:
                    break
            return tuple(hops)
    return (*hops, "rules")


def is_mended(fault: str) -> bool:
    """Whether calling once more helps, when only one call fails."""
    return not ERROR_OF[fault] or ERROR_OF[fault] in _WAITED_FOR or fault in _MALFORMED


def _script(fault: str, how: How) -> Callable[[Call], str | None]:
    # A fault "for ever" may itself end or come and go, by the number of the call.
    return lambda call: fault if how == "for ever" or call.number == 0 else None


def name_of(scenario: tuple[Who, How]) -> str:
    """For a table or a test's id."""
    return cast(str, f"{scenario[0]} {scenario[1]}")
