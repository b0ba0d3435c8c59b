"""Question and reply: the topic is asked, and what comes back is the answer.

What lives here: `find_replies()`, for every question whose topic is known.
When to add here: a topic whose replies look like answers and are none.
What to keep out: what asking looks like (`topics.yaml`), what a reply means (`asked.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.providers.asked import Reply, asked_exchanges, classify_reply
from nurseconv_dagster.extraction.providers.rules.findings import Finding, RuleKind
from nurseconv_dagster.extraction.providers.subject import doubt, patient_kin
from nurseconv_dagster.extraction.providers.topics import topic_of
from nurseconv_dagster.extraction.providers.turns import Exchange, Talk
from nurseconv_dagster.extraction.questions import Question

_NEEDS_NUMBER = frozenset({"integer", "number", "quantity", "panel"})
_OWN_RULES = frozenset({"patient_name", "patient_age", "identity_verified", "emergency_contact"})
_WHOLE_REPLY = frozenset({"teach_back_done"})
_LONGEST_REPLY_WORDS = 30
_ASKED_ONE_BY_ONE = frozenset({"symptoms"})
_ASKS_FOR_ALL = re.compile(r"\bsymptoms?\b", re.IGNORECASE)


def find_replies(talk: Talk, questions: Sequence[Question]) -> Iterator[Finding]:
    """The first good reply to each question that was asked."""
    kin = patient_kin(talk)
    for question in questions:
        if question.id in _OWN_RULES:
            continue
        exchanges = asked_exchanges(talk, topic_of(question))
        findings = [found for exchange in exchanges if (found := _from_reply(talk, question, exchange, kin))]
        findings.sort(key=lambda found: -found.probability)
        answered = [found for found in findings if found.state == "answered"]
        yield from (answered or findings)[:1]


def _from_reply(talk: Talk, question: Question, exchange: Exchange, kin: frozenset[str]) -> Finding | None:
    reply = classify_reply(exchange)
    if reply.kind == "no":
        return None if is_about_one_thing(question, exchange) else _denial(talk, question, reply)
    if reply.kind != "content":
        return None
    end = exchange.reply[-1].end if question.id in _WHOLE_REPLY else reply.end
    words = talk.text[reply.start : end]
    if question.value_type in _NEEDS_NUMBER and not find_numbers(words):
        return None
    if len(words.split()) > _LONGEST_REPLY_WORDS or doubt(talk, question.id, reply.start, end, kin):
        return None
    is_on_topic = question.value_type in _NEEDS_NUMBER or topic_of(question).is_told_in(words)
    kind: RuleKind = "replied" if is_on_topic else "replied_off_topic"
    return Finding(question.id, kind, ((reply.start, end),))


def is_about_one_thing(question: Question, exchange: Exchange) -> bool:
    """ "Any fever?" "No." denies the fever, not every symptom."""
    return question.id in _ASKED_ONE_BY_ONE and not _ASKS_FOR_ALL.search(exchange.prompt.text)


def _denial(talk: Talk, question: Question, reply: Reply) -> Finding | None:
    """A bare "no": an answer to everything but a measurement; the checks find the question that it answers."""
    if question.value_type in _NEEDS_NUMBER and question.value_type != "integer":
        return None
    if doubt(talk, question.id, reply.start, reply.end) == "someone_else":
        return None
    is_denial = question.value_type in ("list", "text")
    return Finding(question.id, "denied", ((reply.start, reply.end),), "denied" if is_denial else "answered")
