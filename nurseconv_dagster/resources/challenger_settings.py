"""What a challenger is: settings that differ from those in force, and the lines of `.env` that would promote it.

What lives here: `Challenger`, `challenger_settings()`, `promotion()`.
When to add here: another setting that may be challenged; it must be one that `.env` can promote.
What to keep out: asking a challenger (`challengers`).
"""

from dataclasses import dataclass

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.settings import HOSTED, Settings

_MODEL_SETTING = {"gemini": "GEMINI_MODEL", "openai": "OPENAI_MODEL", "local": "QA_MODEL"}


@dataclass(frozen=True, slots=True)
class Challenger:
    """What is different; empty or null leaves a setting as it is.

    Args:
        providers: who is asked, in this order.
        model: of the first provider.
        prompt: "first" or "second".
    """

    providers: tuple[str, ...] = ()
    model: str = ""
    prompt: str = ""
    catalogue_file: str = ""
    confidence_file: str = ""

    def changes(self, settings: Settings) -> dict[str, str]:
        """The settings that differ, by name, as they would stand in `.env`.

        Raises:
            SettingsError: permanent; a model without a provider that has models.
        """
        first = (self.providers or settings.active_providers or ("nobody",))[0]
        if self.model and first not in _MODEL_SETTING:
            raise SettingsError(f"a model is named, and {first} has none: give one of {', '.join(_MODEL_SETTING)}")
        told = {
            "PROVIDER_ORDER": ",".join(self.providers),
            _MODEL_SETTING.get(first, ""): self.model,
            "LLM_PROMPT": self.prompt,
            "CATALOGUE_FILE": self.catalogue_file,
            "CONFIDENCE_FILE": self.confidence_file,
        }
        return {name: value for name, value in told.items() if value}


def challenger_settings(settings: Settings, changes: dict[str, str]) -> Settings:
    """The settings in force with the changes; checked as if they stood in `.env`.

    Raises:
        SettingsError: permanent; a change is not allowed, or names a hosted provider that may not be asked.
    """
    from pydantic import ValidationError

    try:
        changed = Settings(**{**settings.model_dump(), **{name.lower(): value for name, value in changes.items()}})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SettingsError(f"{str(first['loc'][0]).upper()} of the challenger: {first['msg']}") from None
    away = [name for name in changed.provider_order if name in HOSTED and name not in changed.hosted_providers]
    if away and "PROVIDER_ORDER" in changes:
        raise SettingsError(
            f"{away[0]} cannot be asked: it has no key or address, or PROVIDER_PRIVACY=refuse keeps all words here; "
            "see `nurseconv providers`"
        )
    return changed


def promotion(settings: Settings, changes: dict[str, str]) -> dict[str, str]:
    """The lines of `.env` that put the challenger in force.

    Behind a hosted provider the ones asked today stay, for when it fails.
    """
    order = changes.get("PROVIDER_ORDER", "").split(",")
    if not set(order) & set(HOSTED):
        return changes
    return {**changes, "PROVIDER_ORDER": ",".join(dict.fromkeys([*order, *settings.active_providers]))}
