"""When a provider is left alone: the breaker as arithmetic on one row, without a database.

What lives here: `BreakerState`, `BreakerRules`, `next_state()` (what the end of a call changes) and `admit()` (whether
a call may begin).
When to add here: an error of a provider that must be told apart.
What to keep out: SQL and locks (`breakers`), waiting and money (`call_desk`, `budgets`).

    closed     calls go; while the provider is not proven or has failures, calls under way + failures stay below five
    open       no call until `opened_until`
    half open  the pause is over: one call goes as a probe, the others wait for what it finds

What the end of a call means:

* Success: closed, proven, nothing remembered.
* Unavailable, timeout, unusable reply: one failure more; the fifth in a row opens for 60 s, and each failed probe
  doubles that up to 15 min. An unusable reply comes from a live provider, but five in a row without a usable one
  between them are money for nothing.
* Rate limited: opens until the told moment, for all processes. Without a told moment it counts as a failure.
* Quota: opens until the told moment, else for an hour. Auth: opens for good; another credential is another row.
* Refused request, too long a prompt: the provider is alive and the call was ours to blame; a probe that ends so closes
  the breaker, unproven. An error of our own tells nothing; a probe that ends so gives its place back.

A call that began before the last opening tells nothing about the time after it and changes nothing, unless it brings a
longer pause.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

FOR_GOOD = datetime(9999, 1, 1, tzinfo=UTC)

Admission = Literal["go", "probe", "wait", "refuse"]

_FAILURES = frozenset({"ProviderUnavailableError", "ProviderTimeoutError", "ProviderReplyError"})
_ALIVE = frozenset({"ProviderRequestError", "ContextTooLongError"})


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """How patient the breaker is.

    Args:
        max_failures: failures in a row that open it; also the calls that may be under way with an unproven provider.
        cool_down_s: the first pause; each failed probe doubles it.
        max_cool_down_s: the longest pause of that kind.
        quota_s: the pause after a quota error that told no time.
        max_told_s: a told pause counts up to this long.
    """

    max_failures: int = 5
    cool_down_s: float = 60.0
    max_cool_down_s: float = 900.0
    quota_s: float = 3600.0
    max_told_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class BreakerState:
    """What is known of one provider with one credential.

    Args:
        n_failures: since the last success.
        n_openings: for failures, since the last success; the cool-down doubles with each.
        is_proven: a call has succeeded since the last opening.
        opened_at: when it last opened; null when it never did.
        opened_until: end of the pause; null while closed.
        probe_until: a probe is under way until then; null when none is.
        reason: class of the error that opened it; null while closed.
    """

    n_failures: int = 0
    n_openings: int = 0
    is_proven: bool = False
    opened_at: datetime | None = None
    opened_until: datetime | None = None
    probe_until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The end of a call, as the breaker sees it.

    Args:
        began_at: when the call's row was written.
        error_class: name of the error; null when it went well.
        retry_after_s: seconds the provider told us to wait; null when it did not say.
    """

    began_at: datetime
    error_class: str | None = None
    retry_after_s: float | None = None


def admit(state: BreakerState, n_in_flight: int, now: datetime, rules: BreakerRules) -> Admission:
    """Whether a call may begin: at once, as the one probe, once others have ended ("wait"), or not now."""
    if state.opened_until is not None:
        is_paused = now < state.opened_until or (state.probe_until is not None and now < state.probe_until)
        return "refuse" if is_paused else "probe"
    if state.is_proven and state.n_failures == 0:
        return "go"
    return "go" if n_in_flight + state.n_failures < rules.max_failures else "wait"


def next_state(state: BreakerState, event: CallEnd, now: datetime, rules: BreakerRules) -> BreakerState:
    """The state after a call has ended."""
    pause_s = _told_pause_s(event, rules)
    if pause_s is not None or event.error_class == "ProviderAuthError":
        until = FOR_GOOD if pause_s is None else now + timedelta(seconds=pause_s)
        return _pause(state, event, now, until)
    if state.opened_at is not None and event.began_at < state.opened_at:
        return state
    if event.error_class is None:
        return BreakerState(is_proven=True, opened_at=state.opened_at)
    if event.error_class in _FAILURES or event.error_class == "ProviderRateLimitedError":
        return _fail(state, event.error_class, now, rules)
    if event.error_class in _ALIVE:
        return _closed_unproven(state) if state.opened_until is not None else state
    return replace(state, probe_until=None)


def _told_pause_s(event: CallEnd, rules: BreakerRules) -> float | None:
    if event.error_class not in ("ProviderRateLimitedError", "ProviderQuotaError"):
        return None
    if event.retry_after_s is not None and event.retry_after_s > 0:
        return min(event.retry_after_s, rules.max_told_s)
    return rules.quota_s if event.error_class == "ProviderQuotaError" else None


def _pause(state: BreakerState, event: CallEnd, now: datetime, until: datetime) -> BreakerState:
    """Open until the told moment; a longer pause that stands already is kept."""
    is_stale = state.opened_at is not None and event.began_at < state.opened_at
    if state.opened_until is not None and state.opened_until >= until:
        return state if is_stale else replace(state, probe_until=None)
    return replace(
        state, is_proven=False, opened_at=now, opened_until=until, probe_until=None, reason=event.error_class
    )


def _fail(state: BreakerState, error_class: str, now: datetime, rules: BreakerRules) -> BreakerState:
    n_failures = state.n_failures + 1
    if state.opened_until is None and n_failures < rules.max_failures:
        return replace(state, n_failures=n_failures)
    cool_down_s = min(rules.cool_down_s * 2.0 ** min(state.n_openings, 32), rules.max_cool_down_s)
    return BreakerState(
        n_failures=n_failures,
        n_openings=state.n_openings + 1,
        opened_at=now,
        opened_until=now + timedelta(seconds=cool_down_s),
        reason=error_class,
    )


def _closed_unproven(state: BreakerState) -> BreakerState:
    return BreakerState(n_openings=state.n_openings, opened_at=state.opened_at)
