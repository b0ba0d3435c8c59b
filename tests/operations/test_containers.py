"""Laws of a container's environment: every setting by name, secrets from files, a certificate made once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from nurseconv_dagster import settings as settings_module
from nurseconv_dagster.operations import containers
from nurseconv_dagster.operations.certificates import make_certificate
from nurseconv_dagster.operations.containers import container_environment
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store.engine import app_url, dagster_url

SERVER = "postgresql://nurseconv@db.example:5432/nurse_conversations"


@pytest.fixture(autouse=True)
def _container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As compose starts one: an address without a password, and a folder of secrets."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", SERVER)
    for module in (settings_module, containers):
        monkeypatch.setattr(module, "SECRETS_DIR", tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()


def test_every_setting_exists_by_name() -> None:
    """Dagster's launchers fail for a variable that does not."""
    found = container_environment(load_settings())
    assert {name.upper() for name in Settings.model_fields} <= set(found)
    assert set(containers.HANDED_ON) <= set(found)


def test_a_secret_that_is_a_file_is_handed_on_as_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets" / "postgres_password").write_text("p@ss/word of the file\n")
    (tmp_path / "secrets" / "gemini_api_key").write_text("file")
    monkeypatch.setenv("GEMINI_API_KEY", "environment")
    found = container_environment(load_settings())
    assert found["POSTGRES_PASSWORD"] == "p@ss/word of the file"
    assert found["GEMINI_API_KEY"] == "environment"
    assert found["NURSECONV_DBT_PASSWORD"] == "p@ss/word of the file"


def test_an_address_without_a_password_takes_the_setting_and_one_with_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "from the setting")
    assert app_url(load_settings()).password == dagster_url(load_settings()).password == "from the setting"
    monkeypatch.setenv("DATABASE_URL", SERVER.replace("nurseconv@", "nurseconv:own@"))
    assert app_url(load_settings()).password == dagster_url(load_settings()).password == "own"


def test_the_program_gets_the_environment_and_takes_the_process_over(tmp_path: Path) -> None:
    code = "import os; print(os.getpid(), os.environ['DAGSTER_HOME'], 'WHISPER_MODEL' in os.environ)"
    command = [str(Path(sys.executable).with_name("nurseconv")), "exec", sys.executable, "-c", code]
    environment = {**os.environ, "NURSECONV_INSTANCE": "/opt/dagster", "NURSECONV_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as started:
        printed, _ = started.communicate(timeout=60)
    assert printed.split() == [str(started.pid), "/opt/dagster", "True"]


def test_a_program_that_is_not_there_is_named() -> None:
    command = [str(Path(sys.executable).with_name("nurseconv")), "exec", "no-such-program"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "no program named no-such-program" in done.stderr


def test_a_certificate_is_made_once_and_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    assert make_certificate(folder, ["ward.example.org", "10.1.2.3"])
    made = (folder / "tls.crt").read_bytes()
    certificate = x509.load_pem_x509_certificate(made)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ward.example.org"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3"]
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc
    assert (folder / "tls.key").stat().st_mode & 0o077 == 0
    assert not make_certificate(folder, ["other.example.org"])
    assert (folder / "tls.crt").read_bytes() == made
