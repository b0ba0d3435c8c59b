"""An evaluation as plain text tables, and the counts behind their lines.

What lives here: `render_report()`, precision, recall and F1 by question and by state.
When to add here: another table, or another way to group the comparisons.
What to keep out: judging a single answer (`evaluation.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nurseconv_dagster.operations.evaluation import Comparison, Evaluation


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


def tally_by_question(evaluation: Evaluation) -> dict[str, Tally]:
    """By question id: answers right, wrong and missed."""
    ids = dict.fromkeys(one.question_id for one in evaluation.all_comparisons)
    return {id_: _add_up(one for one in evaluation.all_comparisons if one.question_id == id_) for id_ in ids}


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


def _add_up(comparisons: Iterable[Comparison]) -> Tally:
    some = list(comparisons)
    return Tally(sum(one.tp for one in some), sum(one.fp for one in some), sum(one.fn for one in some))


def render_report(evaluation: Evaluation) -> str:
    """Plain text tables for a terminal: conversations, questions, states, and the totals."""
    words = evaluation.words
    conversations = [
        (name, _percent(words[name].rate if name in words else None), *_cells(_add_up(some)))
        for name, some in evaluation.comparisons.items()
    ]
    total = ("all", _percent(evaluation.all_words.rate), *_cells(_add_up(evaluation.all_comparisons)))
    heads = ("right", "wrong", "missed", "precision", "recall", "F1")
    tables = (
        _table(("conversation", "WER", *heads), [*conversations, total]),
        _table(("question", *heads), [(id_, *_cells(some)) for id_, some in tally_by_question(evaluation).items()]),
        _table(("state", *heads), [(state, *_cells(some)) for state, some in tally_by_state(evaluation).items()]),
        _table(
            ("over all questions", ""),
            [
                ("expected state", _percent(evaluation.state_accuracy)),
                ("answers where none was given", _percent(evaluation.false_answer_rate)),
                ("mean token F1 of answers", _percent(evaluation.mean_text_f1)),
                ("expected values found", _percent(evaluation.mean_value_share)),
            ],
        ),
    )
    return "\n\n".join(tables)


def _cells(tally: Tally) -> tuple[str, ...]:
    rates = (tally.precision, tally.recall, tally.f1)
    return (str(tally.tp), str(tally.fp), str(tally.fn), *(_percent(rate) for rate in rates))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as their widest cell; the first to the left, figures to the right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (heads, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
