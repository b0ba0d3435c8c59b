"""Settings under names they had before: taken, with a warning that gives the new name.

What lives here: `OLD_NAMES`, and the source that reads them from the environment and `.env`.
When to add here: a setting that is renamed, one line.
What to keep out: what settings mean and allow (`settings`).
"""

from __future__ import annotations

import logging
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

# Of two old names of one setting the upper one wins.
OLD_NAMES = {
    "ALLOWED_ORIGINS": "CORS_ORIGINS",
    "RATE_LIMIT_PER_MINUTE": "RATE_LIMIT",
    "CELERY_BROKER_URL": "REDIS_URL",
    "CELERY_RESULT_BACKEND": "REDIS_URL",
    "CELERY_TASK_TIME_LIMIT": "TASK_TIME_LIMIT_S",
    "CELERY_TASK_SOFT_TIME_LIMIT": "SOFT_TIME_LIMIT_S",
}
_log = logging.getLogger(__name__)


class OldNames(PydanticBaseSettingsSource):
    """Values that stand under an old name; the new name wins where both are set.

    Args:
        settings_cls: the class that is filled.
        places: where to look, the strongest first.
    """

    def __init__(self, settings_cls: type[BaseSettings], *places: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._places = places

    def __call__(self) -> dict[str, Any]:
        """The values by their new names."""
        found: dict[str, Any] = {}
        for old, new in OLD_NAMES.items():
            values = (place.env_vars.get(old.lower()) for place in self._places if isinstance(place, EnvSettingsSource))
            value = next((value for value in values if value), None)
            if value is not None:
                _log.warning("%s is an old name and will not be taken for ever; set %s instead.", old, new)
                found.setdefault(new.lower(), value)
        return found

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Nothing: all values are found at once, above."""
        return None, field_name, False
