"""Laws of choosing the engine: by one setting, in one place, and Celery costs nothing where it is not used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml
from dagster import in_process_executor

from nurseconv_dagster.automation.celery_app import celery_config, open_app
from nurseconv_dagster.automation.engine import celery_stages, stage_executor
from nurseconv_dagster.automation.queues import QUEUES, bounds, urgency
from nurseconv_dagster.definitions import defs
from nurseconv_dagster.operations.celery_worker import serve_flower, worker_name
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.devices import compute_device
from nurseconv_dagster.store.workers import STAGE_QUEUES
from tests.celery_engine.floors import wait_until
from tests.operations.test_command_line import nurseconv

ROOT = Path(__file__).resolve().parents[2]
REDIS = "redis://:pw@127.0.0.1:1/0"


def on_celery(**values):
    return Settings(_env_file=None, redis_url=REDIS, **values)


def test_with_redis_stages_go_to_workers_and_without_a_run_does_them_itself():
    assert stage_executor(on_celery()) is celery_stages
    assert stage_executor(Settings(_env_file=None)) is in_process_executor


@pytest.mark.system
@pytest.mark.parametrize("address", ["", REDIS])
def test_definitions_never_import_celery(address):
    code = "import sys, nurseconv_dagster.definitions; print({'celery', 'kombu', 'redis'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "REDIS_URL": address}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "set()"


def test_every_stage_has_its_queue_and_no_step_a_queue_that_does_not_exist():
    queues = {
        node.name: node.definition.tags.get("dagster-celery/queue")
        for name in ("process_uploads", "build_marts", "evaluate_answers", "challenge_answers")
        for node in defs.resolve_job_def(name).nodes
        if not any(asset_check in node.name for asset_check in _check_names())
    }
    assert queues == {
        "conversation_uploads": "processing",
        "conversation_transcriptions": "transcription",
        "question_answers": "qa_extraction",
        "conversation_scores": "scoring",
        "marts": "maintenance",
        "evaluations": "maintenance",
        "challenges": "maintenance",
    }
    assert set(queues.values()) == STAGE_QUEUES
    assert celery_config(on_celery())["task_default_queue"] in STAGE_QUEUES
    assert {*STAGE_QUEUES, "high_priority"} == set(QUEUES)


def _check_names() -> set[str]:
    return {key.name for checks in defs.asset_checks or [] for key in checks.check_keys}


def test_urgent_is_the_lowest_number_and_redis_looks_there_first():
    from kombu.transport.redis import Channel

    step_default = open_app(on_celery()).conf.task_default_priority
    urgent, normal = (step_default + int(urgency(p).get("dagster-celery/run_priority", 0)) for p in ("high", "normal"))
    place = lambda number: max(step for step in Channel.priority_steps if step <= number)  # noqa: E731
    assert urgent >= 0
    assert place(urgent) < place(normal)
    assert list(Channel.priority_steps) == sorted(Channel.priority_steps)
    assert int(urgency("high")["dagster/priority"]) > int(urgency("normal")["dagster/priority"])


def test_workers_are_told_what_the_promises_need():
    conf = open_app(on_celery(task_time_limit_s=1000, soft_time_limit_s=900)).conf
    assert conf.broker_transport_options["visibility_timeout"] == 2000
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert conf.task_time_limit == 1000


def test_each_engine_bounds_a_run_by_the_limit_of_its_stages():
    short = {"task_time_limit_s": 100, "soft_time_limit_s": 50}
    alone = bounds(4, Settings(_env_file=None, **short))
    assert alone == {"nurseconv/engine": "process", "dagster/max_runtime": "400"}
    assert int(bounds(4, on_celery(**short))["dagster/max_runtime"]) == 86_400
    assert defs.resolve_job_def("process_uploads").tags["dagster/max_runtime"] == str(4 * Settings().task_time_limit_s)


def test_the_instance_template_is_what_dagster_takes():
    written = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    from dagster._config import resolve_to_config_type, validate_config
    from dagster._core.instance.config import dagster_instance_config_schema

    checked = validate_config(resolve_to_config_type(dagster_instance_config_schema()), written)
    assert checked.success, checked.errors
    runs = written["concurrency"]["runs"]
    limits = {limit.get("value"): limit["limit"] for limit in runs["tag_concurrency_limits"]}
    assert limits[urgency("normal")["nurseconv/lane"]] < limits["process"]
    assert limits[urgency("normal", on_celery())["nurseconv/lane"]] < runs["max_concurrent_runs"]


def test_a_device_has_one_name_on_a_machine_and_gpus_given_apart_are_apart(monkeypatch):
    assert compute_device("cpu") == compute_device("cpu")
    assert compute_device("cpu").endswith(":cpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    first = compute_device("cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert len({first, compute_device("cuda"), compute_device("cpu")}) == 3


@pytest.mark.parametrize(
    ("cuda", "container", "card"),
    [
        (None, None, "0"), ("", "all", "0"), ("0", None, "0"), ("0,1", "all", "0"), ("1,0", None, "1"),
        ("all", None, "0"), (None, "3", "3"), (None, "3,2", "3"), ("1", "3,2", "2"), ("GPU-5f", "3", "GPU-5f"),
    ],
)  # fmt: skip
def test_a_card_has_one_name_however_it_was_given(monkeypatch, cuda, container, card):
    for name, value in (("CUDA_VISIBLE_DEVICES", cuda), ("NVIDIA_VISIBLE_DEVICES", container)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert compute_device("cuda").endswith(f":cuda:{card}")


@pytest.mark.system
@pytest.mark.parametrize(
    ("command", "environment", "code", "said"),
    [
        (("worker", "--queues", "all"), {}, 3, "REDIS_URL is empty"),
        (("worker", "--queues", "attic"), {}, 2, "attic is no queue"),
        (("flower",), {"REDIS_URL": REDIS}, 3, "FLOWER_PASSWORD is empty, and there is no default"),
        (("flower",), {"REDIS_URL": REDIS, "FLOWER_PASSWORD": "changeme"}, 3, "FLOWER_PASSWORD=... is not allowed"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(home, command, environment, code, said):
    done = nurseconv(*command, **environment)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr
    assert "pw@" not in done.stderr


def test_a_worker_that_starts_again_on_its_host_has_another_name():
    first, second = worker_name(("scoring", "processing")), worker_name(("scoring", "processing"))
    assert first != second
    assert first.startswith("scoring-")
    assert first.endswith("@%h")


def test_flower_hides_a_message_as_long_as_workers_do(monkeypatch):
    from celery import Celery

    started = []
    monkeypatch.setattr(Celery, "start", lambda app, arguments: started.append((app, arguments)))
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "")
    settings = on_celery(flower_password="correct horse battery", task_time_limit_s=9000, soft_time_limit_s=900)
    serve_flower(settings, "127.0.0.1", 5555, "nurseconv")
    ((app, arguments),) = started
    assert app.conf.broker_transport_options["visibility_timeout"] == 18_000
    assert app.conf.broker_url == REDIS
    assert "correct horse battery" not in " ".join(arguments)


def test_flower_shows_nothing_without_the_password(home, redis):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    password = "correct horse battery"
    process = subprocess.Popen(
        [sys.executable, "-m", "nurseconv_dagster.operations.cli", "flower", "--port", str(port)],
        env={**os.environ, "REDIS_URL": redis.url, "FLOWER_PASSWORD": password},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/workers"
        wait_until(lambda: _status(address) is not None, 120, process)
        assert _status(address) == 401
        assert _status(address, ("nurseconv", "wrong")) == 401
        assert _status(address, ("nurseconv", password)) == 200
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"flower" in command
        assert password.encode() not in command
        assert redis.url.encode() not in command
    finally:
        process.kill()
        process.wait()


def _status(address: str, login: tuple[str, str] | None = None) -> int | None:
    try:
        return httpx2.get(address, auth=login, timeout=20).status_code
    except httpx2.HTTPError:
        return None
