"""The scorer, as a resource: catalogue and rubric, and the arithmetic over them.

What lives here: `ScorerResource`.
When to add here: a setting that scores depend on.
What to keep out: formulas (scoring).
"""

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.extraction.answers import Extraction
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue, read_rubric
from nurseconv_dagster.scoring.scores import Scores
from nurseconv_dagster.speech.transcripts import Transcript


class ScorerResource(ConfigurableResource[None]):
    """Scores a conversation."""

    store: ResourceDependency[StoreResource]

    def score(self, transcript: Transcript, extraction: Extraction, profile: str | None) -> Scores:
        """All scores, null where there is nothing to judge.

        Args:
            profile: what the sidecar names; null for `DEFAULT_PROFILE`.

        Raises:
            CatalogueError: the catalogue or rubric file is wrong.
        """
        from nurseconv_dagster.extraction.chain import find_profile
        from nurseconv_dagster.scoring.compute import compute_scores

        settings = self.store.settings
        catalogue = read_catalogue(settings)
        asked = find_profile(catalogue, profile or settings.default_profile)
        version = extraction.catalogue_version or catalogue.version
        return compute_scores(transcript, extraction, asked, version, read_rubric(settings))
