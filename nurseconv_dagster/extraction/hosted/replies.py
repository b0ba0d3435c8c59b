"""A reply: the shape in which a model must give it, and how claims are read from it, strictly.

What lives here: `reply_schema()` and `read_reply()`. One truth: what was asked for is what is checked.
When to add here: a field of the reply (in the schema first), or a rule that every reply must keep.
What to keep out: whether quotes stand in the transcript (`checking.py`), whether the reply was cut (`asking.py`).

A model gives only ids, spans and names of fixed sets. Numbers, units, doses and names are read from the quotes by our
own parser, so no value can say more than its evidence.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from nurseconv_dagster.errors import ProviderReplyError
from nurseconv_dagster.extraction.answers import Claim, State
from nurseconv_dagster.extraction.questions import Question

MALFORMED = "provider_reply_malformed"  # the one kind of bad reply that asking again can mend
# Of one question: a model that repeats itself without end is stopped here. Gemini was seen to refuse schemas whose
# limits add up to more than about 960, and `QUESTIONS_PER_CALL` of these stand in one.
MAX_QUOTES = 30
_NO_CHOICE = "none"
_BOOLEANS = {"yes": True, "no": False}
_STATES: tuple[State, ...] = (
    "answered", "denied", "not_asked", "asked_no_answer", "declined", "unable", "conflicting",
)  # fmt: skip
_DENIABLE_TYPES = frozenset({"list", "text"})
_BRACKETS = re.compile(r"[{}\[\]]")
_RULES = {
    "required": "left out {n} of the properties",
    "additionalProperties": "has properties that were not asked for in {n} places",
    "enum": "has values outside the allowed set in {n} places",
    "type": "has values of another type in {n} places",
    "maxItems": f"has more than {MAX_QUOTES} items in {{n}} places",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says.

    Args:
        claims: one per question that was asked, less those that were dropped; without `call_no`.
        n_dropped: claims that named only segments which the model was never shown.
    """

    claims: tuple[Claim, ...]
    n_dropped: int


class _OtherThanAskedError(ValueError):
    """JSON that no reply may hold; its message has no word of it."""


def reply_schema(questions: Sequence[Question]) -> dict[str, Any]:
    """The JSON schema of a reply: every property required, nothing else allowed, no defaults, no references."""
    return _object({question.id: _question_schema(question) for question in questions})


def read_reply(text: str, questions: Sequence[Question], segment_ids: Collection[int]) -> Reading:
    """The claims of a reply that came back whole.

    Evidence in a segment that the model was not shown is invented: it is left out, and a claim that had no other is
    dropped and counted. That one slip does not make the reply malformed; a property that is missing, unknown, of
    another type or given twice does. Prose and code fences around the object are cut off, the object itself is not
    touched.

    Args:
        text: as sent; the caller has seen that it was neither cut nor refused.
        questions: those asked in this call.
        segment_ids: those shown in this call.

    Raises:
        ProviderReplyError: permanent; code `MALFORMED`; the message names the broken rule and counts, no words.
    """
    from jsonschema import Draft202012Validator

    try:
        reply = _parse(text)
    except (_OtherThanAskedError, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _OtherThanAskedError) else "it is not one JSON object"
        raise ProviderReplyError(reason, code="provider_reply_malformed") from None
    broken = Counter(str(error.validator) for error in Draft202012Validator(reply_schema(questions)).iter_errors(reply))
    if broken:
        rules = [_RULES[name].format(n=n) for name, n in sorted(broken.items())]
        raise ProviderReplyError("it " + ", ".join(rules), code="provider_reply_malformed")
    claims = [_read_claim(question, reply[question.id], frozenset(segment_ids)) for question in questions]
    kept = tuple(claim for claim in claims if claim is not None)
    return Reading(kept, len(claims) - len(kept))


def _question_schema(question: Question) -> dict[str, Any]:
    states = [state for state in _STATES if state != "denied" or question.value_type in _DENIABLE_TYPES]
    quote = {"segment_ids": {"type": "array", "items": {"type": "integer"}}, "quote": {"type": "string"}}
    # Quotes first: a model that has copied the words judges them, one that has judged looks for words that agree.
    properties: dict[str, Any] = {
        "evidence": {"type": "array", "items": _object(quote), "maxItems": MAX_QUOTES},
        "state": {"type": "string", "enum": states},
    }
    if choices := choices_of(question):
        properties["choice"] = {"type": "string", "enum": list(dict.fromkeys((*choices, _NO_CHOICE)))}
    return _object(properties)


def choices_of(question: Question) -> tuple[str, ...]:
    """The names among which a model chooses; empty for questions whose value is read from the quotes."""
    if question.value_type == "boolean":
        return tuple(_BOOLEANS)
    return tuple(question.schema["enum"]) if question.value_type == "choice" else ()


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _parse(text: str) -> Any:
    """The one JSON object of a text, whatever stands around it, as long as that is no JSON."""
    first, last = text.find("{"), text.rfind("}") + 1
    if not 0 <= first < last or _BRACKETS.search(text[:first] + text[last:]):
        raise _OtherThanAskedError("it is not one JSON object")
    return json.loads(
        text[first:last], object_pairs_hook=_no_repeats, parse_constant=_no_number, parse_float=_no_number
    )


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _OtherThanAskedError("it has the same property twice in one object")
    return dict(pairs)


def _no_number(_: str) -> NoReturn:
    raise _OtherThanAskedError("it has a number that is not a whole number")


def _read_claim(question: Question, said: dict[str, Any], shown: frozenset[int]) -> Claim | None:
    """The claim, or null when all of its evidence stands in segments that do not exist."""
    quotes = [(item["quote"], tuple(item["segment_ids"])) for item in said["evidence"]]
    known = tuple((quote, ids) for quote, ids in quotes if shown.issuperset(ids))
    if quotes and not known:
        return None
    state: State = said["state"]
    value = _read_choice(question, said["choice"]) if state == "answered" and choices_of(question) else None
    return Claim(question.id, state, value, known)


def _read_choice(question: Question, choice: str) -> bool | str | None:
    return _BOOLEANS.get(choice) if question.value_type == "boolean" else (None if choice == _NO_CHOICE else choice)
