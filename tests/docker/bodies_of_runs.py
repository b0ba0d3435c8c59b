"""What the Docker client sends for Dagster's run launcher: the one body that must pass, to be spoilt field by field.

What lives here: the policy of the tests, what the launcher is configured with, the body that comes of it.
When to add here: a keyword that the launcher's configuration in this repository begins to use.
What to keep out: laws.
"""

from __future__ import annotations

import copy
from typing import Any

from docker.models.containers import _create_container_args
from docker.types import ContainerConfig

IMAGE = "nurseconv:latest"
NETWORK = "nurseconv_inside"
GIB = 2**30
ENVIRONMENT = {
    "PROXY_IMAGES": IMAGE,
    "PROXY_NETWORKS": f"{NETWORK},nurseconv_models",
    "PROXY_MOUNTS": "nurseconv_home:/data,/srv/uploads:/uploads:ro",
    "PROXY_TMPFS": "/tmp,/run/scratch",
    "PROXY_MAX_MEMORY": "8g",
    "PROXY_MAX_PIDS": "512",
}
SECRET = "a-password-that-no-log-may-hold"


def launcher_keywords() -> dict[str, Any]:
    """`container_kwargs` of the launcher: all that a careful operator sets."""
    return {
        "auto_remove": True,
        "mem_limit": "4g",
        "nano_cpus": 2 * 10**9,
        "pids_limit": 256,
        "shm_size": "256m",
        "read_only": True,
        "tmpfs": {"/tmp": "size=512m,mode=1777,noexec"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "oom_score_adj": 500,
        "volumes": {
            "nurseconv_home": {"bind": "/data", "mode": "rw"},
            "/srv/uploads": {"bind": "/uploads", "mode": "ro"},
        },
        "healthcheck": {"test": ["NONE"]},
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
    }


def launched_body(**more: Any) -> dict[str, Any]:
    """The body of the call that the client makes for these keywords, as the launcher gives them."""
    arguments = _create_container_args({
        "image": IMAGE,
        "command": ["dagster", "api", "execute_run", "{}"],
        "detach": True,
        "environment": {"POSTGRES_PASSWORD": SECRET, "DAGSTER_RUN_JOB_NAME": "conversations"},
        "network": NETWORK,
        "labels": {"dagster/run_id": "0b1c", "dagster/job_name": "conversations"},
        "version": "1.41",
        **launcher_keywords(),
        **more,
    })  # fmt: skip
    arguments.pop("name", None)
    config = ContainerConfig("1.41", **arguments)
    return {key: copy.deepcopy(value) for key, value in config.items() if value is not None}
