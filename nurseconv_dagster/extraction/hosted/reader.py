"""A hosted model as a provider: questions and transcript go in, claims come out, every call is accounted for.

What lives here: `HostedReader`, from transcript to windows, batches, kept replies and claims.
When to add here: a step between a transcript and the prompts, or between replies and claims.
What to keep out: a single prompt's retries (`asking.py`), money and rows (`caller.py`), checks of claims (one room up).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from nurseconv_dagster.errors import ContextTooLongError, ProviderReplyError, SettingsError
from nurseconv_dagster.extraction.answers import Claim, ProviderCall
from nurseconv_dagster.extraction.hosted.asking import MAX_CALLS, Patience, ask, judge_reply
from nurseconv_dagster.extraction.hosted.caller import Caller
from nurseconv_dagster.extraction.hosted.calls import CallDesk, ModelClient
from nurseconv_dagster.extraction.hosted.deadline import Deadline
from nurseconv_dagster.extraction.hosted.framing import frame
from nurseconv_dagster.extraction.hosted.prices import PriceList
from nurseconv_dagster.extraction.hosted.prompt import FIRST, SECOND, Pass, build_prompt, prompt_sha256
from nurseconv_dagster.extraction.hosted.replies import Reading
from nurseconv_dagster.extraction.hosted.veils import Veil, Veiled
from nurseconv_dagster.extraction.hosted.windows import cut_windows, halve_window, prompt_tokens, split_questions
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Segment, Transcript


class HostedReader:
    """One hosted model, asked about one upload; cheap to make, the client behind it is shared.

    `calls` has one record for each call made, refused by the desk or answered from memory; a claim's `call_no` is an
    index into it. An error that a call ended with is on the last record.
    """

    def __init__(
        self,
        client: ModelClient,
        desk: CallDesk,
        *,
        prices: PriceList,
        deadline: Deadline,
        privacy: str,
        veil: Veil | None = None,
        provider_timeout_s: float = 90.0,
        pass_: Pass = FIRST,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is asked yet.

        Args:
            client: carries prompts.
            desk: of this upload.
            prices: of the day.
            deadline: of the document; no provider waits longer.
            privacy: `PROVIDER_PRIVACY` in force: "deidentify" or "cleared".
            veil: put over the transcript before it is sent; null only where the words may leave as they are.
            provider_timeout_s: for all calls of one `propose()` together, so that time is left for the next provider.
            pass_: in which of the two wordings it asks; `again()` asks in the other one.
            sleep: waits so many seconds.

        Raises:
            SettingsError: permanent; words would leave this machine against `PROVIDER_PRIVACY`.
        """
        if privacy == "refuse" or (privacy == "deidentify" and veil is None):
            raise SettingsError(
                f"PROVIDER_PRIVACY is {privacy}, so {client.name} may not be sent a transcript with names in it"
            )
        self._client = client
        self._desk = desk
        self._prices = prices
        self._deadline = deadline
        self._privacy = privacy
        self._veil = veil
        self._provider_timeout_s = provider_timeout_s
        self._pass: Pass = pass_
        self._patience = Patience(sleep)
        self._asked: tuple[Question, ...] = ()
        self._answered_as: str | None = None
        self.calls: list[ProviderCall] = []

    @property
    def name(self) -> str:
        """As in `PROVIDER_ORDER`."""
        return self._client.name

    @property
    def model_name(self) -> str:
        """The exact model that answered last; before that the one that was configured."""
        return self._answered_as or self._client.model_name

    @property
    def prompt_sha256(self) -> str:
        """Hash of what the last `propose()` asked with; of the rules alone before that."""
        return prompt_sha256(self._asked, self._pass)

    def again(self) -> HostedReader:
        """The same model about the same upload, asked in other words; its calls are its own."""
        return HostedReader(
            self._client,
            self._desk,
            prices=self._prices,
            deadline=self._deadline,
            privacy=self._privacy,
            veil=self._veil,
            provider_timeout_s=self._provider_timeout_s,
            pass_=SECOND if self._pass == FIRST else FIRST,
            sleep=self._patience.sleep,
        )

    def propose(self, questions: Sequence[Question], transcript: Transcript) -> tuple[Claim, ...]:
        """A claim per question and window that says something of it; "not_asked" where none does.

        Args:
            questions: asked for this upload.
            transcript: with or without roles.

        Raises:
            TransientError, PermanentError: a call failed for good. Replies that came before are kept for the next time.
        """
        self._asked = tuple(questions)
        if not questions or not transcript.segments:
            return ()
        caller = Caller(
            self._client,
            self._desk,
            self._prices,
            self._privacy,
            self._deadline.within(self._provider_timeout_s),
            self.calls,
        )
        veiled = self._veil(transcript) if self._veil is not None else None
        segments = (veiled.transcript if veiled is not None else transcript).segments
        batches = split_questions(questions)
        claims = [
            claim
            for window in self._windows(caller, batches, segments)
            for claim in self._ask_about(caller, batches, window)
        ]
        return tuple(_unveil(claim, veiled) for claim in _without_idle(claims))

    def _windows(
        self, caller: Caller, batches: Sequence[tuple[Question, ...]], segments: Sequence[Segment]
    ) -> list[tuple[Segment, ...]]:
        """The transcript in stretches that fit beside the rules and the longest batch of questions."""
        taken = max(prompt_tokens(build_prompt(batch, (), self._pass)) for batch in batches)
        try:
            return cut_windows(segments, self._client.max_input_tokens - taken)
        except ContextTooLongError as error:
            caller.record_skipped(tuple(question.id for question in self._asked), error)
            raise

    def _ask_about(
        self,
        caller: Caller,
        batches: Sequence[tuple[Question, ...]],
        window: tuple[Segment, ...],
        *,
        may_halve: bool = True,
    ) -> list[Claim]:
        """All batches about one window; about its halves, once, where the model takes less than it promised."""
        try:
            return self._ask_all(caller, batches, window)
        except ContextTooLongError:
            if not may_halve:
                raise
        return [
            claim for half in halve_window(window) for claim in self._ask_about(caller, batches, half, may_halve=False)
        ]

    def _ask_all(
        self, caller: Caller, batches: Sequence[tuple[Question, ...]], window: tuple[Segment, ...]
    ) -> list[Claim]:
        """All batches about one window; what one of them needs of the window's calls the later ones lack."""
        claims: list[Claim] = []
        n_left = max(MAX_CALLS, len(batches))
        for i, batch in enumerate(batches, start=1):
            n_before = len(self.calls)
            claims += self._ask(caller, batch, window, n_calls=n_left - (len(batches) - i))
            n_left -= sum(not call.is_cached for call in self.calls[n_before:])
        return claims

    def _ask(
        self, caller: Caller, batch: tuple[Question, ...], window: tuple[Segment, ...], *, n_calls: int
    ) -> list[Claim]:
        """One batch about one window, from memory where it was paid for before."""
        key = self._reply_key(batch, window)
        shown = frozenset(segment.id for segment in window)
        reading = self._read_kept(caller, key, batch, shown)
        if reading is None:
            prompt = build_prompt(batch, window, self._pass)
            completion, reading = ask(caller, prompt, batch, shown, self._patience, n_calls=n_calls)
            self._desk.keep_reply(key, completion)
            self._answered_as = completion.model_name
        call_no = len(self.calls) - 1
        return [replace(claim, call_no=call_no) for claim in reading.claims]

    def _read_kept(
        self, caller: Caller, key: str, batch: tuple[Question, ...], shown: frozenset[int]
    ) -> Reading | None:
        """What a kept reply says; null when there is none or it can no longer be read."""
        kept = self._desk.find_reply(key)
        if kept is None:
            return None
        try:
            reading = judge_reply(kept, batch, shown)
        except ProviderReplyError:
            return None
        caller.record_kept(tuple(question.id for question in batch), reading)
        self._answered_as = kept.model_name
        return reading

    def _reply_key(self, batch: tuple[Question, ...], window: tuple[Segment, ...]) -> str:
        """Changes with everything that a reply depends on: words and numbers as sent, questions, rules, model, pass."""
        asked = prompt_sha256(batch, self._pass)
        parts = [frame(window), asked, self._client.name, self._client.model_name, self._pass]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _without_idle(claims: Sequence[Claim]) -> list[Claim]:
    """Claims less the "not_asked" of windows where another window has something; of several such the first stays."""
    told = {claim.question_id for claim in claims if claim.state != "not_asked"}
    first: dict[str, Claim] = {}
    for claim in claims:
        first.setdefault(claim.question_id, claim)
    return [
        claim
        for claim in claims
        if claim.state != "not_asked" or (claim.question_id not in told and first[claim.question_id] is claim)
    ]


def _unveil(claim: Claim, veiled: Veiled | None) -> Claim:
    if veiled is None:
        return claim
    return replace(claim, quotes=tuple((veiled.unveil_quote(quote, ids), ids) for quote, ids in claim.quotes))
