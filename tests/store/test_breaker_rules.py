"""Laws of the breaker as arithmetic: five failures open it, one probe at a time tries again, told pauses are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nurseconv_dagster import errors
from nurseconv_dagster.store import breaker_rules
from nurseconv_dagster.store.breaker_rules import FOR_GOOD, BreakerRules, BreakerState, CallEnd, admit, next_state

RULES = BreakerRules()
FRESH = BreakerState()
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FAILURES = ["ProviderUnavailableError", "ProviderTimeoutError", "ProviderReplyError"]
ALIVE = ["ProviderRequestError", "ContextTooLongError"]
ENDS = [None, *FAILURES, *ALIVE, "ProviderRateLimitedError", "ProviderQuotaError", "KeyError"]


def after(*names: str | None, state: BreakerState = FRESH, now: datetime = START) -> BreakerState:
    for name in names:
        state = next_state(state, CallEnd(now, name), now, RULES)
    return state


def opened(name: str = "ProviderTimeoutError") -> BreakerState:
    return after(*[name] * 5)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_every_error_the_rules_name_is_in_the_error_tree():
    named = {
        *breaker_rules._FAILURES,
        *breaker_rules._ALIVE,
        *(name for name in ENDS if name not in (None, "KeyError")),
    }
    assert {name for name in named if not hasattr(errors, name)} == set()


@pytest.mark.parametrize("name", FAILURES)
def test_five_failures_in_a_row_open_and_four_do_not(name):
    assert after(*[name] * 4).opened_until is None
    assert opened(name).opened_until == later(60)
    assert opened(name).reason == name


def test_a_success_between_failures_starts_the_count_again():
    assert after(*FAILURES, "ProviderTimeoutError", None, *FAILURES, "ProviderTimeoutError").opened_until is None


@pytest.mark.parametrize("name", ALIVE)
def test_a_refused_request_never_opens(name):
    assert after(*[name] * 50) == BreakerState()


def test_a_rate_limit_without_a_told_time_counts_and_with_one_opens_at_once():
    assert after(*["ProviderRateLimitedError"] * 4).opened_until is None
    assert opened("ProviderRateLimitedError").opened_until == later(60)
    told = next_state(BreakerState(is_proven=True), CallEnd(START, "ProviderRateLimitedError", 7.5), START, RULES)
    assert (told.opened_until, told.n_failures) == (later(7.5), 0)


def test_a_quota_opens_for_the_told_time_or_an_hour_and_never_for_more_than_a_day():
    def until(retry_after_s):
        return next_state(
            BreakerState(), CallEnd(START, "ProviderQuotaError", retry_after_s), START, RULES
        ).opened_until

    assert [until(None), until(90.0), until(10**9), until(0.0)] == [later(3600), later(90), later(86_400), later(3600)]


def test_a_refused_key_opens_for_good():
    state = after("ProviderAuthError")
    assert state.opened_until == FOR_GOOD
    assert admit(state, 0, later(10**8), RULES) == "refuse"


def test_each_failed_probe_doubles_the_pause_up_to_fifteen_minutes():
    state, now, pauses = opened(), START, []
    for _ in range(7):
        now = state.opened_until
        assert admit(state, 0, now, RULES) == "probe"
        state = next_state(state, CallEnd(now, "ProviderUnavailableError"), now, RULES)
        pauses.append((state.opened_until - now).total_seconds())
    assert pauses == [120, 240, 480, 900, 900, 900, 900]
    assert (after(*FAILURES, *FAILURES[:2], state=after(None, state=state, now=now), now=now).opened_until - now) == (
        timedelta(seconds=60)
    )


def test_while_a_probe_is_under_way_all_others_are_refused_and_a_lost_probe_is_replaced():
    state = opened()
    assert admit(state, 0, later(59.9), RULES) == "refuse"
    assert admit(state, 0, later(60), RULES) == "probe"
    probing = replace(state, probe_until=later(90))
    assert admit(probing, 0, later(89), RULES) == "refuse"
    assert admit(probing, 0, later(90), RULES) == "probe"


def test_a_good_probe_closes_and_a_refused_request_closes_without_proof():
    good = next_state(opened(), CallEnd(later(61)), later(62), RULES)
    assert (good.opened_until, good.n_failures, good.is_proven) == (None, 0, True)
    alive = next_state(opened(), CallEnd(later(61), "ContextTooLongError"), later(62), RULES)
    assert (alive.opened_until, alive.n_failures, alive.is_proven) == (None, 0, False)


def test_a_probe_that_our_own_error_ended_gives_its_place_back():
    probing = replace(opened(), probe_until=later(90))
    freed = next_state(probing, CallEnd(later(61), "KeyError"), later(62), RULES)
    assert admit(freed, 0, later(62), RULES) == "probe"


@pytest.mark.parametrize("name", [None, *FAILURES, *ALIVE])
def test_a_call_from_before_the_opening_tells_nothing_about_the_time_after_it(name):
    for state in (opened(), next_state(opened(), CallEnd(later(61)), later(62), RULES)):
        assert next_state(state, CallEnd(later(-1), name), later(63), RULES) == state


def test_a_longer_told_pause_counts_even_from_a_call_before_the_opening_and_a_shorter_one_never_shortens():
    state = opened()
    longer = next_state(state, CallEnd(later(-1), "ProviderRateLimitedError", 300), later(1), RULES)
    assert longer.opened_until == later(301)
    assert next_state(state, CallEnd(later(-1), "ProviderRateLimitedError", 3), later(1), RULES) == state


def test_a_proven_provider_is_not_limited_and_an_unproven_or_failing_one_is():
    assert admit(BreakerState(is_proven=True), 10_000, START, RULES) == "go"
    assert [admit(BreakerState(), n, START, RULES) for n in (0, 4, 5, 6)] == ["go", "go", "wait", "wait"]
    failing = BreakerState(is_proven=True, n_failures=3)
    assert [admit(failing, n, START, RULES) for n in (0, 1, 2)] == ["go", "go", "wait"]


@given(st.lists(st.sampled_from(ENDS), max_size=30), st.lists(st.floats(0, 500), min_size=30, max_size=30))
def test_no_story_leaves_a_state_that_makes_no_sense(names, pauses):
    state, now = BreakerState(), START
    for name, pause in zip(names, pauses, strict=False):
        now += timedelta(seconds=pause)
        state = next_state(state, CallEnd(now, name, pause), now, RULES)
        assert (state.opened_until is None) == (state.reason is None)
        assert state.opened_until is None or (state.opened_at <= now and not state.is_proven)
        assert state.opened_until is not None or (state.n_failures < 5 and state.probe_until is None)


class ManyProcesses(RuleBasedStateMachine):
    """Any number of processes that begin and end calls in any order, with a provider that is dead all the while."""

    @initialize()
    def begin(self) -> None:
        self.state, self.now = BreakerState(), START
        self.under_way: list[datetime] = []
        self.n_calls = self.n_pauses_over = 0

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def somebody_calls(self) -> None:
        verdict = admit(self.state, len(self.under_way), self.now, RULES)
        if verdict not in ("go", "probe"):
            return
        if verdict == "probe":
            self.n_pauses_over += 1
            self.state = replace(self.state, probe_until=self.now + timedelta(days=1))
        self.under_way.append(self.now)
        self.n_calls += 1

    @rule(data=st.data(), name=st.sampled_from(FAILURES))
    def somebody_fails(self, data: st.DataObject, name: str) -> None:
        if self.under_way:
            began_at = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
            self.now += timedelta(milliseconds=1)
            self.state = next_state(self.state, CallEnd(began_at, name), self.now, RULES)

    @invariant()
    def a_dead_provider_gets_five_calls_and_one_for_each_pause(self) -> None:
        if hasattr(self, "state"):
            assert self.n_calls <= 5 + self.n_pauses_over
            assert self.state.probe_until is None or self.state.opened_until is not None


TestManyProcesses = ManyProcesses.TestCase
TestManyProcesses.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
