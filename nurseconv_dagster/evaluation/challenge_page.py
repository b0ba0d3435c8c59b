"""A challenge as one page of HTML that needs nothing else: for a ward manager first, for a data engineer below.

What lives here: `render_page()`.
When to add here: another table of a challenge.
What to keep out: counting (`flips.py`), and words of a conversation: the page has ids, states and counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from uuid import UUID

from nurseconv_dagster.evaluation.flips import CHANGES, Contest, sum_up_questions

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1b1b }
table { border-collapse: collapse; margin: 1rem 0; width: 100% } th, td { text-align: left; padding: .3rem .6rem }
th { border-bottom: 2px solid #666 } td { border-bottom: 1px solid #ccc } td.n, th.n { text-align: right }
pre { background: #f2f2f2; padding: 1rem; overflow-x: auto } caption { text-align: left; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #eee } pre { background: #262626 } }
"""
_CHANGE_HEADS = {
    "same": "same",
    "gained": "gained",
    "lost": "lost",
    "changed": "another value",
    "other_state": "unanswered otherwise",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a page is made from.

    Args:
        changes: settings of the challenger that differ, by name.
        promotion: lines of `.env` that would put it in force.
        figures: of the whole challenge, by name.
    """

    challenge_id: UUID
    cohort_id: UUID
    started_at: datetime
    changes: Mapping[str, str]
    promotion: Mapping[str, str]
    n_replicates: int
    figures: Mapping[str, float | int | None]
    contests: tuple[Contest, ...]


def render_page(told: Told) -> str:
    """The whole page."""
    parts = [
        f"<h1>Challenge of {told.started_at:%Y-%m-%d %H:%M} UTC</h1>",
        _summary(told),
        _promotion(told),
        _figures(told),
        _questions(told.contests),
        _uploads(told.contests),
        f"<p>Challenge {told.challenge_id}, cohort {told.cohort_id}. The same cohort can be challenged again: "
        f"<code>nurseconv challenge --cohort {told.cohort_id}</code>.</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Challenge</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def _summary(told: Told) -> str:
    """In sentences, for somebody who has to decide."""
    figures = told.figures
    sentences = [
        f"{figures['n_uploads']} conversations were answered again, {told.n_replicates} times each, without touching "
        "the answers in force.",
        f"{_percent(figures['agreement'])} of the answers stayed the same: {figures['n_gained']} would be gained, "
        f"{figures['n_lost']} lost, {figures['n_changed']} would say something else.",
    ]
    if figures["self_consistency"] is not None:
        sentences.append(
            f"Asked again, the challenger gave the same answer in {_percent(figures['self_consistency'])} of the cases."
        )
    if figures["n_failed"]:
        sentences.append(f"{figures['n_failed']} of {figures['n_replicates']} attempts came to no answers.")
    if (was := figures.get("current_f1")) is not None and (now := figures.get("challenger_f1")) is not None:
        sentences.append(f"By references, F1 is {_percent(was)} in force and {_percent(now)} for the challenger.")
    else:
        sentences.append("No reference says which side is right: look at the questions that would change.")
    sentences.append(f"It cost {figures['cost_usd']:.4f} USD.")
    return "<p>" + " ".join(sentences) + "</p>"


def _promotion(told: Told) -> str:
    lines = "\n".join(f"{name}={value}" for name, value in told.promotion.items())
    if not lines:
        return "<p>Nothing differs from the settings in force: this page shows how much answers vary by themselves.</p>"
    measured = ", ".join(f"{name}={value}" for name, value in told.changes.items())
    return (
        f"<h2>To put it in force</h2>\n<p>Write into <code>.env</code> and restart:</p>\n<pre>{escape(lines)}</pre>\n"
        f"<p>Measured was: <code>{escape(measured)}</code>.</p>"
    )


def _figures(told: Told) -> str:
    rows = [(name, _figure(name, value)) for name, value in told.figures.items()]
    return "<h2>Figures</h2>\n" + _table(("figure", "value"), rows)


def _questions(contests: Sequence[Contest]) -> str:
    heads = ("question", *_CHANGE_HEADS.values(), "agreement", "self-consistency")
    rows = [
        (
            name,
            *(str(counts[f"n_{change}"]) for change in CHANGES),
            _percent(counts["agreement"]),
            _percent(counts["self_consistency"]),
        )
        for name, counts in sum_up_questions(contests).items()
    ]
    return "<h2>By question</h2>\n" + _table(heads, rows)


def _uploads(contests: Sequence[Contest]) -> str:
    """Every question that would change or that replicates disagree on, by upload; no words."""
    parts = ["<h2>What would change</h2>"]
    for contest in contests:
        rows = [
            (each.question_id, each.state, ", ".join(each.challenger_states), f"{each.n_pairs_same} of {each.n_pairs}")
            for each in contest.flips
            if set(each.changes) != {"same"} or each.n_pairs_same < each.n_pairs
        ]
        failed = [each.error_code for each in contest.replicates if each.error_code]
        if not rows and not failed:
            continue
        parts.append(f'<h3 id="{contest.upload_id}"><a href="#{contest.upload_id}">{contest.upload_id}</a></h3>')
        if failed:
            parts.append(f"<p>No answers: {escape(', '.join(failed))}.</p>")
        if rows:
            parts.append(_table(("question", "in force", "challenger", "replicates that agree"), rows, n_words=3))
    if len(parts) == 1:
        parts.append("<p>Nothing.</p>")
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], n_words: int = 1) -> str:
    """Words to the left, figures to the right."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = ["" if place < n_words else ' class="n"' for place in range(len(cells))]
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table>\n<tr>{line('th', heads)}</tr>\n{body}\n</table>"


def _figure(name: str, value: float | int | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if name.endswith(("_usd", "_s")) else _percent(value)


def _percent(share: float | int | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
