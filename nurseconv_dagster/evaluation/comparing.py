"""How good the results are: a conversation's answers against its reference, and what that makes over many.

What lives here: comparing one question's answer, counting right, wrong and missed, and the rates over all of them.
When to add here: another figure of quality.
What to keep out: reading references, counting words, rendering, and fetching results (the caller has them).

What counts as right: the state is the expected one, and
    a denial needs no more;
    an expected single value, or list of values, is equal;
    otherwise half of the words (token F1) or half of the expected fields agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nurseconv_dagster.evaluation.references import Reference, ReferenceAnswer
from nurseconv_dagster.evaluation.word_errors import WordErrors, count_word_errors
from nurseconv_dagster.extraction.answers import STATES_WITH_EVIDENCE, State
from nurseconv_dagster.extraction.tokens import norms, tokenise

AGREEMENT = 0.5  # share of words or fields from which an answer counts as the expected one
STATED: frozenset[State] = frozenset({"answered", "denied"})  # what has a confidence that says "this is right"
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation and what the system made of it.

    Args:
        reference: what is right.
        full_text: the transcript; null when there is none (refused, failed).
        answers: rows with `question_id`, `state`, `answer_text` and `answer_value`; for calibration `confidence_score`,
            for a fit `signs`.
        is_typed: nobody transcribed it.
        n_claims_made: by the providers that answered.
        claims_dropped: of them, by reason.
    """

    reference: Reference
    full_text: str | None
    answers: Sequence[Mapping[str, Any]]
    is_typed: bool = False
    n_claims_made: int = 0
    claims_dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question of one conversation.

    Args:
        expected_state: of the reference.
        state: of the system; null when it has no row.
        tp: 1 for an answer that is right.
        fp: 1 for an answer that is wrong, or that nobody gave.
        fn: 1 for an expected answer that is missing or wrong.
        text_f1: 0..1, words in common; null unless both hold an answer and a text.
        value_share: 0..1, share of the expected value's fields that are equal; null when no value is expected.
        confidence: of the system's answer, 0..1; null where it stated nothing.
        signs: what the confidence was weighed from, by name; null where it is not known.
    """

    question_id: str
    expected_state: State
    state: State | None
    tp: int
    fp: int
    fn: int
    text_f1: float | None
    value_share: float | None
    confidence: float | None = None
    signs: Mapping[str, float | None] | None = None

    @property
    def state_ok(self) -> bool:
        """The expected state."""
        return self.state == self.expected_state


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All comparisons of a set of conversations.

    Args:
        comparisons: by the conversation's name; damaged ones are left out.
        words: by the conversation's name; typed texts are left out, nobody transcribed them, and conversations whose
            reference holds no transcript.
        n_claims_made: by the providers that answered.
        claims_dropped: of them, by reason: nothing in the transcript supports them.
    """

    comparisons: dict[str, tuple[Comparison, ...]]
    words: dict[str, WordErrors]
    n_claims_made: int = 0
    claims_dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def all_comparisons(self) -> tuple[Comparison, ...]:
        """Of every conversation."""
        return tuple(one for some in self.comparisons.values() for one in some)

    @property
    def all_words(self) -> WordErrors:
        """Pooled over the conversations, so that long ones weigh more."""
        words = self.words.values()
        return WordErrors(sum(each.n_errors for each in words), sum(each.n_words for each in words))

    @property
    def false_answer_rate(self) -> float | None:
        """Of the questions without an answer, those that the system answered all the same."""
        unanswerable = [one for one in self.all_comparisons if one.expected_state not in STATES_WITH_EVIDENCE]
        return _ratio(sum(one.fp for one in unanswerable), len(unanswerable))

    @property
    def unsupported_rate(self) -> float | None:
        """Of the claims made, those that the transcript does not support; none of them became an answer."""
        return _ratio(sum(self.claims_dropped.values()), self.n_claims_made)

    @property
    def state_accuracy(self) -> float | None:
        """Share of all questions with the expected state."""
        return _mean([float(one.state_ok) for one in self.all_comparisons])

    @property
    def mean_text_f1(self) -> float | None:
        """Over the questions where both sides hold a text."""
        return _mean([one.text_f1 for one in self.all_comparisons if one.text_f1 is not None])

    @property
    def mean_value_share(self) -> float | None:
        """Over the questions where the reference holds a value; a missing answer counts 0."""
        return _mean([one.value_share for one in self.all_comparisons if one.value_share is not None])


def token_f1(expected: str, given: str) -> float:
    """Harmonic mean of the shares of words that two texts have in common, 0..1.

    Case, punctuation, articles, fillers and spellings of numbers and units do not matter: "ten milligrams" is "10 mg".

    Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ questions for machine comprehension of text", section 6.1.
    """
    bags = [Counter(norm for norm in norms(tokenise(text)) if norm not in _ARTICLES) for text in (expected, given)]
    n_common, n_all = (bags[0] & bags[1]).total(), bags[0].total() + bags[1].total()
    return 2 * n_common / n_all if n_all else 1.0


def compare_answers(
    expected: Mapping[str, ReferenceAnswer], answers: Iterable[Mapping[str, Any]]
) -> dict[str, Comparison]:
    """One comparison for each question of the reference; rows of other questions are not judged.

    Args:
        expected: by question id.
        answers: rows with `question_id`, `state`, `answer_text` and `answer_value`.
    """
    rows = {row["question_id"]: row for row in answers}
    return {id_: _compare(id_, answer, rows.get(id_, {})) for id_, answer in expected.items()}


def _compare(question_id: str, expected: ReferenceAnswer, row: Mapping[str, Any]) -> Comparison:
    state = row.get("state")
    is_expected, is_given = expected.state in STATES_WITH_EVIDENCE, state in STATES_WITH_EVIDENCE
    text = row.get("answer_text")
    text_f1 = token_f1(expected.text, text) if is_given and expected.text and text else None
    value_share = None if expected.value is None else _share_equal(expected.value, row.get("answer_value"))
    is_right = is_expected and state == expected.state and _agrees(expected, text_f1, value_share)
    return Comparison(
        question_id=question_id,
        expected_state=expected.state,
        state=state,
        tp=int(is_right),
        fp=int(is_given and not is_right),
        fn=int(is_expected and not is_right),
        text_f1=text_f1,
        value_share=value_share,
        confidence=row.get("confidence_score") if state in STATED else None,
        signs=row.get("signs") if state in STATED else None,
    )


def _agrees(expected: ReferenceAnswer, text_f1: float | None, value_share: float | None) -> bool:
    if expected.state == "denied":
        return True
    if value_share is not None and not isinstance(expected.value, Mapping):
        return value_share == 1
    return max(text_f1 or 0, value_share or 0) >= AGREEMENT


def _share_equal(expected: Any, given: Any) -> float:
    """Share of the expected fields that the given value has too; a single value or a list is all or nothing."""
    if isinstance(expected, Mapping):
        fields = given if isinstance(given, Mapping) else {}
        return _mean([_share_equal(value, fields.get(name)) for name, value in expected.items()]) or 0.0
    if isinstance(expected, list):
        return float(isinstance(given, list) and sorted(map(str, expected)) == sorted(map(str, given)))
    if _is_number(expected) and _is_number(given):
        return float(math.isclose(expected, given))
    return float(type(expected) is type(given) and expected == given)  # true is not 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def evaluate(cases: Iterable[Case], *, counts_words: bool = True) -> Evaluation:
    """Every conversation against its reference.

    Args:
        cases: conversations whose reference is `damaged` are passed over.
        counts_words: false leaves word error rates out, which need the extra `evaluation`.

    Raises:
        SettingsError: permanent; words are to be counted and the extra is not installed.
    """
    whole = [case for case in cases if case.reference.outcome != "damaged"]
    spoken = [case for case in whole if counts_words and not case.is_typed and case.reference.has_transcript]
    return Evaluation(
        comparisons={
            case.reference.name: tuple(compare_answers(case.reference.answers, case.answers).values()) for case in whole
        },
        words={
            case.reference.name: count_word_errors(case.reference.full_text, case.full_text or "") for case in spoken
        },
        n_claims_made=sum(case.n_claims_made for case in whole),
        claims_dropped=sum((Counter(case.claims_dropped) for case in whole), Counter()),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(shares: Sequence[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None
