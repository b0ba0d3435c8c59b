"""Laws of the compose files: what they hand on is what there is, and no container of ours may do more than it must.

What lives here: reading docker-compose*.yml and docker/dagster/dagster.yaml, without an engine.
When to add here: a rule that every service must keep.
What to keep out: starting anything (tests/stack).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from nurseconv_dagster.operations.containers import HANDED_ON
from nurseconv_dagster.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("docker-compose*.yml"))
OVERRIDES = [file.stem.partition(".")[2] for file in FILES if file.name != "docker-compose.yml"]


def services(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
    return found


BASE = services(ROOT / "docker-compose.yml")
ONE_SHOTS = {name for name, service in BASE.items() if service.get("restart") == "no"}
# They ask neither the database nor for the surrogates' key.
WITHOUT_SECRETS = {"certificate", "keyring", "socket-proxy"}
OURS = {name for name, service in BASE.items() if "NURSECONV_IMAGE" in service["image"]}


def instance() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))
    return found


def test_a_run_worker_gets_every_setting_and_nothing_that_is_none() -> None:
    names = instance()["run_launcher"]["config"]["env_vars"]
    assert names == [*(name.upper() for name in Settings.model_fields), *HANDED_ON]


def test_the_launcher_and_the_proxy_know_the_names_that_compose_gives() -> None:
    config, proxy = instance()["run_launcher"]["config"], BASE["socket-proxy"]["environment"]
    made = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    networks = {network["name"] for network in made["networks"].values()}
    volumes = {volume["name"] for volume in made["volumes"].values()}
    assert set(config["networks"]) <= networks
    assert {mount.split(":")[0] for mount in config["container_kwargs"]["volumes"]} <= volumes
    assert proxy["PROXY_NETWORKS"].split(",") == config["networks"]
    assert proxy["PROXY_MOUNTS"].split(",") == config["container_kwargs"]["volumes"]


def test_a_run_may_take_what_one_variable_says() -> None:
    """The launcher names no memory, so that the proxy gives a run its own; a worker that hears gets the same."""
    said = BASE["socket-proxy"]["environment"]["PROXY_MAX_MEMORY"]
    assert said.startswith("${RUN_MEMORY:-")
    assert not [name for name in instance()["run_launcher"]["config"]["container_kwargs"] if "mem" in name]
    assert services(ROOT / "docker-compose.celery.yml")["transcription-worker"]["mem_limit"] == said


def test_dagster_reads_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own schema, which knows every key of the instance, and with the launcher's."""
    pytest.importorskip("dagster_docker", reason="needs the extra `servers`")
    from dagster._config import process_config, resolve_to_config_type
    from dagster._core.instance.config import dagster_instance_config_schema
    from dagster_docker import DockerRunLauncher

    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://somebody@somewhere/dagster")
    found = process_config(resolve_to_config_type(dagster_instance_config_schema()), instance())
    assert found.success, found.errors
    launcher = process_config(
        resolve_to_config_type(DockerRunLauncher.config_type()), instance()["run_launcher"]["config"]
    )
    assert launcher.success, launcher.errors


def test_who_makes_backups_and_who_tells_them_of_erasures_have_the_same_folder() -> None:
    folders = {
        name: [mount for mount in service.get("volumes", ()) if mount.split(":")[-1] == "/backups"]
        for name, service in BASE.items()
    }
    assert folders["migrate"] == folders["code-server"] == ["${BACKUPS:-backups}:/backups"]


@pytest.mark.parametrize("name", sorted(BASE))
def test_a_service_has_a_budget_a_probe_and_no_more_rights_than_it_needs(name: str) -> None:
    service = BASE[name]
    assert not {"privileged", "pid", "ipc", "network_mode", "devices", "cap_add"} & set(service)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    if name not in ONE_SHOTS:
        assert "healthcheck" in service
        assert service["restart"] == "unless-stopped"
    if name in OURS:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    mounts = [str(volume) for volume in service.get("volumes", ())]
    assert [mount for mount in mounts if "docker.sock" in mount] == (mounts if name == "socket-proxy" else [])


def test_only_nginx_is_published_and_the_plain_port_on_loopback_alone() -> None:
    assert [name for name, service in BASE.items() if "ports" in service] == ["nginx"]
    plain = [port for port in BASE["nginx"]["ports"] if str(port).endswith(":8000")]
    assert [str(port).startswith("127.0.0.1:") for port in plain] == [True]


def test_the_api_believes_nginx_alone_who_asked() -> None:
    """Both are on a network of their own, over which nginx asks and which the API trusts."""
    made = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    (subnet,) = [each["subnet"] for each in made["networks"]["front"]["ipam"]["config"]]
    assert BASE["api"]["environment"]["FORWARDED_ALLOW_IPS"] == subnet
    on_front = {name for file in FILES for name, one in services(file).items() if "front" in one.get("networks", ())}
    assert on_front == {"nginx", "api"}
    (alias,) = BASE["api"]["networks"]["front"]["aliases"]
    asked = {
        host
        for file in (ROOT / "docker" / "nginx").glob("*.conf")
        for host in re.findall(r"http://(api[\w-]*):8000", file.read_text(encoding="utf-8"))
    }
    assert asked == {alias}


def test_no_file_holds_a_password_of_its_own() -> None:
    """Each is asked for in the environment, and compose says what is missing."""
    for file in FILES:
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, value = line.strip().partition(": ")
            if name.endswith(("PASSWORD", "TOKEN")) and name.isupper():
                assert value.startswith("${") or value == '""', (file.name, line)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compose files with the `.env` that `make env` writes."""
    folder = tmp_path_factory.mktemp("project")
    for file in FILES:
        shutil.copy(file, folder)
    shutil.copytree(ROOT / "docker", folder / "docker")
    subprocess.run([sys.executable, folder / "docker" / "make_env.py"], check=True, capture_output=True)
    return folder


@cache
def merged(project: Path, *names: str) -> dict[str, Any]:
    """The services of the base with these overrides, as Compose itself puts them together."""
    version_2 = (
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if shutil.which("docker")
        else None
    )
    if version_2 is not None and version_2.returncode == 0:
        command = ["docker", "compose"]
    elif shutil.which("docker-compose"):
        command = ["docker-compose"]
    else:
        pytest.skip("neither `docker compose` nor `docker-compose` is here")
    files = ["docker-compose.yml", *(f"docker-compose.{name}.yml" for name in names)]
    done = subprocess.run(
        [*command, *(part for file in files for part in ("-f", file)), "config"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    assert set(BASE) <= set(found)
    return found


@pytest.mark.parametrize("override", [name for name in OVERRIDES if name not in ("prod", "prod-celery")])
def test_compose_reads_each_override_upon_the_base(override: str, project: Path) -> None:
    merged(project, override)


# Its image has no program that could ask.
WITHOUT_PROBE = {"fluent-bit"}


@pytest.mark.parametrize("override", ["celery", "clamav", "dev", "monitoring"])
def test_what_an_override_adds_has_a_budget_and_a_probe(override: str, project: Path) -> None:
    for name, service in merged(project, override).items():
        if name not in BASE:
            assert "mem_limit" in service, name
            assert service.get("restart") == "no" or name in WITHOUT_PROBE or "healthcheck" in service, name


@pytest.mark.parametrize("overrides", [("dev",), ("celery", "dev")], ids="+".join)
def test_redis_asks_for_a_password_wherever_it_is_started(overrides: tuple[str, ...], project: Path) -> None:
    redis = merged(project, *overrides)["redis"]
    assert redis["command"][redis["command"].index("--requirepass") + 1]
    assert list(redis["networks"]) == ["backend"]
    assert len(redis["ports"]) == 1


@pytest.mark.parametrize("overrides", [("prod",), ("celery", "prod", "prod-celery")], ids="+".join)
def test_in_production_secrets_come_as_files_and_no_variable_hides_them(
    overrides: tuple[str, ...], project: Path
) -> None:
    with (project / ".env").open("a", encoding="utf-8") as env:
        env.write("SECRET_KEY=of-dot-env\n")
    services = merged(project, *overrides)
    ours = {name: one for name, one in services.items() if "nurseconv" in one["image"]}
    assert {"api", "migrate", "dagster-daemon"} <= set(ours)
    assert ("celery" in overrides) == ({"worker", "transcription-worker", "flower"} <= set(ours))
    for name, service in {**ours, "postgres": services["postgres"]}.items():
        told = service.get("environment", {})
        assert not told.get("POSTGRES_PASSWORD"), name
        assert not told.get("SECRET_KEY"), name
    for name in set(ours) - WITHOUT_SECRETS:
        given = {secret["source"] for secret in ours[name]["secrets"]}
        assert given == {"postgres_password", "secret_key"}, name


def test_make_env_makes_other_passwords_each_time_and_keeps_what_is_there(tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        (folder / "docker").mkdir(parents=True)
        script = shutil.copy(ROOT / "docker" / "make_env.py", folder / "docker")
        for _ in range(2):
            subprocess.run([sys.executable, script, "ward.example.org"], check=True, capture_output=True)
            written.append((folder / ".env").read_text())
        assert (folder / ".env").stat().st_mode & 0o077 == 0
    assert written[0] == written[1] != written[2] == written[3]
    assert "SERVER_NAME=ward.example.org" in written[0]
    (tmp_path / "one" / ".env").write_text("WORKERS=2\n")
    refused = subprocess.run(
        [sys.executable, tmp_path / "one" / "docker" / "make_env.py"], capture_output=True, text=True, check=False
    )
    assert (refused.returncode, "POSTGRES_PASSWORD" in refused.stdout) == (1, True)


def test_what_is_kept_is_encrypted_even_where_dot_env_says_nothing_of_it(project: Path, tmp_path: Path) -> None:
    for file in FILES:
        shutil.copy(file, tmp_path)
    lines = [line for line in (project / ".env").read_text().splitlines() if not line.startswith("ENCRYPTION")]
    (tmp_path / ".env").write_text("\n".join([*lines, "ENCRYPTION_KEY_FILE="]))
    for name, service in merged(tmp_path, "celery").items():
        if "nurseconv" in service["image"] and name != "socket-proxy":
            assert service["environment"]["ENCRYPTION_KEY_FILE"] == "/keys/ring", name


def test_make_env_says_that_a_dot_env_names_no_ring(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    script = shutil.copy(ROOT / "docker" / "make_env.py", tmp_path / "docker")
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=something-of-its-own\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert "names no ENCRYPTION_KEY_FILE" in done.stdout


def test_the_log_of_postgres_names_neither_the_row_nor_the_statement_of_an_error() -> None:
    commands = [one["command"] for file in FILES if "command" in (one := services(file).get("postgres", {}))]
    assert len(commands) == 2
    for command in commands:
        assert {"log_error_verbosity=terse", "log_min_error_statement=panic"} <= set(command)


def test_no_log_of_a_proxy_or_server_holds_a_requests_line() -> None:
    """Paths and query strings hold ids, units and a login's code."""
    nginx = (ROOT / "docker" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    (level,) = re.findall(r"^\s*error_log \S+ (\w+);", nginx, re.MULTILINE)
    assert level in ("crit", "alert", "emerg")
    (shape,) = re.findall(r"^\s*log_format \w+ '(.*)';", nginx, re.MULTILINE)
    assert not re.search(r"\$(request|request_uri|uri|args|query_string|http_referer|arg_\w+)\b", shape)
    for file in FILES:
        for name, service in services(file).items():
            command = [*(service.get("entrypoint") or []), *(service.get("command") or [])]
            assert "uvicorn" not in command or "--no-access-log" in command, (file.name, name)


def test_make_env_takes_an_empty_password_where_there_is_a_file_with_one(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    script = shutil.copy(ROOT / "docker" / "make_env.py", tmp_path / "docker")
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=\n")
    code = lambda: subprocess.run([sys.executable, script], capture_output=True, check=False).returncode  # noqa: E731
    assert code() == 1
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres_password").write_text("of a file")
    assert code() == 0
