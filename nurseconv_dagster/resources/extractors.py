"""The extractor, as a resource: catalogue, providers in their order, and what the settings say of them.

What lives here: `ExtractorResource`, `extract_with()`, a process's offline readers, a hosted reader for each upload.
When to add here: a provider: an entry in `_OFFLINE`, or in `_CLIENTS` when it is elsewhere.
What to keep out: how answers are found and checked (extraction), what calls share (store.call_desk).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from dagster import ConfigurableResource, ResourceDependency
from sqlalchemy import Engine

from nurseconv_dagster.extraction.answers import Extraction, ProviderCall
from nurseconv_dagster.extraction.questions import Provider
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue, read_weights
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
    from nurseconv_dagster.store.budgets import ChallengeMoney

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
        asking = Asking(claim.upload_id, claim.attempt, claim.unit, claim.nurse_id, claim.encounter_id, claim.profile)
        return extract_with(self.store.settings, self.store.engine, transcript, asking)


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose behalf questions are asked.

    Args:
        attempt: number of the upload's attempt; of a challenge, number of the replicate.
        unit: whose money is spent; null when the upload has none.
        nurse_id: known before the talk names anybody; so is `encounter_id`.
        profile: whose questions are asked; null for `DEFAULT_PROFILE`.
        challenge: the challenge that asks; null when the upload itself is worked on.
    """

    upload_id: UUID
    attempt: int
    unit: str | None
    nurse_id: str | None
    encounter_id: str | None
    profile: str | None
    challenge: "ChallengeMoney | None" = None


def extract_with(
    settings: Settings,
    engine: Engine,
    transcript: Transcript,
    asking: Asking,
    on_call: "Callable[[ProviderCall], None] | None" = None,
) -> Extraction:
    """One checked answer per question of the upload's profile, as these settings would have it; nothing is saved.

    Args:
        on_call: told of each call as it ends.

    Raises:
        CatalogueError, WeightsMissingError, ModelError, SettingsError: permanent, say what to do.
        TransientError, PermanentError: every provider failed.
    """
    from nurseconv_dagster.extraction.chain import extract

    return extract(
        transcript,
        asking.profile or settings.default_profile,
        read_catalogue(settings),
        _providers(settings, engine, asking),
        settings.confidence_threshold,
        weights=read_weights(settings),
        on_call=on_call,
    )


def _providers(settings: Settings, engine: Engine, asking: Asking) -> tuple[Provider, ...]:
    """The configured providers of `PROVIDER_ORDER`, hosted ones bound to this upload."""
    from nurseconv_dagster.extraction.hosted.deadline import Deadline

    deadline = Deadline.after(DOCUMENT_S)
    return tuple(
        offline(name, settings) if name in _OFFLINE else _hosted(name, settings, engine, asking, deadline=deadline)
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


def veil_for(settings: Settings, asking: Asking) -> "Veil":
    """What is put over an upload's transcript before it is sent.

    Surrogates are chosen with a key of the home: who reads an upload's id in a log cannot test guesses of a name.
    """
    from nurseconv_dagster.extraction.privacy.deidentify import deidentify

    known = [word for word in (asking.nurse_id, asking.encounter_id) if word]
    key = derive_key(settings, f"surrogates {asking.upload_id}")
    return lambda transcript: deidentify(transcript, known, key)


def _hosted(name: str, settings: Settings, engine: Engine, asking: Asking, *, deadline: "Deadline") -> "HostedReader":
    from nurseconv_dagster.extraction.hosted.reader import HostedReader
    from nurseconv_dagster.store.budgets import Limits
    from nurseconv_dagster.store.call_desk import PostgresCallDesk

    limits = Limits(
        settings.llm_daily_budget_usd, settings.llm_upload_budget_usd, settings.llm_unit_budget_usd, settings.zone
    )
    privacy = settings.provider_privacy
    return HostedReader(
        client(name, settings),
        PostgresCallDesk(
            engine,
            asking.upload_id,
            asking.attempt,
            asking.unit,
            limits,
            privacy=privacy,
            challenge=asking.challenge,
        ),
        prices=prices(name, settings),
        deadline=deadline,
        privacy=privacy,
        veil=veil_for(settings, asking) if privacy == "deidentify" else None,
        provider_timeout_s=PROVIDER_S,
        pass_=settings.llm_prompt,
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
