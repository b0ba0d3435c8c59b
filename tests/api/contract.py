"""The API's own description, held against a server by schemathesis.

What lives here: `hold_to_contract()`: examples, edge values, made-up values and chains of requests.
When to add here: another check of every answer.
What to keep out: laws; what the requests are about (the uploads and keys of `test_contract.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER


@dataclass
class Tally:
    """What became of it.

    Args:
        operations: those that were called.
        phases: cases by phase.
        statuses: answers by operation and status.
        failures: one for each distinct failure, as a sentence.
    """

    operations: set[str] = field(default_factory=set)
    phases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        phases = ", ".join(f"{name} {n}" for name, n in self.phases.items())
        return f"{len(self.operations)} operations, {sum(self.phases.values())} cases ({phases}), " + (
            f"{len(self.failures)} failures"
        )


def hold_to_contract(
    address: str,
    token: str,
    *,
    max_examples: int,
    known_ids: dict[str, list[str]],
    hidden: Iterable[str] = (),
    leave_out: tuple[str, ...] = (),
) -> Tally:
    """What came of all phases against the server.

    Args:
        address: of the server.
        token: the key that every request carries, unless a check takes it away.
        max_examples: of an operation and a phase.
        known_ids: by the name of a path's parameter: they stand in for made-up ones two times of three.
        hidden: no answer may hold one of these words.
        leave_out: methods that are not called.
    """
    config = schemathesis.Config.from_dict(_settings(token, max_examples))
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)
    if leave_out:
        schema = schema.exclude(method=list(leave_out))
    tally = Tally()
    with _known(known_ids), _hiding(tuple(word.encode() for word in hidden)):
        for event in from_schema(schema).execute():
            _note(tally, event)
    return tally


def _settings(token: str, max_examples: int) -> dict[str, Any]:
    return {
        "seed": 1,
        # As somebody from afar: from this machine itself /metrics is open.
        "headers": {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.7"},
        "continue-on-failure": True,
        # A schema cannot tell which profiles there are, nor which bytes are a recording: refusing those is right.
        "checks": {"positive_data_acceptance": {"enabled": False}},
        # Unhealthy is an answer, and this server has neither a daemon nor models.
        "operations": [
            {
                # The wrong id of a case can meet a real one; what is wrong besides is an unknown name in the query,
                # which is passed over where nothing is filtered.
                "include-path": "/api/v1/uploads/{upload_id}",
                "checks": {"negative_data_rejection": {"enabled": False}},
            },
            {
                "include-path": "/health",
                "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]}},
            },
        ],
        "request-timeout": 20,
        "generation": {"max-examples": max_examples, "database": "none", "no-shrink": True},
    }


@contextmanager
def _known(ids: dict[str, list[str]]) -> Iterator[None]:
    turns = count()

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        """A made-up id leads to a 404 and no further. Chains bring the ids of what they made."""
        if case.meta is None or case.meta.phase.name.value == "stateful":
            return
        for name in ids.keys() & case.path_parameters.keys():
            turn = next(turns)
            if turn % 3:
                case.path_parameters[name] = ids[name][turn % len(ids[name])]

    schemathesis.hook(before_call)
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)


@contextmanager
def _hiding(hidden: tuple[bytes, ...]) -> Iterator[None]:
    def no_words_of_others(context: Any, response: Any, case: Any) -> None:
        head = str(response.headers).encode()
        if any(word in response.content or word in head for word in hidden):
            raise Failure(operation=case.operation.label, message="the answer holds what this key may not see")

    schemathesis.check(no_words_of_others)
    try:
        yield
    finally:
        CHECKS.unregister("no_words_of_others")


def _note(tally: Tally, event: Any) -> None:
    if isinstance(event, events.NonFatalError):
        tally.failures[f"{event.label}: {event.info.title}"] = str(event.value)
    if isinstance(event, events.FatalError):
        raise event.exception
    if not isinstance(event, events.ScenarioFinished):
        return
    tally.phases[event.phase.value] += len(event.recorder.cases)
    for case_id, node in event.recorder.cases.items():
        label = node.value.operation.label
        tally.operations.add(label)
        exchange = event.recorder.interactions.get(case_id)
        if exchange is not None and exchange.response is not None:
            tally.statuses[label, exchange.response.status_code] += 1
        for check in event.recorder.checks.get(case_id, ()):
            if check.failure_info is not None:
                failure = check.failure_info.failure
                key = f"{label}: {check.name}: {failure.title}"
                tally.failures.setdefault(key, f"{failure.message}\n{check.failure_info.code_sample}")
