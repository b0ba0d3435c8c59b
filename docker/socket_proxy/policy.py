"""What the proxy allows, read from the environment once, at start.

What lives here: `Policy` and the rules of its values, `load_policy()`, and `Refused`, which every other part raises.
When to add here: a choice that belongs to the operator and not to the caller.
What to keep out: what a call or a body may hold (calls, bodies); the wire (proxy).
"""

from __future__ import annotations

import posixpath
import re
from itertools import permutations
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

OWNER_LABEL = "nurseconv.launched-by"
"""Stands on each container that the proxy made, with `Policy.owner`; what does not carry it is out of reach."""
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
SYSTEM_PATHS = (
    r"/(bin|boot|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var/run|var/lib/(docker|containerd))(/.*)?|/\w+|/var/lib"
)
"""Who writes there, or reaches the socket that lies there, owns the host. No folder at the top is lent either."""
UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}


class Refused(Exception):  # noqa: N818 -- a decision, and no error
    """A call that is not passed on.

    Args:
        field: what was refused, such as "HostConfig.Privileged"; never a value.
        reason: the rest of the sentence.
        status: of the HTTP answer.
    """

    def __init__(self, field: str, reason: str, status: int = 403) -> None:
        super().__init__(f"{field} {reason}.")
        self.field = field
        self.status = status


class Mount(NamedTuple):
    """One place that a container may see: a volume's name or a path of the host, and where it appears inside."""

    source: str
    target: str
    read_only: bool


def _parts(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _is_plain_path(path: str) -> bool:
    return path.startswith("/") and path != "/" and posixpath.normpath(path) == path and ":" not in path


def _inner_paths(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_is_plain_path, value)):
        raise ValueError("allowed: absolute paths without .. or a / at the end, separated by commas")
    return value


def _own_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or any(name in ("host", "none", "default") or not re.fullmatch(NAME, name) for name in value):
        raise ValueError("allowed: one or more names of networks, separated by commas; not host, none or default")
    return value


def _mount(value: object) -> object:
    if not isinstance(value, str):
        return value
    source, target, mode = (*value.split(":"), "rw", "", "")[:3]
    is_known = re.fullmatch(NAME, source) or _is_plain_path(source)
    if not is_known or not _is_plain_path(target) or mode not in ("ro", "rw") or value.count(":") > 2:
        raise ValueError("allowed: volume:/target or /path:/target, with :ro for reading only, separated by commas")
    return Mount(source, target, mode == "ro")


def _harmless_mounts(value: tuple[Mount, ...]) -> tuple[Mount, ...]:
    paths = [mount.source for mount in value if mount.source.startswith("/")]
    if any(re.fullmatch(SYSTEM_PATHS, path) for path in paths):
        raise ValueError("a folder of the host's system or of Docker itself is never lent")
    if any(inner.startswith(outer + "/") for outer, inner in permutations(paths, 2)):
        raise ValueError("one path lies in another: a run could put a link there that leads out of it")
    return value


def _size(value: object) -> object:
    """Bytes, in Docker's spelling: 8g is 8 GiB."""
    found = re.fullmatch(r"(\d{1,15})([bkmg]?)", value.strip().lower()) if isinstance(value, str) else None
    return int(found[1]) * UNITS[found[2]] if found else value


def _not_root(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,8}(:\d{1,9})?", value):
        raise ValueError("allowed: the number of a user, not 0, with or without :group")
    return value


Mounts = Annotated[
    tuple[Annotated[Mount, BeforeValidator(_mount)], ...],
    NoDecode, BeforeValidator(_parts), AfterValidator(_harmless_mounts),
]  # fmt: skip


class Policy(BaseSettings):
    """Every setting of the proxy; `docs/operations/socket-proxy.md` tells what each does."""

    model_config = SettingsConfigDict(env_prefix="PROXY_", frozen=True, env_ignore_empty=True)

    images: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts), Field(min_length=1)]
    networks: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts), AfterValidator(_own_networks)]
    mounts: Mounts = ()
    tmpfs: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts), AfterValidator(_inner_paths)] = ("/tmp",)  # noqa: S108 -- a path inside the container
    user: Annotated[str, AfterValidator(_not_root)] = "10001:10001"
    max_memory: Annotated[int, BeforeValidator(_size), Field(ge=2**20 * 6)] = 8 * 2**30
    max_pids: int = Field(1024, ge=1, le=2**22)
    gpus: bool = False
    owner: str = Field("nurseconv", pattern=rf"^{NAME}$")
    docker_socket: str = "/var/run/docker.sock"


def load_policy() -> Policy:
    """The policy of this environment.

    Raises:
        ValueError: a value is missing or not allowed; names each one and what is allowed.
    """
    try:
        return Policy()
    except ValidationError as error:
        reasons = [
            f"PROXY_{str(item['loc'][0]).upper()}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False)
        ]
        raise ValueError("; ".join(reasons)) from None
