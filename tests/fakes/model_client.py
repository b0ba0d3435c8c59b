"""A hosted model that answers by script, a clock that is moved by hand, and replies in the asked-for shape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nurseconv_dagster.extraction.hosted.calls import Completion, Finish, Prompt, Usage
from nurseconv_dagster.speech.transcripts import Segment

USAGE = Usage(n_tokens_in=1000, n_tokens_out=100)
Step = str | Completion | BaseException | Callable[[Prompt], "Step"]


class HandClock:
    """Seconds that pass only when somebody sleeps or a model takes its time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class ScriptedModel:
    """Keeps the `ModelClient` protocol; remembers what it was asked and for how long.

    Args:
        script: one step a call, the last one for ever: a reply's text, a completion, an error, or what makes one of a
            prompt.
        clock: moved by `takes_s` at each call.
        takes_s: seconds that a call takes.
        max_input_tokens: as promised.
    """

    name = "gemini"
    model_name = "gemini-2.5-flash"
    credential = "0123456789ab"

    def __init__(
        self,
        *script: Step,
        clock: HandClock | None = None,
        takes_s: float = 1.0,
        max_input_tokens: int = 1_000_000,
    ) -> None:
        self._script = list(script) or [no_answers]
        self._clock = clock
        self._takes_s = takes_s
        self.max_input_tokens = max_input_tokens
        self.prompts: list[Prompt] = []
        self.timeouts_s: list[float] = []

    def complete(self, prompt: Prompt, timeout_s: float) -> Completion:
        assert timeout_s > 0
        self.prompts.append(prompt)
        self.timeouts_s.append(timeout_s)
        if self._clock is not None:
            self._clock.now += self._takes_s
        step: Step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        while callable(step) and not isinstance(step, BaseException):
            step = step(prompt)
        if isinstance(step, BaseException):
            raise step
        return whole(step) if isinstance(step, str) else step


def whole(text: str, finish: Finish = "stop") -> Completion:
    return Completion(text, finish, USAGE, "gemini-2.5-flash-001")


def said(state: str = "answered", *quotes: tuple[str, Sequence[int]], choice: str | None = None) -> dict[str, Any]:
    """One question's part of a reply."""
    part: dict[str, Any] = {
        "evidence": [{"segment_ids": list(ids), "quote": quote} for quote, ids in quotes],
        "state": state,
    }
    return part if choice is None else {**part, "choice": choice}


def reply_text(prompt: Prompt, **parts: dict[str, Any]) -> str:
    """A reply to the prompt: what is given for a question, "not_asked" for the rest."""
    return json.dumps(fill_in(prompt.schema, parts))


def fill_in(schema: dict[str, Any], parts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A reply of that schema: what is given for a question, "not_asked" for the rest."""
    properties = schema["properties"]
    return {name: parts.get(name) or _silent(properties[name]) for name in properties}


def no_answers(prompt: Prompt) -> str:
    return reply_text(prompt)


def answering(**parts: dict[str, Any]) -> Callable[[Prompt], str]:
    """A step that says so much of whatever is asked."""

    def answer(prompt: Prompt) -> str:
        return reply_text(prompt, **parts)

    return answer


def quoting(question_id: str, words: str) -> Callable[[Prompt], str]:
    """A step that looks for words in the transcript it is shown and quotes them where they stand."""

    def answer(prompt: Prompt) -> str:
        ids = [i for i, text in lines_of(prompt) if words in text]
        return reply_text(prompt, **({question_id: said("answered", (words, ids[:1]))} if ids else {}))

    return answer


def lines_of(prompt: Prompt) -> list[tuple[int, str]]:
    """The segments that a prompt shows: number and the rest of the line."""
    return lines_in(prompt.user)


def lines_in(user: str) -> list[tuple[int, str]]:
    """The same of what a prompt says to the model."""
    shown = user.split("\nEND TRANSCRIPT\n", maxsplit=1)[0].split("\n")[1:]
    return [(int(match[1]), match[2]) for line in shown if (match := re.match(r"\[(\d+)\] (.*)", line))]


def long_talk(n: int, words_each: int = 20) -> tuple[Segment, ...]:
    """Segments that differ, nurse and patient in turns."""
    return tuple(
        Segment(i, " ".join(f"w{i}x{j}" for j in range(words_each)), role="nurse" if i % 2 == 0 else "patient")
        for i in range(n)
    )


def _silent(schema: dict[str, Any]) -> dict[str, Any]:
    return said("not_asked", choice="none" if "choice" in schema["properties"] else None)
