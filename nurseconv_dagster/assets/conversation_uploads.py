"""The asset `conversation_uploads`: each file is decoded strictly, measured, and flagged or refused.

What lives here: the asset.
When to add here: nothing but what the uploads stage must do for every upload.
What to keep out: decoding (intake), leases and isolation (resources.stages).
"""

from dagster import AssetExecutionContext

from nurseconv_dagster.assets.shape import upload_asset
from nurseconv_dagster.automation.queues import PROCESSING, in_queue
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.resources.stages import StageResource


@upload_asset(
    code_version="1",
    op_tags=in_queue(PROCESSING),
    kinds={"python", "postgres"},
    description="Uploads that were decoded to the end: duration and damage are known. Refused ones have no partition.",
)
def conversation_uploads(context: AssetExecutionContext, stages: StageResource, intake: IntakeResource) -> None:
    """Examines each upload of the batch; a file that cannot be trusted ends here as rejected, with the reason."""
    with stages.open(context, "uploads") as batch:
        for claim in batch.in_time(batch.claims):
            with batch.isolate(claim):
                examined = intake.examine(claim.object_key, claim.kind)
                if isinstance(examined, Refusal):
                    batch.reject(claim, examined)
                    continue
                with batch.finish(claim, duration_s=examined.duration_s, damage=list(examined.damage)):
                    context.log.info(f"examined {len(batch.done) + 1} of {len(batch.claims)}")
