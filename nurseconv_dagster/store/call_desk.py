"""The desk of hosted calls on Postgres: what the calls of all processes share.

What lives here: `PostgresCallDesk`, which keeps the `CallDesk` protocol of `extraction.hosted.calls`.
When to add here: something else that a call must ask for before it begins or tell when it has ended.
What to keep out: the breaker's rules (`breaker_rules`), sums of money (`budgets`), calling a model (extraction).

A call is one row of `extraction_attempts`: written with its reservation when it begins, settled when it ends. Beginning
and ending are one short transaction each; no lock is held while a model works.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.dialects import postgresql

from nurseconv_dagster.errors import BreakerOpenError, UnknownUploadError
from nurseconv_dagster.extraction.hosted.calls import CallOutcome, CallRequest, Completion, Usage
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.breaker_rules import FOR_GOOD, BreakerRules, BreakerState, CallEnd, admit, next_state
from nurseconv_dagster.store.breakers import count_in_flight, lock_breaker, save_breaker
from nurseconv_dagster.store.budgets import ChallengeMoney, Limits, check_budgets
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.provider_tables import extraction_attempts as calls
from nurseconv_dagster.store.provider_tables import provider_replies as replies
from nurseconv_dagster.store.tables import conversation_uploads as uploads

# A call that used all of its time still has to write its end: without this it would not count for a moment.
_SETTLING_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 1.0


class PostgresCallDesk:
    """What the calls for one upload share with all other processes.

    Args:
        upload_id: whose calls these are; replies are kept with it.
        attempt: number of the upload's attempt.
        unit: whose money is spent; null when the upload has none.
        limits: on money.
        privacy: `PROVIDER_PRIVACY` in force, written on each call's row.
        rules: how patient the breaker is.
        challenge: the challenge that calls; null when the upload itself is worked on. A challenge finds no kept reply
            and keeps none: each of its calls is to be answered anew.
    """

    def __init__(
        self,
        engine: Engine,
        upload_id: UUID,
        attempt: int,
        unit: str | None,
        limits: Limits,
        *,
        privacy: str,
        rules: BreakerRules | None = None,
        challenge: ChallengeMoney | None = None,
    ) -> None:
        self._engine = engine
        self._upload_id = upload_id
        self._attempt = attempt
        self._unit = unit
        self._limits = limits
        self._privacy = privacy
        self._rules = rules or BreakerRules()
        self._challenge = challenge

    def find_reply(self, key: str) -> Completion | None:
        """A reply that was paid for before; null when there is none."""
        if self._challenge is not None:
            return None
        with transaction(self._engine) as connection:
            row = connection.execute(select(replies).where(replies.c.key == key)).first()
        if row is None:
            return None
        return Completion(codec.decode_text(row.reply), row.finish, Usage(**row.usage), row.model_name)

    def keep_reply(self, key: str, completion: Completion) -> None:
        """Kept with the upload, erased with it; the first of two replies to the same key stays."""
        if self._challenge is not None:
            return
        row = postgresql.insert(replies).values(
            key=key,
            upload_id=self._upload_id,
            reply=codec.encode_text(completion.text),
            finish=completion.finish,
            usage=asdict(completion.usage),
            model_name=completion.model_name,
        )
        with transaction(self._engine) as connection:
            if self._hold_upload(connection, against_erasure=True):
                connection.execute(row.on_conflict_do_nothing())

    def open_call(self, request: CallRequest) -> UUID:
        """The row of a call that may be made now: its breaker lets it through and its money is reserved.

        While a provider is not proven, calls beyond the few that may find out wait here, up to the call's own timeout.

        Raises:
            BreakerOpenError, BudgetSpentError: transient; this provider is passed over for now.
            UnknownUploadError: permanent; the upload is gone.
        """
        deadline = time.monotonic() + request.timeout_s
        longest_s = _FIRST_WAIT_S
        while True:
            call_id = self._try_open(request)
            if call_id is not None:
                return call_id
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise BreakerOpenError(
                    f"provider {request.provider} has not answered yet and is being tried by others; "
                    f"no place came free in {request.timeout_s:.0f} s."
                )
            # jitter, or all who wait would ask at the same moment
            time.sleep(min(random.uniform(longest_s / 2, longest_s), left_s))  # noqa: S311 - not a secret
            longest_s = min(longest_s * 2, _LONGEST_WAIT_S)

    def close_call(self, call_id: UUID, outcome: CallOutcome) -> None:
        """The call's end on its row: money settled, breaker told. Closing it again changes nothing."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(calls).where(calls.c.id == call_id)).first()
            if row is None:  # erased with its upload
                return
            # the breaker's row first, as in open_call: two orders of locks would block each other
            state, now = lock_breaker(connection, row.provider, row.credential)
            if not _settle(connection, call_id, outcome):
                return
            event = CallEnd(row.called_at, outcome.error_class, outcome.retry_after_s)
            following = next_state(state, event, now, self._rules)
            if following != state:
                save_breaker(connection, row.provider, row.credential, following)

    def _try_open(self, request: CallRequest) -> UUID | None:
        """The call's row, or null when the caller must wait."""
        with transaction(self._engine) as connection:
            if not self._hold_upload(connection):
                raise UnknownUploadError(f"upload {self._upload_id} is gone; no call was made for it.")
            state, now = lock_breaker(connection, request.provider, request.credential)
            n_in_flight = 0
            if not state.is_proven or state.n_failures:
                n_in_flight = count_in_flight(connection, request.provider, request.credential, now)
            admission = admit(state, n_in_flight, now, self._rules)
            if admission == "wait":
                return None
            if admission == "refuse":
                raise BreakerOpenError(_why_refused(request.provider, state, now))
            if request.price_version is not None:
                check_budgets(
                    connection,
                    self._upload_id,
                    self._unit,
                    request.estimated_usd,
                    limits=self._limits,
                    now=now,
                    challenge=self._challenge,
                )
            expires_at = now + timedelta(seconds=request.timeout_s + _SETTLING_S)
            if admission == "probe":
                probing = replace(state, probe_until=expires_at)
                save_breaker(connection, request.provider, request.credential, probing)
            return self._write_call(connection, request, now, expires_at)

    def _hold_upload(self, connection: Connection, *, against_erasure: bool = False) -> bool:
        """Whether the upload is there; its row stays until the transaction ends.

        Waited for here, while no lock that others need is held.

        Args:
            against_erasure: words are about to be written, so no erasure may come between. It waits for lease renewals
                too, which calls that only begin need not do.
        """
        mine = select(uploads.c.id).where(uploads.c.id == self._upload_id, uploads.c.status != "erased")
        lock = mine.with_for_update(read=True, key_share=not against_erasure)
        return connection.execute(lock).first() is not None

    def _write_call(self, connection: Connection, request: CallRequest, now: datetime, expires_at: datetime) -> UUID:
        row = insert(calls).values(
            upload_id=self._upload_id,
            attempt=self._attempt,
            challenge_id=self._challenge and self._challenge.id,
            unit=self._unit,
            provider=request.provider,
            credential=request.credential,
            model_name=request.model_name,
            privacy=self._privacy,
            outcome="started",
            question_ids=list(request.question_ids),
            reserved_usd=request.estimated_usd if request.price_version is not None else 0.0,
            price_version=request.price_version,
            called_at=now,
            expires_at=expires_at,
        )
        call_id: UUID = connection.execute(row.returning(calls.c.id)).scalar_one()
        return call_id


def _settle(connection: Connection, call_id: UUID, outcome: CallOutcome) -> bool:
    """Whether the call was still open; it has ended now."""
    settled: Row[Any] | None = connection.execute(
        update(calls)
        .where(calls.c.id == call_id, calls.c.outcome == "started")
        .values(
            outcome="ok" if outcome.error_class is None else "error",
            error_class=outcome.error_class,
            latency_s=outcome.latency_s,
            cost_usd=outcome.cost_usd,
            **asdict(outcome.usage),
        )
        .returning(calls.c.id)
    ).first()
    return settled is not None


def _why_refused(provider: str, state: BreakerState, now: datetime) -> str:
    if state.opened_until is not None and state.opened_until >= FOR_GOOD:
        return (
            f"provider {provider} is left alone until it gets another key ({state.reason}): set a key that it takes, "
            "or reset its breaker when the key has been mended."
        )
    if state.opened_until is not None and now < state.opened_until:
        return f"provider {provider} is left alone until {_clock(state.opened_until)} ({state.reason})."
    return f"provider {provider} failed ({state.reason}); one call is finding out whether it works again."


def _clock(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
