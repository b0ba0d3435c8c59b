"""The asset `conversation_scores`: how complete, proven and clear the conversation was, in numbers.

What lives here: the asset.
When to add here: nothing but what the scoring stage must do for every upload.
What to keep out: formulas (scoring), leases and isolation (resources.stages).
"""

from dagster import AssetExecutionContext

from nurseconv_dagster.assets.shape import upload_asset
from nurseconv_dagster.automation.queues import SCORING, in_queue
from nurseconv_dagster.resources.scorers import ScorerResource
from nurseconv_dagster.resources.stages import StageResource
from nurseconv_dagster.store.results import load_extraction, load_transcript, save_scores


@upload_asset(
    code_version="1",
    op_tags=in_queue(SCORING),
    kinds={"python", "postgres"},
    deps=["question_answers", "conversation_transcriptions"],
    description="Scores 0..1 with every component, null where there is nothing to judge; the overall score 0..100.",
)
def conversation_scores(context: AssetExecutionContext, stages: StageResource, scorer: ScorerResource) -> None:
    """Scores each conversation of the batch; this is where an upload becomes completed."""
    with stages.open(context, "scores") as batch:
        for claim in batch.in_time(batch.claims):
            with batch.isolate(claim):
                engine = scorer.store.engine
                transcript = load_transcript(engine, claim.upload_id)
                scores = scorer.score(transcript, load_extraction(engine, claim.upload_id), claim.profile)
                with batch.finish(claim) as connection:
                    save_scores(connection, claim.upload_id, scores)
                context.log.info(f"scored {len(batch.done)} of {len(batch.claims)}")
