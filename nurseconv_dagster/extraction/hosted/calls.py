"""One call of a hosted model, as typed values, and the two protocols it goes through.

What lives here: `Prompt`, `Completion`, `Usage`; `ModelClient`, who carries a prompt to a model; `CallDesk`, what calls
of all processes share (replies already paid for, breakers, money, the row of each call).
When to add here: a field that every client or every desk must know.
What to keep out: SDKs (`gemini.py`, `openai_compatible.py`), SQL (store), what a reply means (`replies.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

Finish = Literal["stop", "length", "refused"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked.

    Args:
        system: who it is and the rules; the same for every transcript.
        user: questions and numbered segments.
        schema: JSON schema of the reply; every property required, nothing else allowed, no defaults.
        schema_name: letters and underscores.
        max_output_tokens: the reply is cut there, with finish "length".
    """

    system: str
    user: str
    schema: dict[str, Any]
    schema_name: str
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; null where it did not say.

    Args:
        n_tokens_in: of the prompt, cached ones included.
        n_tokens_out: of the reply, thinking not included.
        n_tokens_cached: of the prompt, billed at the cached price.
        n_tokens_thinking: billed as output.
    """

    n_tokens_in: int | None = None
    n_tokens_out: int | None = None
    n_tokens_cached: int | None = None
    n_tokens_thinking: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back.

    Args:
        text: the reply as sent; never parsed before `finish` was looked at.
        finish: "stop" is whole, "length" was cut, "refused" is a safety refusal.
        usage: tokens.
        model_name: the exact model that answered, as the provider names it.
    """

    text: str
    finish: Finish
    usage: Usage
    model_name: str


class ModelClient(Protocol):
    """Carries one prompt to one model; retries nothing, keeps nothing, logs no words."""

    @property
    def name(self) -> str:
        """As in `PROVIDER_ORDER`: "gemini", "openai"."""
        ...

    @property
    def model_name(self) -> str:
        """The model as configured."""
        ...

    @property
    def credential(self) -> str:
        """First 12 hex digits of the SHA-256 of key and address: a breaker for a bad key opens until this changes."""
        ...

    @property
    def max_input_tokens(self) -> int:
        """The model's own limit for prompt and transcript together."""
        ...

    def complete(self, prompt: Prompt, timeout_s: float) -> Completion:
        """The model's reply, within `timeout_s` wall seconds of the call, whatever the server does.

        Raises:
            ProviderRateLimitedError, ProviderQuotaError, ProviderTimeoutError, ProviderUnavailableError: transient.
            ProviderAuthError, ProviderRequestError, ContextTooLongError, ProviderReplyError: permanent.
        """
        ...


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What the desk must know before a call may be made.

    Args:
        provider: "gemini", "openai".
        model_name: as configured.
        credential: see `ModelClient.credential`.
        question_ids: asked in this call.
        estimated_usd: the most it can cost: all of the prompt and all of `max_output_tokens`; reserved, then settled.
        price_version: date of the price file; null for a model without a price (an own server), which costs nothing.
        timeout_s: after this the call is over, whatever became of its process.
    """

    provider: str
    model_name: str
    credential: str
    question_ids: tuple[str, ...]
    estimated_usd: float
    price_version: str | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a call ended.

    Args:
        error_class: name of the error; null when it went well.
        retry_after_s: seconds that the provider told us to wait; null when it did not say.
        cost_usd: what it cost; of a failed call 0 where the provider bills none, the estimate where it may.
        latency_s: wall seconds.
    """

    latency_s: float
    cost_usd: float
    usage: Usage
    error_class: str | None = None
    retry_after_s: float | None = None


class CallDesk(Protocol):
    """What the calls for one upload share with all other processes. Bound to its upload, unit and attempt."""

    def find_reply(self, key: str) -> Completion | None:
        """A reply that was paid for before; null when there is none."""
        ...

    def keep_reply(self, key: str, completion: Completion) -> None:
        """Kept with the upload, erased with it."""
        ...

    def open_call(self, request: CallRequest) -> UUID:
        """The row of a call that may be made now: its breaker lets it through and its money is reserved.

        Raises:
            BreakerOpenError, BudgetSpentError: transient; this provider is passed over for now.
        """
        ...

    def close_call(self, call_id: UUID, outcome: CallOutcome) -> None:
        """The call's end on its row: money settled, breaker told."""
        ...
