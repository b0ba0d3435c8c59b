"""The rules that a setting's value must keep, each with the sentence that says what is allowed.

What lives here: annotated types for `Settings`: how text is split, what is checked, what a refusal says.
When to add here: a rule that a type and a range cannot say.
What to keep out: names and defaults of settings (settings.py); anything that opens a file or a connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

WHISPER_SIZES = ("tiny", "base", "small", "medium", "large")
AUDIO_FORMATS = ("mp3", "wav", "m4a", "ogg", "flac", "webm")
PROVIDERS = ("gemini", "openai", "local", "rules")
# What examples and templates write where a secret belongs; compared without case and punctuation.
KNOWN_SECRETS = frozenset({
    "changeme", "changemeinproduction", "changethis", "changethissecretkey", "default", "devsecretkey", "dummy",
    "example", "insecure", "mysecretkey", "nurseconv", "password", "postgres", "replaceme", "secret", "secretkey",
    "test", "testsecretkey", "yoursecretkey", "yoursecretkeychangeinproduction", "yoursecretkeyhere",
    "yoursupersecretkey",
})  # fmt: skip
MIN_SECRET_LENGTH = 16


def _parts(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _lower_parts(value: object) -> object:
    return _parts(value.lower()) if isinstance(value, str) else value


def _some_of(allowed: tuple[str, ...]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check(value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= set(allowed):
            raise ValueError(f"allowed: one or more of {', '.join(allowed)}, separated by commas")
        return value

    return check


def _known_model(value: str) -> str:
    if value in WHISPER_SIZES or Path(value).is_dir():
        return value
    raise ValueError(f"allowed: {', '.join(WHISPER_SIZES)}, or a folder that exists and holds a CTranslate2 model")


def _known_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"https?://[^\s/*]+", origin) for origin in value):
        raise ValueError(
            "allowed: addresses without a path such as https://reports.example.org, separated by commas; no *"
        )
    return value


def _per_minute(value: object) -> object:
    return re.sub(r"\s*/\s*min(ute)?$", "", value.strip()) if isinstance(value, str) else value


def _known_timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("allowed: a name of the IANA time zone database, such as UTC or Europe/Berlin")
    return value


def _web_address(value: str) -> str:
    if value and not re.match(r"https?://[^\s/]+", value):
        raise ValueError("allowed: an address such as http://127.0.0.1:8080/v1, or nothing for the provider's own")
    return value.rstrip("/")


def _trusted_issuer(value: str) -> str:
    if value and not re.match(r"https://[^\s/]+|http://(127\.0\.0\.1|localhost)\b", value):
        raise ValueError("allowed: an address with https, exactly as the provider calls itself, or nothing")
    return value


def _known_client(value: str, info: ValidationInfo) -> str:
    if info.data.get("oidc_issuer") and not value:
        raise ValueError("with OIDC_ISSUER set, write here what that provider calls this installation")
    return value


def _known_bucket(value: str) -> str:
    if "://" not in value:
        return value
    # Prefixes: no empty folder, `.` or `..`, and nothing that an address gives a meaning (a query, a user).
    if not re.fullmatch(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]+[a-z0-9](/(?!\.{1,2}(/|$))[^/?#@]+)*/?", value):
        raise ValueError(
            "allowed: the path of a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        )
    return value


def _known_scanner(value: str) -> str:
    if not re.fullmatch(r"off|clamav://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?|unix:/.+", value):
        raise ValueError("allowed: off, clamav://host:3310, or unix: with the path of clamd's socket")
    return value


def _is_known(value: SecretStr, info: ValidationInfo) -> bool:
    is_debugging = info.data.get("debug", False)
    return not is_debugging and re.sub(r"[\W_]", "", value.get_secret_value()).lower() in KNOWN_SECRETS


def _other_secret(value: SecretStr, info: ValidationInfo) -> SecretStr:
    if _is_known(value, info):
        raise ValueError("it is an example that everybody knows; choose another there and here")
    return value


def _redis_address(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not re.fullmatch(
        r"(rediss?://[^\s/]+(/\d+)?|unix://\S+)(\?\S*)?", value.get_secret_value()
    ):
        raise ValueError(
            "allowed: an address such as redis://:password@redis:6379/0, rediss:// for TLS, or nothing: without Celery"
        )
    return value


def _below_hard_limit(value: int, info: ValidationInfo) -> int:
    hard = info.data.get("task_time_limit_s")
    if hard is not None and value >= hard:
        raise ValueError(f"allowed: less than TASK_TIME_LIMIT_S, which is {hard}")
    return value


def _own_secret(value: SecretStr, info: ValidationInfo) -> SecretStr:
    secret = value.get_secret_value()
    if not secret or info.data.get("debug", False):
        return value
    if _is_known(value, info):
        raise ValueError("it is an example that everybody knows; leave it empty and the home makes its own")
    if len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"allowed: {MIN_SECRET_LENGTH} characters or more, or nothing: the home makes its own")
    return value


AudioFormats = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_lower_parts), AfterValidator(_some_of(AUDIO_FORMATS))
]
ProviderOrder = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_lower_parts), AfterValidator(_some_of(PROVIDERS))]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts), AfterValidator(_known_origins)]
WhisperModel = Annotated[str, AfterValidator(_known_model)]
PerMinute = Annotated[int, BeforeValidator(_per_minute)]
Timezone = Annotated[str, AfterValidator(_known_timezone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Issuer = Annotated[str, AfterValidator(_trusted_issuer)]
OidcClient = Annotated[str, AfterValidator(_known_client)]  # stands behind `oidc_issuer`
BucketPlace = Annotated[str, AfterValidator(_known_bucket)]
RedisAddress = Annotated[SecretStr, AfterValidator(_redis_address)]
BelowHardLimit = Annotated[int, AfterValidator(_below_hard_limit)]  # stands behind `task_time_limit_s`
# Both stand behind `debug`. One's own secret the home could make; another's was made elsewhere.
OwnSecret = Annotated[SecretStr, AfterValidator(_own_secret)]
OtherSecret = Annotated[SecretStr, AfterValidator(_other_secret)]
ScannerPlace = Annotated[str, AfterValidator(_known_scanner)]
