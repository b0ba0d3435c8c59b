"""The asset `question_answers`: each question of the profile with its state, value and proof.

What lives here: the asset.
When to add here: nothing but what the extraction stage must do for every upload.
What to keep out: how answers are found and checked (extraction), leases and isolation (resources.stages).
"""

from dagster import AssetExecutionContext

from nurseconv_dagster.assets.shape import upload_asset
from nurseconv_dagster.automation.queues import QA_EXTRACTION, in_queue
from nurseconv_dagster.resources.extractors import ExtractorResource
from nurseconv_dagster.resources.stages import StageResource
from nurseconv_dagster.store.results import load_transcript, save_extraction


@upload_asset(
    code_version="2",
    op_tags=in_queue(QA_EXTRACTION),
    kinds={"python", "postgres", "onnx"},
    deps=["conversation_transcriptions"],
    description="One row per question: state, typed value, confidence, and the quote and second that prove it.",
)
def question_answers(context: AssetExecutionContext, stages: StageResource, extractor: ExtractorResource) -> None:
    """Puts the profile's questions to each transcript of the batch."""
    context.log.info(f"words of these uploads that go to hosted models: {extractor.privacy}")
    with stages.open(context, "answers") as batch:
        for claim in batch.in_time(batch.claims):
            with batch.isolate(claim):
                transcript = load_transcript(extractor.store.engine, claim.upload_id)
                extraction = extractor.extract(transcript, claim)
                with batch.finish(claim) as connection:
                    save_extraction(connection, claim.upload_id, claim.attempt, extraction)
                context.log.info(f"answered {len(batch.done)} of {len(batch.claims)}")
