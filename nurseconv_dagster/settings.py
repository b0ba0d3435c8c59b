"""The one list of environment variables: names, types, defaults, limits.

What lives here: `Settings`, read from the environment and `.env`, and `load_settings()`, which turns a wrong value
into one sentence with its name, what was found and what is allowed.
When to add here: a new setting, once the code that honours it is there; add it to `.env.example` and
`docs/configuration.md` in the same commit (a test compares the three).
What to keep out: what a value must look like beyond type and range (setting_rules); anything computed at import;
anything that opens a file or a connection.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.old_names import OldNames
from nurseconv_dagster.setting_rules import (
    AUDIO_FORMATS,
    PROVIDERS,
    AudioFormats,
    BelowHardLimit,
    BucketPlace,
    Issuer,
    OidcClient,
    Origins,
    OtherSecret,
    OwnSecret,
    PerMinute,
    ProviderOrder,
    RedisAddress,
    ScannerPlace,
    Timezone,
    WebAddress,
    WhisperModel,
)

HOSTED = ("gemini", "openai")
Privacy = Literal["refuse", "deidentify", "cleared"]
# Where container engines mount secrets, a file each, named like the setting.
SECRETS_DIR = Path("/run/secrets")


class Settings(BaseSettings):
    """Every setting of the product; see `docs/configuration.md` for what each does."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, case_sensitive=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the program says, then the environment, then `.env`, then mounted secrets, then old names of those."""
        secrets = [SecretsSettingsSource(settings_cls, SECRETS_DIR)] if SECRETS_DIR.is_dir() else []
        old_names = OldNames(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, *secrets, old_names

    # place
    nurseconv_home: Path = Path(".nurseconv")
    database_url: str = ""
    dagster_database_url: str = ""
    redis_url: RedisAddress = SecretStr("")
    upload_dir: BucketPlace = ""
    bucket_list_every_s: float = Field(30.0, ge=0, le=86_400)
    bucket_allow_http: bool = False
    after_ingest: Literal["leave", "delete"] = "leave"
    stable_after_s: float = Field(5.0, ge=0, le=3600)
    timezone: Timezone = "UTC"
    catalogue_file: Path | None = None
    rubric_file: Path | None = None
    confidence_file: Path | None = None
    default_profile: str = "general"

    # intake
    max_file_size: int = Field(104_857_600, ge=1)
    allowed_audio_formats: AudioFormats = AUDIO_FORMATS
    max_duration_s: float = Field(4 * 3600.0, gt=0, allow_inf_nan=False)
    virus_scan: ScannerPlace = "off"

    # speech
    whisper_model: WhisperModel = "base"
    whisper_device: Literal["cpu", "cuda", "auto"] = "auto"
    whisper_compute_type: Literal["default", "auto", "int8", "int8_float16", "int8_float32", "float16", "float32"] = (
        "int8"
    )
    whisper_batch_size: int = Field(4, ge=1, le=128)
    whisper_beam_size: int = Field(5, ge=1, le=20)
    whisper_language: str = ""
    whisper_task: Literal["transcribe", "translate"] = "transcribe"

    # answers
    gemini_api_key: SecretStr = SecretStr("")
    gemini_model: str = Field("gemini-3.5-flash", min_length=1)
    gemini_base_url: WebAddress = ""
    openai_api_key: SecretStr = SecretStr("")
    openai_base_url: WebAddress = ""
    openai_model: str = Field("gpt-5.4-mini", min_length=1)
    openai_context_tokens: int = Field(128_000, ge=1024)
    provider_order: ProviderOrder = PROVIDERS
    llm_prompt: Literal["first", "second"] = "first"
    provider_privacy: Privacy = "deidentify"
    llm_daily_budget_usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    llm_unit_budget_usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    llm_upload_budget_usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    llm_prices_file: Path | None = None
    qa_model: str = "bundled"
    max_question_length: int = Field(512, ge=16, le=4096)
    max_context_length: int = Field(4096, ge=256, le=100_000)
    confidence_threshold: float = Field(0.5, ge=0, le=1)
    review_audit_share: float = Field(0.02, ge=0, le=1)

    # running
    batch_max_uploads: int = Field(50, ge=1, le=1000)
    batch_max_audio_s: float = Field(3600.0, gt=0)
    lease_s: float = Field(15.0, ge=1, le=3600)
    reconcile_every_s: int = Field(30, ge=5, le=3600)
    stale_after_s: float = Field(7200.0, gt=0)
    max_attempts: int = Field(3, ge=1, le=20)
    task_time_limit_s: int = Field(3600, ge=1, le=86_400)
    soft_time_limit_s: BelowHardLimit = Field(3000, ge=1, validate_default=True)
    celery_worker_concurrency: int = Field(4, ge=1, le=64)
    retention_days: int | None = Field(None, ge=1)

    # api
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=1, le=65535)
    workers: int = Field(4, ge=1, le=64)
    cors_origins: Origins = ()
    rate_limit: PerMinute = Field(120, ge=0)
    oidc_issuer: Issuer = ""
    oidc_client_id: OidcClient = Field("", validate_default=True)
    oidc_client_secret: SecretStr = SecretStr("")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    log_format: Literal["text", "json"] = "text"

    # secrets
    debug: bool = False
    postgres_password: OtherSecret = SecretStr("")
    secret_key: OwnSecret = SecretStr("")
    flower_password: OwnSecret = SecretStr("")
    encryption_key_file: Path | None = None

    @cached_property
    def home(self) -> Path:
        """The folder of everything that persists on one machine, as an absolute path."""
        return self.nurseconv_home.expanduser().resolve()

    @property
    def bucket_url(self) -> str:
        """The upload bucket's address in a cloud; empty when it is a folder."""
        return self.upload_dir if "://" in self.upload_dir else ""

    @property
    def bucket_dir(self) -> Path:
        """The upload bucket's folder, when it is one; `uploads` in the home when `UPLOAD_DIR` is empty."""
        return Path(self.upload_dir).expanduser().resolve() if self.upload_dir else self.home / "uploads"

    @property
    def vault_dir(self) -> Path:
        """The content-addressed vault's folder."""
        return self.home / "vault"

    @property
    def references_dir(self) -> Path:
        """Where references are looked for when none are named."""
        return self.home / "references"

    @property
    def reports_dir(self) -> Path:
        """Where pages about quality are written."""
        return self.home / "reports"

    @property
    def hosted_providers(self) -> tuple[str, ...]:
        """Those of `PROVIDER_ORDER` that have a key or an address, unless `PROVIDER_PRIVACY` refuses them all."""
        configured = {
            "gemini": bool(self.gemini_api_key.get_secret_value()),
            "openai": bool(self.openai_api_key.get_secret_value() or self.openai_base_url),
        }
        if self.provider_privacy == "refuse":
            return ()
        return tuple(name for name in self.provider_order if configured.get(name, False))

    @property
    def active_providers(self) -> tuple[str, ...]:
        """Those of `PROVIDER_ORDER` that are asked: the hosted ones that may be, and the readers on this machine."""
        hosted = self.hosted_providers
        return tuple(name for name in self.provider_order if name in hosted or name not in HOSTED)

    @property
    def has_celery(self) -> bool:
        """Whether stages go to Celery workers; otherwise each run does its stages itself, in one process."""
        return bool(self.redis_url.get_secret_value())

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which weeks and days of the marts are cut."""
        return ZoneInfo(self.timezone)


def load_settings() -> Settings:
    """Settings from the environment and `.env`.

    Raises:
        SettingsError: a value is not allowed; names each one, what was found and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(item) for item in error.errors(include_url=False))) from None


def _explain(item: ErrorDetails) -> str:
    """One sentence for one pydantic error: name, found, allowed."""
    name = ".".join(str(part) for part in item["loc"]).upper()
    reason = str(item["msg"]).removeprefix("Value error, ")
    found = "..." if name.lower() in _SECRET_FIELDS else item["input"]  # a secret is never repeated on a screen
    return f"{name}={found!s} is not allowed: {reason[:1].lower() + reason[1:]}"


_SECRET_FIELDS = frozenset(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
