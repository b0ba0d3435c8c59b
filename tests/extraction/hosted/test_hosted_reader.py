"""Laws of the hosted reader: what a call may cost in tries, time and money, and what comes back for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from nurseconv_dagster.errors import (
    BreakerOpenError,
    BudgetSpentError,
    ContextTooLongError,
    NurseconvError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderReplyError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    SettingsError,
)
from nurseconv_dagster.extraction.answers import Claim
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.hosted.calls import Completion, Prompt, Usage
from nurseconv_dagster.extraction.hosted.deadline import Deadline
from nurseconv_dagster.extraction.hosted.prices import load_prices
from nurseconv_dagster.extraction.hosted.prompt import SECOND, prompt_sha256
from nurseconv_dagster.extraction.hosted.reader import HostedReader
from nurseconv_dagster.speech.transcripts import Transcript, assemble
from tests.fakes.desk import MemoryDesk
from tests.fakes.model_client import (
    HandClock,
    ScriptedModel,
    Step,
    answering,
    lines_of,
    long_talk,
    no_answers,
    quoting,
    reply_text,
    said,
    whole,
)
from tests.fakes.talks import typed

CATALOGUE = load_catalogue()
GENERAL = CATALOGUE.profiles["general"].questions
ADMISSION = CATALOGUE.profiles["admission"].questions
PRICES = load_prices(None, date(2026, 1, 1))
TALK = typed(
    "nurse: Any allergies?", "patient: I'm allergic to penicillin, it gives me hives.", "nurse: Pain?", "patient: No."
)
PENICILLIN = said("answered", ("allergic to penicillin, it gives me hives", [1]))
BUSY = ProviderUnavailableError("busy")


class Bench:
    """A reader with everything around it in view."""

    def __init__(
        self,
        *script: Step,
        desk: MemoryDesk | None = None,
        max_input_tokens: int = 1_000_000,
        takes_s: float = 1.0,
        deadline_s: float = 180.0,
        **more: Any,
    ) -> None:
        self.clock = HandClock()
        self.model = ScriptedModel(*script, clock=self.clock, takes_s=takes_s, max_input_tokens=max_input_tokens)
        self.desk = desk if desk is not None else MemoryDesk()
        settings = {"privacy": "cleared", **more}
        self.reader = HostedReader(
            self.model,
            self.desk,
            prices=PRICES,
            deadline=Deadline.after(deadline_s, self.clock),
            sleep=self.clock.sleep,
            **settings,
        )

    @property
    def n_calls(self) -> int:
        return len(self.model.prompts)

    def ask(self, talk: Transcript = TALK, questions: Sequence[Any] = GENERAL) -> tuple[Claim, ...]:
        try:
            return self.reader.propose(questions, talk)
        finally:
            assert not self.desk.still_open
            assert len([call for call in self.reader.calls if call.id is not None]) == len(self.desk.opened)

    def fails(self, kind: type[BaseException], talk: Transcript = TALK, questions: Sequence[Any] = GENERAL) -> Any:
        with pytest.raises(kind) as caught:
            self.ask(talk, questions)
        return caught.value


def talk_of(n: int) -> Transcript:
    full_text, segments = assemble(list(long_talk(n)))
    return Transcript("speech", full_text, segments, "en", None, "typed", "", "", 0.0, None)


def only(claims: Sequence[Claim], question_id: str) -> list[Claim]:
    return [claim for claim in claims if claim.question_id == question_id]


# ---------------------------------------------------------------- what comes back


def test_a_good_reply_costs_one_call_and_gives_a_claim_per_question() -> None:
    bench = Bench(answering(allergies=PENICILLIN))
    claims = bench.ask()
    assert bench.n_calls == 1
    assert [claim.question_id for claim in claims] == [question.id for question in GENERAL]
    assert only(claims, "allergies")[0].quotes == (("allergic to penicillin, it gives me hives", (1,)),)
    assert {claim.state for claim in claims} == {"answered", "not_asked"}
    assert {claim.call_no for claim in claims} == {0}


def test_its_claims_stand_up_to_the_checks_of_the_chain() -> None:
    yes_no = said("answered", ("No.", [3]))
    result = extract(TALK, "general", CATALOGUE, [Bench(answering(allergies=PENICILLIN, pain_level=yes_no)).reader])
    answers = {answer.question_id: answer for answer in result.answers}
    assert answers["allergies"].answer_value == [{"substance": "penicillin", "reaction": "hives"}]
    assert (answers["pain_level"].state, answers["pain_level"].answer_value) == ("answered", 0)
    assert (answers["allergies"].provider, answers["allergies"].model_name) == ("gemini", "gemini-2.5-flash-001")
    assert answers["allergies"].prompt_sha256 == prompt_sha256(GENERAL)


def test_a_good_call_is_recorded_with_tokens_cost_and_privacy() -> None:
    bench = Bench(answering(allergies=PENICILLIN))
    bench.ask()
    (call,) = bench.reader.calls
    (outcome,) = bench.desk.outcomes
    (request,) = bench.desk.requests
    assert (call.outcome, call.privacy, call.is_cached, call.error_class) == ("ok", "cleared", False, None)
    assert (call.n_tokens_in, call.n_tokens_out, call.latency_s, call.n_claims_made) == (1000, 100, 1.0, 1)
    assert call.id in bench.desk.closed
    assert call.question_ids == request.question_ids == tuple(question.id for question in GENERAL)
    assert call.cost_usd == outcome.cost_usd == PRICES.cost_usd("gemini", "gemini-2.5-flash", outcome.usage)
    assert call.price_version == request.price_version == PRICES.version
    assert outcome.cost_usd < request.estimated_usd


def test_claims_about_segments_that_do_not_exist_are_counted_as_dropped() -> None:
    bench = Bench(answering(allergies=said("answered", ("penicillin", [77])), pain_level=said("answered", ("No", [3]))))
    assert not only(bench.ask(), "allergies")
    assert bench.reader.calls[0].n_claims_dropped == {"unknown_segment": 1}
    assert bench.reader.calls[0].n_claims_made == 2


def test_a_server_that_counts_no_tokens_is_charged_the_estimate() -> None:
    bench = Bench(lambda prompt: replace(whole(reply_text(prompt)), usage=Usage()))
    bench.ask()
    assert bench.desk.outcomes[0].cost_usd == bench.desk.requests[0].estimated_usd > 0


def test_nothing_is_asked_without_words_or_without_questions() -> None:
    bench = Bench()
    assert bench.ask(typed()) == ()
    assert bench.ask(TALK, ()) == ()
    assert bench.n_calls == 0


# ---------------------------------------------------------------- paid once


def test_what_was_paid_for_is_never_paid_for_twice() -> None:
    first = Bench(answering(allergies=PENICILLIN))
    claims = first.ask()
    again = Bench(no_answers, desk=first.desk)
    n_opened = len(first.desk.opened)
    assert again.reader.propose(GENERAL, TALK) == claims
    assert again.n_calls == 0
    assert len(first.desk.opened) == n_opened
    (call,) = again.reader.calls
    assert (call.is_cached, call.outcome, call.cost_usd, call.id, call.n_claims_made) == (True, "ok", 0.0, None, 1)
    assert again.reader.model_name == "gemini-2.5-flash-001"


@pytest.mark.parametrize("change", ["words", "role", "questions", "pass", "model", "provider"])
def test_a_reply_is_used_again_only_for_exactly_the_same_question(change: str) -> None:
    desk = Bench().desk
    Bench(desk=desk).ask()
    other = Bench(desk=desk, pass_=SECOND if change == "pass" else "first")
    talk, questions = TALK, GENERAL
    if change == "words":
        talk = typed(*(f"{s.role}: {s.text}!" for s in TALK.segments))
    if change == "role":
        talk = typed(*(s.text for s in TALK.segments))
    if change == "questions":
        questions = (replace(GENERAL[0], text="Who is it?"), *GENERAL[1:])
    if change in ("model", "provider"):
        setattr(other.model, "model_name" if change == "model" else "name", "openai")
    other.reader.propose(questions, talk)
    assert other.n_calls == 1


@pytest.mark.parametrize("finish", ["length", "refused"])
def test_a_bad_reply_is_not_kept(finish: Any) -> None:
    bench = Bench(lambda prompt: whole(reply_text(prompt), finish))
    bench.fails(ProviderReplyError)
    assert not bench.desk.replies


def test_a_malformed_reply_is_not_kept_and_its_good_successor_is() -> None:
    bench = Bench("no", answering(allergies=PENICILLIN))
    bench.ask()
    assert [json.loads(kept.text)["allergies"]["state"] for kept in bench.desk.replies.values()] == ["answered"]


def test_a_kept_reply_that_can_no_longer_be_read_is_asked_for_anew() -> None:
    desk = MemoryDesk()
    Bench(desk=desk).ask()
    desk.replies = dict.fromkeys(desk.replies, whole("{}"))
    again = Bench(answering(allergies=PENICILLIN), desk=desk)
    assert only(again.reader.propose(GENERAL, TALK), "allergies")[0].state == "answered"
    assert [call.is_cached for call in again.reader.calls] == [False]


# ---------------------------------------------------------------- replies that cannot be used


@pytest.mark.parametrize(("finish", "code"), [("length", "provider_cut_short"), ("refused", "provider_refused")])
def test_a_cut_or_refused_reply_is_never_parsed_and_never_asked_for_again(finish: Any, code: str) -> None:
    bench = Bench(lambda prompt: whole(reply_text(prompt), finish))
    assert bench.fails(ProviderReplyError).code == code
    assert bench.n_calls == 1
    (call,) = bench.reader.calls
    assert (call.outcome, call.error_class, call.n_tokens_in) == ("error", "ProviderReplyError", 1000)
    assert bench.desk.outcomes[0].cost_usd > 0


def test_a_malformed_reply_is_asked_for_once_more_and_the_rule_is_told() -> None:
    bench = Bench('{"name": "Zebulon"}', answering(allergies=PENICILLIN))
    claims = bench.ask()
    first, repair = bench.model.prompts
    assert repair.user.startswith(first.user)
    assert "left out 12 of the properties" in repair.user
    assert "Zebulon" not in repair.user
    assert (repair.schema, repair.system) == (first.schema, first.system)
    assert {claim.call_no for claim in claims} == {1}
    assert [call.outcome for call in bench.reader.calls] == ["error", "ok"]
    assert [outcome.error_class for outcome in bench.desk.outcomes] == ["ProviderReplyError", None]


def test_a_second_malformed_reply_ends_it() -> None:
    bench = Bench("no")
    assert bench.fails(ProviderReplyError).code == "provider_reply_malformed"
    assert bench.n_calls == 2


def test_a_client_that_found_no_reply_in_the_envelope_is_not_asked_to_repair_it() -> None:
    bench = Bench(ProviderReplyError("nothing", code="provider_reply_empty"))
    bench.fails(ProviderReplyError)
    assert bench.n_calls == 1
    assert bench.desk.outcomes[0].cost_usd == bench.desk.requests[0].estimated_usd


# ---------------------------------------------------------------- what is tried again, and how often


@pytest.mark.parametrize(
    "error",
    [
        ProviderTimeoutError("slow"),
        ProviderQuotaError("empty", retry_after_s=1.0),
        ProviderAuthError("key"),
        ProviderRequestError("model"),
        ProviderReplyError("shape"),
    ],
)
def test_nothing_else_is_tried_again(error: NurseconvError) -> None:
    bench = Bench(error, no_answers)
    assert bench.fails(type(error)) is error
    assert bench.n_calls == 1
    assert bench.desk.outcomes[0].error_class == type(error).__name__
    assert bench.clock.slept == []


def test_a_rate_limit_is_waited_for_as_told_once() -> None:
    limited = ProviderRateLimitedError("wait", retry_after_s=7.0)
    bench = Bench(limited, no_answers)
    bench.ask()
    assert bench.clock.slept == [7.0]
    assert bench.desk.outcomes[0].retry_after_s == 7.0
    assert bench.desk.outcomes[0].cost_usd == 0.0
    stubborn = Bench(limited)
    stubborn.fails(ProviderRateLimitedError)
    assert (stubborn.n_calls, stubborn.clock.slept) == (2, [7.0])


@pytest.mark.parametrize(("told", "deadline_s"), [(89.5, 180.0), (20.0, 20.0), (float("inf"), 180.0)])
def test_a_wait_that_does_not_fit_the_deadlines_is_not_begun(told: float, deadline_s: float) -> None:
    bench = Bench(ProviderRateLimitedError("wait", retry_after_s=told), no_answers, deadline_s=deadline_s)
    bench.fails(ProviderRateLimitedError)
    assert (bench.n_calls, bench.clock.slept) == (1, [])


def test_a_failing_server_is_tried_once_more_after_a_random_while() -> None:
    bench = Bench(BUSY, no_answers)
    bench.ask()
    assert len(bench.clock.slept) == 1
    assert 0.0 <= bench.clock.slept[0] <= 4.0
    stubborn = Bench(BUSY)
    stubborn.fails(ProviderUnavailableError)
    assert stubborn.n_calls == 2


def test_waits_of_workers_that_failed_together_differ() -> None:
    waits = set()
    for _ in range(5):
        bench = Bench(BUSY, no_answers)
        bench.ask()
        waits.update(bench.clock.slept)
    assert len(waits) > 1


TROUBLES: list[Step] = [ProviderRateLimitedError("wait", retry_after_s=1.0), BUSY, "no"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_one_prompt_never_costs_more_than_three_calls(order: tuple[int, ...]) -> None:
    bench = Bench(*(TROUBLES[i] for i in order), answering(allergies=PENICILLIN))
    bench.fails(NurseconvError)
    assert bench.n_calls == len(bench.desk.opened) == 3


def test_a_repair_stays_a_repair_when_the_server_fails_in_between() -> None:
    bench = Bench("no", BUSY, answering(allergies=PENICILLIN))
    bench.ask()
    assert bench.model.prompts[1] == bench.model.prompts[2] != bench.model.prompts[0]


# ---------------------------------------------------------------- time


def test_a_call_gets_what_is_left_of_the_nearer_deadline() -> None:
    long = Bench()
    long.ask()
    assert long.model.timeouts_s == [90.0]
    short = Bench(deadline_s=30.0)
    short.ask()
    assert short.model.timeouts_s == [30.0]
    assert short.desk.requests[0].timeout_s == 30.0


def test_all_calls_of_a_provider_share_its_time() -> None:
    bench = Bench(takes_s=40.0)
    bench.ask(TALK, ADMISSION)
    assert bench.model.timeouts_s == [90.0, 50.0]


def test_no_call_is_begun_without_time_and_that_is_recorded() -> None:
    bench = Bench(takes_s=89.5)
    assert bench.fails(ProviderTimeoutError, TALK, ADMISSION)
    assert bench.n_calls == len(bench.desk.opened) == 1
    assert [call.outcome for call in bench.reader.calls] == ["ok", "skipped"]
    assert bench.reader.calls[1].question_ids == tuple(question.id for question in ADMISSION[16:])


def test_a_desk_that_took_all_the_time_closes_its_call_again() -> None:
    class SlowDesk(MemoryDesk):
        def open_call(self, request: Any) -> Any:
            bench.clock.now += 100.0
            return super().open_call(request)

    bench = Bench(desk=SlowDesk())
    bench.fails(ProviderTimeoutError)
    assert bench.n_calls == 0


def test_a_deadline_never_goes_below_zero_and_the_nearer_one_holds() -> None:
    clock = HandClock()
    document = Deadline.after(180.0, clock)
    provider = document.within(90.0)
    assert (document.left_s(), provider.left_s(), document.within(500.0).left_s()) == (180.0, 90.0, 180.0)
    clock.sleep(100.0)
    assert (document.left_s(), provider.left_s()) == (80.0, 0.0)


# ---------------------------------------------------------------- the desk


@pytest.mark.parametrize("refusal", [BreakerOpenError("open"), BudgetSpentError("spent")])
def test_a_call_that_the_desk_refuses_is_not_made_and_recorded_as_skipped(refusal: NurseconvError) -> None:
    bench = Bench(desk=MemoryDesk([refusal]))
    assert bench.fails(type(refusal)) is refusal
    assert bench.n_calls == 0
    (call,) = bench.reader.calls
    assert (call.outcome, call.error_class, call.id, call.cost_usd) == ("skipped", type(refusal).__name__, None, None)


@pytest.mark.parametrize("error", [RuntimeError("Zebulon"), KeyboardInterrupt(), KeyError("Zebulon")])
def test_a_call_is_closed_whatever_happens(error: BaseException) -> None:
    bench = Bench(error)
    assert bench.fails(type(error)) is error
    (outcome,) = bench.desk.outcomes
    assert outcome.error_class == type(error).__name__
    assert outcome.cost_usd == bench.desk.requests[0].estimated_usd
    assert "Zebulon" not in repr(bench.reader.calls)


def test_a_timeout_may_have_been_billed() -> None:
    bench = Bench(ProviderTimeoutError("slow"))
    bench.fails(ProviderTimeoutError)
    assert bench.desk.outcomes[0].cost_usd == bench.desk.requests[0].estimated_usd


# ---------------------------------------------------------------- long transcripts, many questions


def test_many_questions_are_asked_in_batches_and_all_of_them_are() -> None:
    bench = Bench()
    claims = bench.ask(TALK, ADMISSION)
    assert bench.n_calls == 2
    assert [claim.question_id for claim in claims] == [question.id for question in ADMISSION]
    assert {claim.call_no for claim in claims} == {0, 1}
    assert all(
        prompt.user.split("\n\n")[0] == bench.model.prompts[0].user.split("\n\n")[0] for prompt in bench.model.prompts
    )


def test_a_long_transcript_is_shown_whole_in_windows() -> None:
    bench = Bench(max_input_tokens=6_000)
    talk = talk_of(300)
    bench.ask(talk)
    assert bench.n_calls > 1
    assert {i for prompt in bench.model.prompts for i, _ in lines_of(prompt)} == set(range(300))


def test_what_one_window_finds_is_not_undone_by_another() -> None:
    bench = Bench(quoting("allergies", "w250x3"), max_input_tokens=6_000)
    claims = bench.ask(talk_of(300))
    assert {claim.state for claim in only(claims, "allergies")} == {"answered"}
    assert [claim.state for claim in only(claims, "pain_level")] == ["not_asked"]
    for claim in only(claims, "allergies"):
        assert claim.call_no is not None
        assert bench.reader.calls[claim.call_no].n_claims_made == 1


def test_every_window_has_tries_of_its_own() -> None:
    class Moody(ScriptedModel):
        def complete(self, prompt: Prompt, timeout_s: float) -> Completion:
            if prompt not in self.prompts:
                self.prompts.append(prompt)
                raise BUSY
            return super().complete(prompt, timeout_s)

    bench = Bench(max_input_tokens=6_000)
    bench.model.__class__ = Moody
    bench.ask(talk_of(200))
    users = [prompt.user for prompt in bench.model.prompts]
    assert len(bench.desk.opened) == 2 * len(set(users)) > 2


def test_a_context_that_is_too_long_after_all_is_halved_once() -> None:
    def picky(prompt: Prompt) -> Step:
        return ContextTooLongError("long") if len(lines_of(prompt)) > 60 else quoting("allergies", "w7x3")(prompt)

    bench = Bench(picky)
    claims = bench.ask(talk_of(100))
    assert len(only(claims, "allergies")) == 1
    assert [call.outcome for call in bench.reader.calls] == ["error", "ok", "ok"]
    assert bench.desk.outcomes[0].cost_usd == 0.0
    hopeless = Bench(ContextTooLongError("long"))
    hopeless.fails(ContextTooLongError, talk_of(100))
    assert hopeless.n_calls == 2


def test_a_model_with_no_room_beside_the_questions_is_skipped_with_a_record() -> None:
    bench = Bench(max_input_tokens=3_000)
    bench.fails(ContextTooLongError)
    assert [(call.outcome, call.error_class) for call in bench.reader.calls] == [("skipped", "ContextTooLongError")]


@pytest.mark.parametrize("limit", [5_000, 8_000, 50_000])
def test_no_prompt_is_larger_than_the_model_takes(limit: int) -> None:
    bench = Bench(max_input_tokens=limit)
    bench.ask(talk_of(150))
    for prompt in bench.model.prompts:
        assert (len(prompt.system) + len(prompt.user) + len(json.dumps(prompt.schema))) / 3 <= limit


# ---------------------------------------------------------------- privacy


class Mask:
    """A veil that calls everybody Ann, and penicillin by its name."""

    def __init__(self, transcript: Transcript) -> None:
        segments = [replace(s, text=s.text.replace("Zebulon", "Ann")) for s in transcript.segments]
        full_text, placed = assemble(segments)
        self.transcript = replace(transcript, full_text=full_text, segments=placed)

    def unveil_quote(self, quote: str, segment_ids: Sequence[int]) -> str:
        return quote.replace("Ann", "Zebulon") if 1 in segment_ids else quote


def test_only_the_veiled_words_leave_and_the_transcripts_own_come_back() -> None:
    talk = typed("nurse: Your name?", "patient: I'm Zebulon.", "nurse: Ann will see you.")
    parts = {
        "patient_name": said("answered", ("I'm Ann", [1])),
        "follow_up": said("answered", ("Ann will see you", [2])),
    }
    bench = Bench(answering(**parts), privacy="deidentify", veil=Mask)
    claims = bench.ask(talk)
    assert "Zebulon" not in repr(bench.model.prompts)
    assert only(claims, "patient_name")[0].quotes == (("I'm Zebulon", (1,)),)
    assert only(claims, "follow_up")[0].quotes == (("Ann will see you", (2,)),)
    assert "Zebulon" not in repr(bench.desk.replies)
    assert bench.reader.calls[0].privacy == "deidentify"


@pytest.mark.parametrize("privacy", ["deidentify", "refuse"])
def test_a_reader_that_would_send_names_against_the_setting_cannot_be_made(privacy: str) -> None:
    with pytest.raises(SettingsError, match="PROVIDER_PRIVACY"):
        Bench(privacy=privacy)


def test_nothing_that_is_recorded_or_raised_has_a_word_of_the_conversation() -> None:
    bench = Bench("penicillin", f'{{"penicillin": {json.dumps(TALK.full_text)}}}')
    error = bench.fails(ProviderReplyError)
    told = repr((error, bench.reader.calls, bench.desk.requests, bench.desk.outcomes, list(bench.desk.replies)))
    assert "penicillin" not in told
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


# ---------------------------------------------------------------- who it is


def test_a_reader_goes_by_its_client_and_by_what_it_asks() -> None:
    bench = Bench(pass_=SECOND)
    assert (bench.reader.name, bench.reader.model_name) == ("gemini", "gemini-2.5-flash")
    bench.ask()
    assert bench.reader.model_name == "gemini-2.5-flash-001"
    assert bench.reader.prompt_sha256 == prompt_sha256(GENERAL, SECOND)
