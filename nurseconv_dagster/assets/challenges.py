"""The asset `challenges`: what another model, prompt, catalogue or weights would make of answered conversations.

What lives here: the asset and its configuration.
When to add here: nothing but what every challenge must tell Dagster.
What to keep out: asking (resources.challengers), comparing and the page (evaluation).
"""

from pathlib import Path
from uuid import UUID

from dagster import AssetExecutionContext, Config, MetadataValue, asset
from pydantic import Field

from nurseconv_dagster.automation.queues import MAINTENANCE, in_queue
from nurseconv_dagster.resources.challenger_settings import Challenger
from nurseconv_dagster.resources.challengers import Challenge, ChallengerResource
from nurseconv_dagster.store.challenges import Choice


class ChallengeConfig(Config):
    """Who challenges, on which uploads, how often. What is left empty is as the settings have it."""

    providers: list[str] = Field([], description="Who is asked, in order: gemini, openai, local, rules.")
    model: str = Field("", description="Model of the first provider.")
    prompt: str = Field("", description="Wording in which hosted models are asked: first, second.")
    catalogue_file: str = Field("", description="Path of another catalogue.")
    confidence_file: str = Field("", description="Path of other weights of the confidence.")
    replicates: int = Field(1, ge=1, le=20, description="Times that each upload is answered.")
    newest: int = Field(20, ge=1, le=1000, description="Most uploads, newest first.")
    unit: str = Field("", description="Only uploads of this unit.")
    profile: str = Field("", description="Only uploads of this profile.")
    upload_ids: list[str] = Field([], description="These uploads and no others.")
    cohort_id: str = Field("", description="A cohort of an earlier challenge, as it was then.")
    budget_usd: float | None = Field(None, ge=0, description="US dollars for the whole challenge.")
    references_dir: str = Field("", description="Folder of references that judge both sides where they fit.")

    def as_wish(self) -> Challenge:
        """The same as plain values."""
        return Challenge(
            challenger=Challenger(
                tuple(self.providers), self.model, self.prompt, self.catalogue_file, self.confidence_file
            ),
            choice=Choice(
                self.newest, self.unit or None, self.profile or None, tuple(UUID(id_) for id_ in self.upload_ids)
            ),
            cohort_id=UUID(self.cohort_id) if self.cohort_id else None,
            n_replicates=self.replicates,
            budget_usd=self.budget_usd,
            references_dir=Path(self.references_dir) if self.references_dir else None,
        )


@asset(
    deps=["conversation_transcriptions", "question_answers"],
    group_name="quality",
    owners=["team:data"],
    op_tags=in_queue(MAINTENANCE),
    kinds={"python", "postgres"},
    code_version="1",
    description="A challenger's answers beside those in force, on a frozen cohort; nothing that is in force changes.",
)
def challenges(context: AssetExecutionContext, config: ChallengeConfig, challenger: ChallengerResource) -> None:
    """Adds one challenge with its comparisons, and a page in the home's `reports`."""

    def log(n_done: int, n_all: int) -> None:
        context.log.info(f"challenged {n_done} of {n_all} uploads")

    figures, page = challenger.challenge(config.as_wish(), context.run.run_id, log)
    told = {name: value for name, value in figures.items() if value is not None}
    context.add_output_metadata({**told, "page": MetadataValue.path(str(page))})
