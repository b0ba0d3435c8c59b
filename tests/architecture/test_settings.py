"""Laws of the settings: one list in three places, and a wrong value is refused in words that help.

What lives here: `Settings` against `.env.example` and docs/configuration.md, and what becomes of wrong values.
When to add here: a setting's wrong value that deserves its own sentence.
What to keep out: what a setting does; that is tested where it is honoured.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nurseconv_dagster import settings as settings_module
from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.setting_rules import AUDIO_FORMATS
from nurseconv_dagster.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
NAMES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` in the current folder and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def example_values() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def documented_defaults() -> dict[str, str]:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    return {name: "" if default == "empty" else default.strip("`") for name, default in rows}


def plain(value: object) -> str:
    """A default as it would be written in an environment."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_example_lists_every_setting_in_the_order_of_the_class() -> None:
    assert list(example_values()) == NAMES


def test_the_configuration_page_lists_every_setting_in_the_order_of_the_class() -> None:
    assert list(documented_defaults()) == NAMES


def test_the_defaults_agree_in_all_three_places() -> None:
    real = {name.upper(): plain(field.default) for name, field in Settings.model_fields.items()}
    assert example_values() == real
    assert documented_defaults() == real


def test_the_example_can_be_used_as_it_is() -> None:
    assert Settings(_env_file=ROOT / ".env.example") == Settings()


def test_every_setting_of_the_example_is_explained() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    bare = [line for before, line in pairwise(lines) if re.match(r"[A-Z]", line) and not before.startswith("# ")]
    assert bare == []


WRONG = [
    ("WHISPER_MODEL", "enormous", "tiny, base, small, medium, large, or a folder"),
    ("WHISPER_DEVICE", "abacus", "'cpu', 'cuda' or 'auto'"),
    ("WHISPER_BEAM_SIZE", "0", "greater than or equal to 1"),
    ("MAX_FILE_SIZE", "ten", "a valid integer"),
    ("MAX_FILE_SIZE", "0", "greater than or equal to 1"),
    ("TIMEZONE", "Mars", "IANA time zone"),
    ("PROVIDER_ORDER", "foo", "local, rules"),
    ("PROVIDER_ORDER", ",", "one or more of"),
    ("ALLOWED_AUDIO_FORMATS", "exe", ", ".join(AUDIO_FORMATS)),
    ("ALLOWED_AUDIO_FORMATS", "mp3,exe", ", ".join(AUDIO_FORMATS)),
    ("AFTER_INGEST", "burn", "'leave' or 'delete'"),
    ("UPLOAD_DIR", "ftp://somewhere", "the path of a folder"),
    ("UPLOAD_DIR", "s3://", "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"),
    ("UPLOAD_DIR", "s3://bucket//prefix", "s3://bucket/prefix"),
    ("UPLOAD_DIR", "s3://bucket/a/../b", "s3://bucket/prefix"),
    ("UPLOAD_DIR", "s3://key:secret@bucket/prefix", "s3://bucket/prefix"),
    ("UPLOAD_DIR", "az://container/prefix?sig=x", "az://container/prefix"),
    ("VIRUS_SCAN", "on", "off, clamav://host:3310, or unix:"),
    ("VIRUS_SCAN", "http://scanner", "off, clamav://host:3310, or unix:"),
    ("CONFIDENCE_THRESHOLD", "1.5", "less than or equal to 1"),
    ("LEASE_S", "0", "greater than or equal to 1"),
    ("LEASE_S", "nan", "less than or equal to 3600"),
    ("MAX_ATTEMPTS", "none", "a valid integer"),
    ("PORT", "65536", "less than or equal to 65535"),
    ("WORKERS", "0", "greater than or equal to 1"),
    ("RATE_LIMIT", "fast", "a valid integer"),
    ("CORS_ORIGINS", "*", "no *"),
    ("CORS_ORIGINS", "https://a.example/path", "without a path"),
    ("REDIS_URL", "...", "redis://:password@redis:6379/0"),
    ("TASK_TIME_LIMIT_S", "0", "greater than or equal to 1"),
    ("SOFT_TIME_LIMIT_S", "3600", "less than TASK_TIME_LIMIT_S, which is 3600"),
    ("CELERY_WORKER_CONCURRENCY", "0", "greater than or equal to 1"),
    ("LOG_LEVEL", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_refused_with_its_name_what_was_found_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    message = str(refused.value)
    assert message.count(" is not allowed: ") == 1
    assert message.startswith(f"{name}=")
    assert value.strip(",").split(",")[-1] in message
    assert allowed in message


@pytest.mark.parametrize("known", ["changeme", "secret", "your-secret-key-here", "Change_Me-In Production!"])
def test_a_secret_that_everybody_knows_is_taken_only_for_debugging(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    monkeypatch.setenv("SECRET_KEY", known)
    with pytest.raises(SettingsError, match=r"SECRET_KEY=\.\.\. is not allowed: it is an example that everybody knows"):
        load_settings()
    monkeypatch.setenv("DEBUG", "true")
    assert load_settings().secret_key.get_secret_value() == known


def test_a_secret_that_can_be_guessed_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2hunter2")
    with pytest.raises(SettingsError, match="16 characters or more") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_a_secret_of_ones_own_is_taken_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "correct horse battery staple")
    assert load_settings().secret_key.get_secret_value() == "correct horse battery staple"
    assert "horse" not in repr(load_settings())


@pytest.mark.parametrize("where", ["environment", "file"])
def test_an_old_name_is_taken_with_a_warning_that_gives_the_new_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    old = {
        "ALLOWED_ORIGINS": "https://a.example,https://b.example",
        "RATE_LIMIT_PER_MINUTE": "60",
        "CELERY_BROKER_URL": "redis://broker:6379/0",
        "CELERY_RESULT_BACKEND": "redis://broker:6379/1",
        "CELERY_TASK_TIME_LIMIT": "100",
        "CELERY_TASK_SOFT_TIME_LIMIT": "50",
    }
    if where == "file":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in old.items()))
    else:
        for name, value in old.items():
            monkeypatch.setenv(name, value)
    loaded = load_settings()
    assert (loaded.cors_origins, loaded.rate_limit) == (("https://a.example", "https://b.example"), 60)
    assert loaded.redis_url.get_secret_value() == "redis://broker:6379/0", "the broker's address wins"
    assert (loaded.task_time_limit_s, loaded.soft_time_limit_s) == (100, 50)
    assert "ALLOWED_ORIGINS is an old name" in caplog.text
    assert "broker" not in caplog.text.replace("CELERY_BROKER_URL", "")
    assert "set RATE_LIMIT instead" in caplog.text


def test_the_new_name_wins_over_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT", "30/min")
    monkeypatch.setenv("RATE_LIMIT_PER_MINUTE", "60")
    assert load_settings().rate_limit == 30


def test_the_password_of_redis_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "amqp://user:hunter2@host/0")
    with pytest.raises(SettingsError, match=r"REDIS_URL=\.\.\. is not allowed") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_several_wrong_values_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"WHISPER_MODEL": "enormous", "MAX_FILE_SIZE": "ten", "TIMEZONE": "Mars"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert all(f"{name}={value}" in str(refused.value) for name, value in wrong.items())


def test_a_wrong_value_in_the_env_file_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WHISPER_MODEL=enormous\n")
    with pytest.raises(SettingsError, match="WHISPER_MODEL=enormous"):
        load_settings()


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_ATTEMPTS=7\n")
    monkeypatch.setenv("MAX_ATTEMPTS", "5")
    assert load_settings().max_attempts == 5


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert load_settings() == Settings()


def test_a_folder_is_taken_as_whisper_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHISPER_MODEL", str(tmp_path))
    assert load_settings().whisper_model == str(tmp_path)


def test_the_home_is_absolute_and_holds_bucket_and_vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative home must not move when a run worker starts in another folder."""
    monkeypatch.setenv("NURSECONV_HOME", "here")
    loaded = load_settings()
    assert (loaded.home, loaded.bucket_dir, loaded.vault_dir) == (
        tmp_path / "here", tmp_path / "here" / "uploads", tmp_path / "here" / "vault",
    )  # fmt: skip


def test_formats_are_taken_in_any_spelling_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_AUDIO_FORMATS", " WAV , flac,")
    assert load_settings().allowed_audio_formats == ("wav", "flac")


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.parametrize("name", ["MAX_FILE_SIZE", "TIMEZONE", "PROVIDER_ORDER", "WHISPER_MODEL", "LEASE_S"])
def test_any_text_is_either_taken_or_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """No value ends in a traceback that an operator has to read."""
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        message = ""
        try:
            load_settings()
        except SettingsError as refused:
            message = str(refused)
        assert not message or message.startswith(f"{name}=")


def test_a_secret_may_come_as_a_mounted_file_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As container engines mount them: a file for each, named like the setting."""
    (tmp_path / "gemini_api_key").write_text("from the file\n")
    (tmp_path / "openai_api_key").write_text("from the file too")
    monkeypatch.setattr(settings_module, "SECRETS_DIR", tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "from the environment")
    found = load_settings()
    assert found.gemini_api_key.get_secret_value() == "from the file"
    assert found.openai_api_key.get_secret_value() == "from the environment"
