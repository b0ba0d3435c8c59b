"""One call to a model: allowed by the desk, made within its time, closed whatever happens, and recorded.

What lives here: `Caller`, and which failures cost nothing.
When to add here: something that is true of every single call.
What to keep out: whether to call again (`asking.py`), what is asked (`prompt.py`), SDKs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from nurseconv_dagster.errors import (
    BreakerOpenError,
    BudgetSpentError,
    ContextTooLongError,
    NurseconvError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from nurseconv_dagster.extraction.answers import ProviderCall
from nurseconv_dagster.extraction.hosted.calls import (
    CallDesk,
    CallOutcome,
    CallRequest,
    Completion,
    ModelClient,
    Prompt,
    Usage,
)
from nurseconv_dagster.extraction.hosted.deadline import Deadline
from nurseconv_dagster.extraction.hosted.prices import PriceList
from nurseconv_dagster.extraction.hosted.replies import Reading
from nurseconv_dagster.extraction.hosted.windows import prompt_tokens

MIN_CALL_S = 1.0  # with less time left a call could only be cut off, and might be billed
# No model has read the prompt, so nothing is billed. After a timeout, a reply that cannot be used or anything
# unforeseen it may have been read: then the estimate stands.
_UNBILLED = (
    ProviderRateLimitedError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderAuthError,
    ProviderRequestError,
    ContextTooLongError,
)


@dataclass(slots=True)
class Caller:
    """Makes single calls to one model for one upload and keeps their records.

    Args:
        client: carries the prompt.
        desk: what all processes share.
        prices: of the day.
        privacy: `PROVIDER_PRIVACY` in force.
        deadline: no call runs longer.
        calls: records are added here, one for each call that was made, refused by the desk or answered from memory.
    """

    client: ModelClient
    desk: CallDesk
    prices: PriceList
    privacy: str
    deadline: Deadline
    calls: list[ProviderCall]

    def call(
        self, prompt: Prompt, question_ids: tuple[str, ...], judge: Callable[[Completion], Reading]
    ) -> tuple[Completion, Reading]:
        """A reply that the judge found good, and what it says.

        Args:
            prompt: what is asked.
            question_ids: of the questions in it.
            judge: reads the reply, or raises; the call is recorded as it says.

        Raises:
            BreakerOpenError, BudgetSpentError, ProviderTimeoutError: transient; the call was not made.
            TransientError, PermanentError: as the client or the judge raised them.
        """
        request = self._request(prompt, question_ids)
        call_id = self._open(request)
        began = self.deadline.clock()
        completion: Completion | None = None
        try:
            completion = self._carry(prompt, request.timeout_s)
            reading = judge(completion)
        except BaseException as error:  # whatever it was, the row must not stay open with its money reserved
            self._close(call_id, request, self.deadline.clock() - began, completion, error)
            raise
        self._close(call_id, request, self.deadline.clock() - began, completion, reading)
        return completion, reading

    def record_kept(self, question_ids: tuple[str, ...], reading: Reading) -> None:
        """A reply that had been paid for before was read again."""
        self.calls.append(self._record("ok", question_ids, Usage(), reading, cost_usd=0.0, is_cached=True))

    def record_skipped(self, question_ids: tuple[str, ...], error: NurseconvError) -> None:
        """A call that was not made, and why."""
        self.calls.append(self._record("skipped", question_ids, Usage(), error))

    def _request(self, prompt: Prompt, question_ids: tuple[str, ...]) -> CallRequest:
        provider, model = self.client.name, self.client.model_name
        return CallRequest(
            provider=provider,
            model_name=model,
            credential=self.client.credential,
            question_ids=question_ids,
            estimated_usd=self.prices.estimate_usd(provider, model, prompt_tokens(prompt), prompt.max_output_tokens),
            price_version=self.prices.version,
            timeout_s=self.deadline.left_s(),
        )

    def _open(self, request: CallRequest) -> UUID:
        try:
            if request.timeout_s < MIN_CALL_S:
                raise _too_late(self.client.name)
            return self.desk.open_call(request)
        except (BreakerOpenError, BudgetSpentError, ProviderTimeoutError) as error:
            self.record_skipped(request.question_ids, error)
            raise

    def _carry(self, prompt: Prompt, timeout_s: float) -> Completion:
        timeout_s = min(timeout_s, self.deadline.left_s())  # the desk may have waited for others meanwhile
        if timeout_s <= 0:
            raise _too_late(self.client.name)
        return self.client.complete(prompt, timeout_s)

    def _close(
        self,
        call_id: UUID,
        request: CallRequest,
        latency_s: float,
        completion: Completion | None,
        end: Reading | BaseException,
    ) -> None:
        usage = completion.usage if completion is not None else Usage()
        cost_usd = self._cost(request, completion, end)
        outcome: Literal["ok", "error"] = "ok" if isinstance(end, Reading) else "error"
        record = self._record(outcome, request.question_ids, usage, end, cost_usd=cost_usd)
        self.calls.append(replace(record, id=call_id, latency_s=latency_s, price_version=request.price_version))
        told = getattr(end, "retry_after_s", None)
        self.desk.close_call(call_id, CallOutcome(latency_s, cost_usd, usage, record.error_class, told))

    def _cost(self, request: CallRequest, completion: Completion | None, end: Reading | BaseException) -> float:
        if completion is None:
            return 0.0 if isinstance(end, _UNBILLED) else request.estimated_usd
        if completion.usage.n_tokens_in is None or completion.usage.n_tokens_out is None:
            return request.estimated_usd  # a server that does not count
        return self.prices.cost_usd(request.provider, request.model_name, completion.usage)

    def _record(
        self,
        outcome: Literal["ok", "error", "skipped"],
        question_ids: tuple[str, ...],
        usage: Usage,
        end: Reading | BaseException,
        *,
        cost_usd: float | None = None,
        is_cached: bool = False,
    ) -> ProviderCall:
        reading = end if isinstance(end, Reading) else Reading((), 0)
        made = sum(claim.state != "not_asked" for claim in reading.claims) + reading.n_dropped
        return ProviderCall(
            provider=self.client.name,
            model_name=self.client.model_name,
            outcome=outcome,
            question_ids=question_ids,
            latency_s=0.0,
            n_claims_made=made,
            n_claims_dropped={"unknown_segment": reading.n_dropped} if reading.n_dropped else {},
            error_class=None if isinstance(end, Reading) else type(end).__name__,
            n_tokens_in=usage.n_tokens_in,
            n_tokens_out=usage.n_tokens_out,
            n_tokens_cached=usage.n_tokens_cached,
            n_tokens_thinking=usage.n_tokens_thinking,
            cost_usd=cost_usd,
            privacy=self.privacy,
            is_cached=is_cached,
        )


def _too_late(provider: str) -> ProviderTimeoutError:
    return ProviderTimeoutError(f"no time was left to ask {provider}; it is asked again with the next attempt")
