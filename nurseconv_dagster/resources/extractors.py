"""The extractor, as a resource: catalogue, providers in their order, and what the settings say of them.

What lives here: `ExtractorResource`, the offline readers of a process, and a hosted reader for each upload.
When to add here: a provider: an entry in `_OFFLINE`, or in `_CLIENTS` when it is elsewhere.
What to keep out: how answers are found and checked (extraction), what calls share (store.call_desk).
"""

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from dagster import ConfigurableResource, ResourceDependency
from sqlalchemy import Engine

from nurseconv_dagster.extraction.answers import Extraction
from nurseconv_dagster.extraction.questions import Provider
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.secret_key import derive_key
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.claims import Claim

if TYPE_CHECKING:
    from nurseconv_dagster.extraction.hosted.calls import ModelClient
    from nurseconv_dagster.extraction.hosted.deadline import Deadline
    from nurseconv_dagster.extraction.hosted.prices import PriceList
    from nurseconv_dagster.extraction.hosted.reader import HostedReader
    from nurseconv_dagster.extraction.hosted.veils import Veil

DOCUMENT_S = 180.0  # for all hosted providers together; then this machine answers
PROVIDER_S = 90.0
_MOST_READERS = 4  # questions that the local reader reads at a time; other work of the machine wants its share


class ExtractorResource(ConfigurableResource[None]):
    """Puts a profile's questions to a transcript."""

    store: ResourceDependency[StoreResource]

    @property
    def privacy(self) -> str:
        """What happens to words before they leave this machine; "local" when no hosted provider is configured."""
        settings = self.store.settings
        return settings.provider_privacy if settings.hosted_providers else "local"

    def extract(self, transcript: Transcript, claim: Claim) -> Extraction:
        """One checked answer per question of the upload's profile.

        Args:
            claim: the upload in hand; its unit pays, its names are known before the talk names anybody.

        Raises:
            CatalogueError, WeightsMissingError, ModelError, SettingsError: permanent, say what to do.
        """
        from nurseconv_dagster.extraction.chain import extract

        settings = self.store.settings
        return extract(
            transcript,
            claim.profile or settings.default_profile,
            read_catalogue(settings),
            providers_for(settings, self.store.engine, claim),
            settings.confidence_threshold,
        )


def providers_for(settings: Settings, engine: Engine, claim: Claim) -> tuple[Provider, ...]:
    """The configured providers of `PROVIDER_ORDER`, hosted ones bound to this upload."""
    from nurseconv_dagster.extraction.hosted.deadline import Deadline

    deadline = Deadline.after(DOCUMENT_S)
    return tuple(
        offline(name, settings) if name in _OFFLINE else _hosted(name, settings, engine, claim, deadline=deadline)
        for name in settings.active_providers
    )


@cache
def offline(name: str, settings: Settings) -> Provider:
    """A reader on this machine; one for the whole process, so that its model stays warm."""
    return _OFFLINE[name](settings)


@cache
def client(name: str, settings: Settings) -> "ModelClient":
    """The client of a hosted provider, one for the whole process."""
    return _CLIENTS[name](settings)


def prices(name: str, settings: Settings) -> "PriceList":
    """What a hosted provider costs today."""
    from nurseconv_dagster.extraction.hosted.prices import choose_prices

    # Behind another address Gemini is still Google's and billed; at an address of OpenAI's kind anybody may answer.
    return choose_prices(settings.openai_base_url if name == "openai" else "", settings.llm_prices_file)


def veil_for(settings: Settings, claim: Claim) -> "Veil":
    """What is put over an upload's transcript before it is sent.

    Surrogates are chosen with a key of the home: who reads an upload's id in a log cannot test guesses of a name.
    """
    from nurseconv_dagster.extraction.privacy.deidentify import deidentify

    known = [word for word in (claim.nurse_id, claim.encounter_id) if word]
    key = derive_key(settings, f"surrogates {claim.upload_id}")
    return lambda transcript: deidentify(transcript, known, key)


def _hosted(name: str, settings: Settings, engine: Engine, claim: Claim, *, deadline: "Deadline") -> "HostedReader":
    from nurseconv_dagster.extraction.hosted.reader import HostedReader
    from nurseconv_dagster.store.budgets import Limits
    from nurseconv_dagster.store.call_desk import PostgresCallDesk

    limits = Limits(
        settings.llm_daily_budget_usd, settings.llm_upload_budget_usd, settings.llm_unit_budget_usd, settings.zone
    )
    privacy = settings.provider_privacy
    return HostedReader(
        client(name, settings),
        PostgresCallDesk(engine, claim.upload_id, claim.attempt, claim.unit, limits, privacy=privacy),
        prices=prices(name, settings),
        deadline=deadline,
        privacy=privacy,
        veil=veil_for(settings, claim) if privacy == "deidentify" else None,
        provider_timeout_s=PROVIDER_S,
    )


def _local(settings: Settings) -> Provider:
    from nurseconv_dagster.extraction.providers.local import LocalReader

    return LocalReader(
        settings.qa_model,
        max_context_length=settings.max_context_length,
        max_question_length=settings.max_question_length,
        threads=min(os.cpu_count() or 1, _MOST_READERS),
    )


def _rules(settings: Settings) -> Provider:
    from nurseconv_dagster.extraction.providers.rules.reader import RulesReader

    return RulesReader()


def _gemini(settings: Settings) -> "ModelClient":
    from nurseconv_dagster.extraction.hosted.gemini import GeminiClient

    key = settings.gemini_api_key.get_secret_value()
    return GeminiClient(key, settings.gemini_model, base_url=settings.gemini_base_url)


def _openai(settings: Settings) -> "ModelClient":
    from nurseconv_dagster.extraction.hosted.openai_compatible import OpenAIClient

    return OpenAIClient(
        settings.openai_api_key.get_secret_value(),
        settings.openai_model,
        base_url=settings.openai_base_url,
        context_tokens=settings.openai_context_tokens,
    )


_OFFLINE: dict[str, Callable[[Settings], Provider]] = {"local": _local, "rules": _rules}
_CLIENTS: "dict[str, Callable[[Settings], ModelClient]]" = {"gemini": _gemini, "openai": _openai}
