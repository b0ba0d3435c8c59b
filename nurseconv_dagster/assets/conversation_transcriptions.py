"""The asset `conversation_transcriptions`: what was said, by whom, at which second.

What lives here: the asset.
When to add here: nothing but what the speech stage must do for every upload.
What to keep out: how words are heard (speech), leases and isolation (resources.stages).
"""

from dagster import AssetExecutionContext

from nurseconv_dagster.assets.shape import upload_asset
from nurseconv_dagster.automation.queues import TRANSCRIPTION, in_queue
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.resources.stages import StageResource
from nurseconv_dagster.resources.transcribers import TranscriberResource
from nurseconv_dagster.store.results import save_transcript


@upload_asset(
    code_version="1",
    op_tags=in_queue(TRANSCRIPTION),
    kinds={"python", "postgres", "whisper"},
    deps=["conversation_uploads"],
    description="Transcripts with timed words, roles and quality; silence is a legal result without text.",
)
def conversation_transcriptions(
    context: AssetExecutionContext, stages: StageResource, transcriber: TranscriberResource
) -> None:
    """Transcribes the batch in one go: chunks of many uploads share the model's batches."""
    with stages.open(context, "transcriptions") as batch:
        for claim, transcript in batch.in_time(transcriber.transcribe(batch.claims)):
            with batch.isolate(claim):
                if isinstance(transcript, Exception):
                    raise transcript
                if isinstance(transcript, Refusal):
                    batch.reject(claim, transcript)
                    continue
                with batch.finish(claim) as connection:
                    save_transcript(connection, claim.upload_id, transcript)
                context.log.info(
                    f"transcribed {len(batch.done)} of {len(batch.claims)}: {transcript.outcome}, "
                    f"{transcript.duration_s or 0:.0f} s of audio in {transcript.processing_time_s:.1f} s"
                )
