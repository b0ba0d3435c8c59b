"""The extractor, as a resource: catalogue, providers in their order, and what the settings say of them.

What lives here: `ExtractorResource` and `build_providers()`.
When to add here: a provider, one entry in `_BUILDERS`.
What to keep out: how answers are found and checked (extraction).
"""

from collections.abc import Callable
from functools import cache

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.extraction.answers import Extraction
from nurseconv_dagster.extraction.questions import Provider
from nurseconv_dagster.resources.catalogues import read_catalogue
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.transcripts import Transcript


class ExtractorResource(ConfigurableResource[None]):
    """Puts a profile's questions to a transcript."""

    store: ResourceDependency[StoreResource]

    def extract(self, transcript: Transcript, profile: str | None) -> Extraction:
        """One checked answer per question of the profile.

        Args:
            profile: what the sidecar names; null for `DEFAULT_PROFILE`.

        Raises:
            CatalogueError, WeightsMissingError, ModelError, SettingsError: permanent, say what to do.
        """
        from nurseconv_dagster.extraction.chain import extract

        settings = self.store.settings
        return extract(
            transcript,
            profile or settings.default_profile,
            read_catalogue(settings),
            build_providers(settings),
            settings.confidence_threshold,
        )


@cache
def build_providers(settings: Settings) -> tuple[Provider, ...]:
    """The providers of `PROVIDER_ORDER`; one set for the whole process, so that models stay warm."""
    return tuple(_BUILDERS[name](settings) for name in settings.provider_order)


def _local(settings: Settings) -> Provider:
    from nurseconv_dagster.extraction.providers.local import LocalReader

    return LocalReader(
        settings.qa_model,
        max_context_length=settings.max_context_length,
        max_question_length=settings.max_question_length,
    )


def _rules(settings: Settings) -> Provider:
    from nurseconv_dagster.extraction.providers.rules.reader import RulesReader

    return RulesReader()


_BUILDERS: dict[str, Callable[[Settings], Provider]] = {"local": _local, "rules": _rules}
