"""What reviewers have to do and what they found, for people and scripts.

What lives here: `show_reviews()`.
When to add here: a figure that tells whether reviewing works.
What to keep out: formulas (scoring), single verdicts and any word of an answer.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import typer

from nurseconv_dagster.evaluation.calibration import Calibration
from nurseconv_dagster.scoring.agreement import Agreement
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import app_url, open_engine, transaction
from nurseconv_dagster.store.review_figures import Figures, read_figures
from nurseconv_dagster.store.review_queue import QueueView, count_queue


def show_reviews(settings: Settings, *, unit: str | None, as_json: bool) -> None:
    """Prints what waits, how two reviewers agree, and how right answers of a given confidence were found to be.

    Args:
        unit: only this ward or team; null for all.
    """
    units = None if unit is None else frozenset({unit})
    engine = open_engine(app_url(settings))
    with transaction(engine) as connection:
        waiting = count_queue(connection, QueueView(units, settings.review_audit_share))
        figures = read_figures(connection, units)
    engine.dispose()
    if as_json:
        typer.echo(json.dumps({"waiting": waiting, **asdict(figures)}))
        return
    typer.echo(f"waiting      {_counts(waiting)}")
    for line in _lines(figures):
        typer.echo(line)


def _lines(figures: Figures) -> list[str]:
    return [
        f"judged       {_counts(figures.n_by_verdict)}",
        f"agreement    {_agreement(figures.agreement)}",
        *_calibration("asked for a review", figures.doubted),
        *_calibration("others (the audit sample)", figures.undoubted),
    ]


def _counts(counts: dict[Any, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing"


def _agreement(agreement: Agreement) -> str:
    if agreement.observed is None:
        return "no answer was judged by two reviewers yet"
    kappa = "not defined, all verdicts are the same" if agreement.kappa is None else f"{agreement.kappa:.2f}"
    return f"{agreement.observed:.0%} of {agreement.n} answers judged by two; Cohen's kappa {kappa}"


def _calibration(title: str, found: Calibration) -> list[str]:
    if found.brier is None or found.ece is None:
        return [f"confidence   {title}: none judged yet"]
    head = f"confidence   {title}: {found.n} judged, Brier {found.brier:.3f}, expected error {found.ece:.3f}"
    return [
        head,
        *(
            f"    {bin_.low:.1f} to {bin_.high:.1f}  {bin_.n:>6} judged  said {bin_.mean_confidence:.2f}  "
            f"was right {bin_.share_right:.2f}"
            for bin_ in found.bins
            if bin_.n
        ),
    ]
