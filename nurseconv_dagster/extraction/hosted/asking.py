"""One prompt is asked until its reply is good, or until nothing is left to try.

What lives here: `ask()`, when a call is made once more; `judge_reply()`, which looks at the end before the words.
When to add here: a failure that calling once more can mend.
What to keep out: the single call (`caller.py`), which prompts there are (`reader.py`).

A rate limit is waited for once, a failing server is tried once more, a malformed reply is asked for once more with the
rule it broke. Nothing else is tried again, and one prompt costs three calls at most; where several prompts are about
the same stretch of a talk they share those three, so that two providers together never make more than six.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from nurseconv_dagster.errors import (
    NurseconvError,
    ProviderRateLimitedError,
    ProviderReplyError,
    ProviderUnavailableError,
)
from nurseconv_dagster.extraction.hosted.caller import MIN_CALL_S, Caller
from nurseconv_dagster.extraction.hosted.calls import Completion, Prompt
from nurseconv_dagster.extraction.hosted.prompt import repair_prompt
from nurseconv_dagster.extraction.hosted.replies import MALFORMED, Reading, read_reply
from nurseconv_dagster.extraction.questions import Question

MAX_CALLS = 3  # for one stretch of a talk, whatever goes wrong; more only where it needs more prompts than that
_BACKOFF_S = 4.0  # longest; full jitter, so that workers that failed together do not come back together


@dataclass(frozen=True, slots=True)
class Patience:
    """How to wait.

    Args:
        sleep: waits so many seconds.
        jitter: a number between its two arguments.
    """

    sleep: Callable[[float], None]
    jitter: Callable[[float, float], float] = random.uniform


def judge_reply(completion: Completion, questions: Sequence[Question], segment_ids: Collection[int]) -> Reading:
    """What a reply says, once it is known to be whole: a reply that was cut can parse as a shorter, whole one.

    Raises:
        ProviderReplyError: permanent; cut short, refused or malformed, told by its code.
    """
    if completion.finish == "length":
        raise ProviderReplyError("the reply was cut at its length limit", code="provider_cut_short")
    if completion.finish != "stop":
        raise ProviderReplyError("the model refused to answer", code="provider_refused")
    return read_reply(completion.text, questions, segment_ids)


def ask(
    caller: Caller,
    prompt: Prompt,
    questions: Sequence[Question],
    segment_ids: Collection[int],
    patience: Patience,
    *,
    n_calls: int = MAX_CALLS,
) -> tuple[Completion, Reading]:
    """A good reply, and what it says.

    Plain code and not `stamina`: what counts here is calls of three kinds (first, again, repair) against one quota and
    one deadline with a clock of our own, the wait may be the provider's word, and a repair is another prompt.

    Args:
        caller: makes and records each call.
        prompt: what to ask.
        questions: those in the prompt.
        segment_ids: those shown in the prompt.
        patience: how to wait.
        n_calls: that this prompt may cost, at least 1.

    Raises:
        TransientError, PermanentError: of the last call.
    """
    question_ids = tuple(question.id for question in questions)
    seen: set[type[NurseconvError]] = set()
    for n_left in reversed(range(min(n_calls, MAX_CALLS))):
        try:
            return caller.call(prompt, question_ids, lambda completion: judge_reply(completion, questions, segment_ids))
        except (ProviderRateLimitedError, ProviderUnavailableError, ProviderReplyError) as error:
            if not n_left or type(error) in seen or not _can_be_mended(error):
                raise
            seen.add(type(error))
            if isinstance(error, ProviderReplyError):
                prompt = repair_prompt(prompt, str(error))
            else:
                _wait(error, caller, patience)
    raise AssertionError("the last call either returns or raises")


def _can_be_mended(error: NurseconvError) -> bool:
    return not isinstance(error, ProviderReplyError) or error.code == MALFORMED


def _wait(error: NurseconvError, caller: Caller, patience: Patience) -> None:
    """As long as the provider said, else a random while; raises the error where no call would fit behind it."""
    told: float | None = getattr(error, "retry_after_s", None)
    wait_s = patience.jitter(0.0, _BACKOFF_S) if told is None else max(0.0, told)
    if wait_s + MIN_CALL_S > caller.deadline.left_s():
        raise error
    patience.sleep(wait_s)
