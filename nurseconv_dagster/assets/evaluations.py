"""The asset `evaluations`: how good the current answers are, by references that people wrote.

What lives here: the asset and its configuration.
When to add here: nothing but what every evaluation must tell Dagster.
What to keep out: judging (evaluation), fetching and keeping (resources.evaluators).
"""

from pathlib import Path

from dagster import AssetExecutionContext, Config, asset
from pydantic import Field

from nurseconv_dagster.automation.queues import MAINTENANCE, in_queue
from nurseconv_dagster.resources.evaluators import EvaluatorResource


class EvaluationConfig(Config):
    """Which references."""

    references_dir: str = Field("", description="Folder of reference files; empty: references/ in the home.")


@asset(
    deps=["question_answers"],
    group_name="quality",
    owners=["team:data"],
    op_tags=in_queue(MAINTENANCE),
    kinds={"python", "postgres"},
    code_version="1",
    description="Precision, recall, calibration and unsupported claims of the current answers, by references.",
)
def evaluations(context: AssetExecutionContext, config: EvaluationConfig, evaluator: EvaluatorResource) -> None:
    """Adds one row; its figures are this materialisation's metadata, so that Dagster draws their history."""
    outcome = evaluator.evaluate(Path(config.references_dir) if config.references_dir else None)
    context.add_output_metadata(outcome.figures)
