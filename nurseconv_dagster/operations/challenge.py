"""`nurseconv challenge`: the asset `challenges`, run here through Dagster, and its figures on a terminal.

What lives here: `challenge_answers()` and what it prints.
When to add here: something that an operator should see of a challenge.
What to keep out: asking and comparing (resources.challengers, evaluation).
"""

from __future__ import annotations

from typing import Any

import typer

from nurseconv_dagster.automation.jobs import CHALLENGE_ANSWERS
from nurseconv_dagster.operations.driver import run_job
from nurseconv_dagster.operations.hosted import describe_privacy
from nurseconv_dagster.resources.challenger_settings import promotion
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.challenges import load_challenge


def challenge_answers(settings: Settings, config: dict[str, Any]) -> int:
    """The exit code: 0 when every attempt came to answers, 1 when one did not.

    Args:
        config: of the asset, see `assets.challenges.ChallengeConfig`.

    Raises:
        SettingsError, CatalogueError, UnknownUploadError: what was wished for is not possible; says why.
    """
    if settings.hosted_providers:
        typer.echo(describe_privacy(settings))
    run_id = run_job(settings, CHALLENGE_ANSWERS, {"challenges": config})
    row = load_challenge(StoreResource().engine, run_id)
    for name, value in sorted(row.figures.items()):
        typer.echo(f"{name:<22} {_figure(value)}")
    typer.echo(f"page                   {settings.reports_dir / f'challenge-{row.id}.html'}")
    typer.echo(f"cohort                 {row.cohort_id}")
    for name, value in promotion(settings, row.changes).items():
        typer.echo(f"to put it in force     {name}={value}")
    return 1 if row.figures["n_failed"] else 0


def _figure(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
