"""An evaluation as plain text tables for a terminal.

What lives here: `render_report()`.
When to add here: another table.
What to keep out: counting (`tallies.py`), judging a single answer (`comparing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from nurseconv_dagster.evaluation.calibration import Calibration, calibrate_answers
from nurseconv_dagster.evaluation.comparing import Evaluation
from nurseconv_dagster.evaluation.tallies import Tally, add_up, tally_by_question, tally_by_state


def render_report(evaluation: Evaluation) -> str:
    """Plain text tables for a terminal: conversations, questions, states, totals, and calibration."""
    words = evaluation.words
    conversations = [
        (name, _percent(words[name].rate if name in words else None), *_cells(add_up(some)))
        for name, some in evaluation.comparisons.items()
    ]
    total = ("all", _percent(evaluation.all_words.rate), *_cells(add_up(evaluation.all_comparisons)))
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
                ("claims without support, dropped", _percent(evaluation.unsupported_rate)),
                ("mean token F1 of answers", _percent(evaluation.mean_text_f1)),
                ("expected values found", _percent(evaluation.mean_value_share)),
            ],
        ),
        _calibration_table(calibrate_answers(evaluation.all_comparisons)),
    )
    return "\n\n".join(tables)


def _calibration_table(calibration: Calibration) -> str:
    """What an answer's confidence is worth: how many of the answers with about that confidence are right."""
    rows = [
        (f"{each.low:.1f} to {each.high:.1f}", str(each.n), _percent(each.mean_confidence), _percent(each.share_right))
        for each in calibration.bins
        if each.n
    ]
    totals = [
        ("expected calibration error", "", "", _fraction(calibration.ece)),
        ("Brier score", "", "", _fraction(calibration.brier)),
    ]
    return _table(("confidence", "answers", "mean", "right"), [*rows, *totals])


def _cells(tally: Tally) -> tuple[str, ...]:
    rates = (tally.precision, tally.recall, tally.f1)
    return (str(tally.tp), str(tally.fp), str(tally.fn), *(_percent(rate) for rate in rates))


def _fraction(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


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
