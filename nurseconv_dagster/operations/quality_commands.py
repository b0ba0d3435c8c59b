"""The commands about quality: `nurseconv evaluate` and `nurseconv challenge`.

What lives here: the two commands, their help and exit codes. Each calls one module of this room.
When to add here: a command about how good the answers are.
What to keep out: the work itself, and heavy imports, as in `cli`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from nurseconv_dagster.operations.readiness import ready

commands = typer.Typer()


class Provider(StrEnum):
    """Who may be asked."""

    GEMINI = "gemini"
    OPENAI = "openai"
    LOCAL = "local"
    RULES = "rules"


class Prompt(StrEnum):
    """The two wordings."""

    FIRST = "first"
    SECOND = "second"


@commands.command()
def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[REFERENCES_DIR]", help="Reference files; default: references/ in the home."),
    ] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Propose new weights of the confidence, as a file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Call conversations as their references are called.")] = False,
) -> None:
    """How good the current answers are, by references that people wrote: precision, recall, calibration.

    Start with `nurseconv ingest samples/bucket`, then `nurseconv evaluate samples/reference --names`. The form of a
    reference is in docs/evaluation.md. Exit code 0 when every reference found its upload, 1 when not.
    """
    from nurseconv_dagster.operations.evaluate import evaluate_answers

    raise typer.Exit(evaluate_answers(ready(), folder, fit=fit, as_json=as_json, names=names))


@commands.command()
def challenge(
    *,
    providers: Annotated[
        list[Provider] | None, typer.Option("--provider", help="Who is asked; repeat for more.")
    ] = None,
    model: Annotated[str, typer.Option(help="Model of the first provider.")] = "",
    prompt: Annotated[Prompt | None, typer.Option(help="Wording in which hosted models are asked.")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="Another catalogue.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Other weights of the confidence.")] = None,
    replicates: Annotated[int, typer.Option(min=1, max=20, help="Times that each upload is answered.")] = 1,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most uploads, newest first.")] = 20,
    unit: Annotated[str, typer.Option(help="Only uploads of this unit.")] = "",
    profile: Annotated[str, typer.Option(help="Only uploads of this profile.")] = "",
    uploads: Annotated[list[UUID] | None, typer.Option("--upload", help="This upload; repeat for more.")] = None,
    cohort: Annotated[UUID | None, typer.Option(help="The frozen cohort of an earlier challenge.")] = None,
    budget_usd: Annotated[float | None, typer.Option(min=0, help="US dollars for all of it.")] = None,
    references: Annotated[Path | None, typer.Option(help="References that judge both sides.")] = None,
) -> None:
    """What another model, prompt, catalogue or weights would change, on answered uploads. Touches no answer in force.

    Prints the figures and the page with all of them; exit code 1 when some attempts came to no answers.
    """
    from nurseconv_dagster.operations.challenge import challenge_answers

    config = {
        "providers": [str(each) for each in providers or ()],
        "model": model,
        "prompt": str(prompt or ""),
        "catalogue_file": str(catalogue.resolve()) if catalogue else "",
        "confidence_file": str(weights.resolve()) if weights else "",
        "replicates": replicates,
        "newest": limit,
        "unit": unit,
        "profile": profile,
        "upload_ids": [str(each) for each in uploads or ()],
        "cohort_id": str(cohort or ""),
        "references_dir": str(references.resolve()) if references else "",
        **({} if budget_usd is None else {"budget_usd": budget_usd}),
    }
    raise typer.Exit(challenge_answers(ready(), config))
