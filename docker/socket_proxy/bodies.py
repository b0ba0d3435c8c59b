"""What the body of a call may hold: every field is known and harmless, or says nothing.

What lives here: strict JSON, the tables of fields that may be set, and the body that is sent on. It is built anew from
what the rules let through: a field without a rule cannot reach the engine, under any spelling.
When to add here: a field that a run's container needs: a line in a table, and its refusals in the tests.
What to keep out: how a value is checked (values); which calls exist (calls).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from policy import NAME, OWNER_LABEL, Policy, Refused
from values import (
    DEFAULT,
    Rule,
    binds,
    choice,
    endpoints,
    exactly,
    fields,
    gpu_requests,
    labels,
    mount_objects,
    nested,
    number,
    text,
    texts,
    tmpfs,
)

HOST_RULES: Mapping[str, Rule] = {
    "AutoRemove": exactly(True, "true"),
    "Binds": binds,
    "CapDrop": texts(r"[A-Za-z_]{1,40}"),
    "CgroupnsMode": exactly("private", "private"),
    "DeviceRequests": gpu_requests,
    "Init": exactly(True, "true"),
    "IpcMode": exactly("private", "private"),
    "LogConfig": nested({
        "Type": text("json-file|local"),
        "Config": nested({"max-size": text(r"\d{1,9}[kmg]?"), "max-file": text(r"\d{1,3}")}),
    }),
    "Memory": number(6 * 2**20, lambda policy: policy.max_memory),
    "MemorySwap": number(6 * 2**20, lambda policy: policy.max_memory),
    "Mounts": mount_objects,
    "NanoCpus": number(1, 10**12),
    "NetworkMode": choice("must be one of PROXY_NETWORKS", lambda policy: policy.networks),
    "OomScoreAdj": number(0, 1000),
    "PidsLimit": number(1, lambda policy: policy.max_pids),
    "ReadonlyRootfs": exactly(True, "true"),
    "SecurityOpt": texts("no-new-privileges([:=]true)?", "must be no-new-privileges:true, or be left out"),
    "ShmSize": number(1, lambda policy: policy.max_memory),
    "Tmpfs": tmpfs,
}  # fmt: skip
CREATE_RULES: Mapping[str, Rule] = {
    "Cmd": texts(),
    "Env": texts(),
    "Healthcheck": nested({"Test": exactly(["NONE"], '["NONE"]')}),
    "HostConfig": nested(HOST_RULES),
    "Image": choice("must be one of PROXY_IMAGES", lambda policy: policy.images),
    "Labels": labels,
    "NetworkingConfig": nested({"EndpointsConfig": endpoints}),
    "User": choice("must be the user of PROXY_USER, or be left out", lambda policy: (policy.user,)),
    "Volumes": lambda _policy, _name, value: value,  # compared with the mounts below
}
CONNECT_RULES: Mapping[str, Rule] = {"Container": text(NAME)}


def parse_json(body: bytes) -> dict[str, object]:
    """The object in these bytes.

    Raises:
        Refused: it is not one JSON object in UTF-8, or a key stands in it twice: readers differ in which one counts.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs):
            raise Refused("Body", "names a field twice")
        return dict(pairs)

    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Refused("Body", "is not JSON", 400) from None
    if not isinstance(value, dict):
        raise Refused("Body", "is not a JSON object", 400)
    return value


def permit_create(policy: Policy, body: Mapping[str, object]) -> dict[str, object]:
    """The body with which the container is made: what was asked for, with the proxy's label, user and limits.

    Raises:
        Refused: a field is set that may not be, or to what it may not be.
    """
    asked = fields(policy, "", body, CREATE_RULES)
    if "Image" not in asked:
        raise Refused("Image", "must be one of PROXY_IMAGES")
    host = asked.get("HostConfig")
    if not isinstance(host, dict) or "NetworkMode" not in host:
        raise Refused("HostConfig.NetworkMode", "must be one of PROXY_NETWORKS")
    # The client repeats the targets of its binds here; anything else would be a volume of its own.
    volumes = asked.pop("Volumes", {})
    if not isinstance(volumes, dict) or any(volumes.values()) or not set(volumes) <= _targets(host):
        raise Refused("Volumes", DEFAULT)
    own = asked.get("Labels")
    return {
        **asked,
        "Labels": {**(own if isinstance(own, dict) else {}), OWNER_LABEL: policy.owner},
        "User": policy.user,
        "HostConfig": _hardened(policy, host),
    }


def permit_connect(policy: Policy, body: Mapping[str, object]) -> str:
    """The container, as the caller names it, that is to join a network, without a second name or a fixed address.

    Raises:
        Refused: the body asks for more than that.
    """
    container = fields(policy, "", body, CONNECT_RULES).get("Container")
    if container is None:
        raise Refused("Container", "must be named")
    return str(container)


def _targets(host: Mapping[str, object]) -> set[str]:
    """Where this HostConfig mounts something."""
    short, long = host.get("Binds"), host.get("Mounts")
    targets = {str(bind).split(":")[1] for bind in short} if isinstance(short, list) else set()
    return targets | {str(mount["Target"]) for mount in long} if isinstance(long, list) else targets


def _hardened(policy: Policy, host: Mapping[str, object]) -> dict[str, object]:
    """The HostConfig that is sent: never softer than this, whatever was asked for."""
    memory = host.get("Memory", policy.max_memory)
    if host.get("MemorySwap", memory) != memory:
        raise Refused("HostConfig.MemorySwap", "must equal Memory: what a run holds in memory never goes to a disk")
    return {
        "PidsLimit": policy.max_pids,
        **host,
        "Memory": memory,
        "MemorySwap": memory,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
    }
