"""A call desk in memory: replies are kept as the real one keeps them, calls are recorded, refusals come by script."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from nurseconv_dagster.errors import NurseconvError
from nurseconv_dagster.extraction.hosted.calls import CallOutcome, CallRequest, Completion


class MemoryDesk:
    """Keeps the `CallDesk` protocol; remembers what was asked of it.

    Args:
        refusals: one entry for each call of `open_call`, in order: the error to raise, or null to let it through;
            when they are used up every call is let through.
    """

    def __init__(self, refusals: Sequence[NurseconvError | None] = ()) -> None:
        self._refusals = list(refusals)
        self.replies: dict[str, Completion] = {}
        self.requests: list[CallRequest] = []
        self.opened: dict[UUID, CallRequest] = {}
        self.closed: dict[UUID, CallOutcome] = {}

    @property
    def outcomes(self) -> list[CallOutcome]:
        """How calls ended, in the order in which they were closed."""
        return list(self.closed.values())

    @property
    def still_open(self) -> set[UUID]:
        """Calls that were let through and never closed; empty after a provider has done its work properly."""
        return set(self.opened) - set(self.closed)

    def find_reply(self, key: str) -> Completion | None:
        return self.replies.get(key)

    def keep_reply(self, key: str, completion: Completion) -> None:
        self.replies.setdefault(key, completion)

    def open_call(self, request: CallRequest) -> UUID:
        self.requests.append(request)
        refusal = self._refusals.pop(0) if self._refusals else None
        if refusal is not None:
            raise refusal
        call_id = uuid4()
        self.opened[call_id] = request
        return call_id

    def close_call(self, call_id: UUID, outcome: CallOutcome) -> None:
        assert call_id in self.opened, "a call that was never opened was closed"
        assert call_id not in self.closed, "a call was closed twice"
        self.closed[call_id] = outcome
