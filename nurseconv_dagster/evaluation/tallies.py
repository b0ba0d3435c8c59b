"""Counts over many comparisons, and the figures of a whole evaluation: what is kept and compared over time.

What lives here: `Tally`, precision, recall and F1 by question and by state, and `headline()`.
When to add here: another way to group the comparisons; another figure, with its column in `store.quality_tables`.
What to keep out: judging a single answer (`comparing.py`), showing figures (`tables.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nurseconv_dagster.evaluation.calibration import calibrate_answers
from nurseconv_dagster.evaluation.comparing import Comparison, Evaluation


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and the rates that follow; a rate without a case is null, never a made-up figure."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def precision(self) -> float | None:
        """Of the answers given, the right ones."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Of the answers expected, those found."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def as_json(self) -> dict[str, float | int | None]:
        """Counts and rates by name."""
        counts = {"n_right": self.tp, "n_wrong": self.fp, "n_missed": self.fn}
        return {**counts, "precision": self.precision, "recall": self.recall, "f1": self.f1}


def tally_by_question(evaluation: Evaluation) -> dict[str, Tally]:
    """By question id: answers right, wrong and missed."""
    ids = dict.fromkeys(one.question_id for one in evaluation.all_comparisons)
    return {id_: add_up(one for one in evaluation.all_comparisons if one.question_id == id_) for id_ in ids}


def tally_by_state(evaluation: Evaluation) -> dict[str, Tally]:
    """By state: how well it is told from the others, whatever the answer's words."""
    pairs = [(one.expected_state, one.state) for one in evaluation.all_comparisons]
    states = sorted({state for pair in pairs for state in pair if state is not None})
    return {
        state: Tally(
            tp=sum(wanted == got == state for wanted, got in pairs),
            fp=sum(got == state != wanted for wanted, got in pairs),
            fn=sum(wanted == state != got for wanted, got in pairs),
        )
        for state in states
    }


def add_up(comparisons: Iterable[Comparison]) -> Tally:
    """Right, wrong and missed over some comparisons."""
    some = list(comparisons)
    return Tally(sum(one.tp for one in some), sum(one.fp for one in some), sum(one.fn for one in some))


def headline(evaluation: Evaluation) -> dict[str, float | int | None]:
    """The figures of an evaluation by name: counts, and rates that are null where nothing was to judge."""
    tally = add_up(evaluation.all_comparisons)
    calibration = calibrate_answers(evaluation.all_comparisons)
    return {
        "n_conversations": len(evaluation.comparisons),
        "n_questions": len(evaluation.all_comparisons),
        "n_right": tally.tp,
        "n_wrong": tally.fp,
        "n_missed": tally.fn,
        "precision": tally.precision,
        "recall": tally.recall,
        "f1": tally.f1,
        "state_accuracy": evaluation.state_accuracy,
        "false_answer_rate": evaluation.false_answer_rate,
        "n_claims_made": evaluation.n_claims_made,
        "unsupported_rate": evaluation.unsupported_rate,
        "n_confidences": calibration.n,
        "ece": calibration.ece,
        "brier": calibration.brier,
        "word_error_rate": evaluation.all_words.rate,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
