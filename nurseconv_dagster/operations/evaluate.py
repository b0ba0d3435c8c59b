"""`nurseconv evaluate`: current answers against references, on a terminal and in Dagster's history.

What lives here: `evaluate_answers()` and what it prints.
When to add here: something that an operator should see of an evaluation.
What to keep out: judging (evaluation), fetching and keeping (resources.evaluators).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from nurseconv_dagster.evaluation.fitting import TooLittle
from nurseconv_dagster.evaluation.tables import render_report
from nurseconv_dagster.resources.evaluators import EvaluatorResource, Outcome
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings


def evaluate_answers(settings: Settings, folder: Path | None, *, fit: bool, as_json: bool, names: bool) -> int:
    """The exit code: 0 when every reference found its upload, 1 when one did not.

    Raises:
        SettingsError: a reference is wrong, or there is none.
    """
    evaluator = EvaluatorResource(store=StoreResource())
    outcome = evaluator.evaluate(folder, names=names)
    tell_dagster(outcome)
    found = _propose(settings, evaluator, outcome) if fit else {}
    if as_json:
        typer.echo(json.dumps({**outcome.as_json(), **({"fit": found} if fit else {})}, indent=2))
    else:
        typer.echo(render_report(outcome.evaluation))
        for line in _notes(outcome, found):
            typer.echo(line)
    return 1 if outcome.n_missing or outcome.n_ambiguous else 0


def tell_dagster(outcome: Outcome) -> None:
    """The figures stand in the history of the asset `evaluations`, as if a run had made them."""
    from dagster import AssetMaterialization, DagsterInstance

    with DagsterInstance.get() as instance:
        instance.report_runless_asset_event(AssetMaterialization("evaluations", metadata=outcome.figures))


def _propose(settings: Settings, evaluator: EvaluatorResource, outcome: Outcome) -> dict[str, Any]:
    """What the fit came to, and the file that proposes it; the weights in force stay as they are."""
    fit, proposal = evaluator.fit(outcome.evaluation)
    counts = {"n_answers": fit.n_answers, "n_conversations": fit.n_conversations}
    if isinstance(fit, TooLittle):
        return {**counts, "n_right": fit.n_right, "file": None}
    file = settings.reports_dir / f"confidence-{fit.data_sha256[:12]}.yaml"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(proposal, encoding="utf-8")
    rates = ("brier_before", "brier_held_out", "ece_before", "ece_held_out", "is_better")
    return {**counts, **{name: getattr(fit, name) for name in rates}, "weights": fit.of_sign, "file": str(file)}


def _notes(outcome: Outcome, fit: dict[str, Any]) -> list[str]:
    notes = []
    if not outcome.counts_words:
        notes.append("Word error rates need the extra 'evaluation': pip install 'nurseconv[evaluation]'.")
    if outcome.n_missing:
        notes.append(f"{outcome.n_missing} of {outcome.n_references} references fit no upload: is the file taken in?")
    if outcome.n_ambiguous:
        notes.append(f"{outcome.n_ambiguous} references fit several uploads: give `file` with more of its path.")
    if not fit:
        return notes
    if fit["file"] is None:
        return [*notes, f"No fit: {fit['n_answers']} answers with known signs ({fit['n_right']} right) from "
                f"{fit['n_conversations']} conversations; it needs two conversations, with right and wrong answers. "
                "Answers of older versions have no signs: `nurseconv retry ID --from answers`."]  # fmt: skip
    verdict = "better" if fit["is_better"] else "NOT better: keep the weights in force"
    return [
        *notes,
        f"fit on {fit['n_answers']} answers of {fit['n_conversations']} conversations; on conversations left out: "
        f"Brier {fit['brier_before']:.3f} -> {fit['brier_held_out']:.3f}, ECE {fit['ece_before']:.3f} -> "
        f"{fit['ece_held_out']:.3f}: {verdict}",
        f"proposal: {fit['file']}; to use it, CONFIDENCE_FILE={fit['file']} in .env",
    ]
