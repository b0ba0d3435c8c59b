"""What a field of a body may hold, one rule a kind of field.

What lives here: `fields()`, which applies a table of rules to an object, and the rules that the tables are made of.
When to add here: a rule that a table needs and that none of these says.
What to keep out: which field has which rule (bodies); the operator's choices (policy).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from policy import OWNER_LABEL, Mount, Policy, Refused

Rule = Callable[[Policy, str, object], object]
"""The value to send on, for the policy, the field's name and the value asked for; raises Refused."""
LABEL = r"(dagster/|nurseconv\.)[A-Za-z0-9_./-]{1,100}"
"""Labels of other programs (reverse proxies, compose) can be orders to those."""
TMPFS_OPTION = r"size=\d{1,12}[kmg]?|mode=[0-7]{3,4}|[ug]id=\d{1,9}|rw|exec|noexec|nosuid|nodev"
GPU_CAPABILITIES = ("gpu", "nvidia", "compute", "utility")
DEFAULT = "must be left at its default"


def fields(policy: Policy, where: str, body: object, rules: Mapping[str, Rule]) -> dict[str, object]:
    """Those fields of an object that say something, each as its rule lets it through.

    null, false, 0, "", [] and {} say nothing and are left out: the engine puts its own default there.

    Raises:
        Refused: a field has no rule, or its rule refuses it.
    """
    if not isinstance(body, Mapping):
        raise Refused(where or "Body", "must be an object")
    permitted = {}
    for key, value in body.items():
        # A name that Docker cannot have could be anything, a secret even, and is not repeated.
        known = key if re.fullmatch(r"[A-Za-z]{1,40}", key, re.ASCII) else "(a field with an odd name)"
        name = f"{where}.{known}" if where else known
        if value and key not in rules:
            raise Refused(name, DEFAULT)
        if value and (said := rules[key](policy, name, value)):
            permitted[key] = said
    return permitted


def nested(rules: Mapping[str, Rule]) -> Rule:
    """An object with these fields."""
    return lambda policy, name, value: fields(policy, name, value, rules)


def listed(rules: Mapping[str, Rule]) -> Rule:
    """A list of objects with these fields."""
    return lambda policy, name, value: [fields(policy, name, item, rules) for item in _list(name, value)]


def choice(reason: str, allowed: Callable[[Policy], tuple[object, ...]]) -> Rule:
    """One of some values; the type counts too, since true is not 1 to the engine."""

    def rule(policy: Policy, name: str, value: object) -> object:
        if not any(type(value) is type(one) and value == one for one in allowed(policy)):
            raise Refused(name, reason)
        return value

    return rule


def exactly(value: object, shown: str) -> Rule:
    """One value or nothing."""
    return choice(f"must be {shown}, or be left out", lambda _policy: (value,))


def number(low: int, high: int | Callable[[Policy], int]) -> Rule:
    """A whole number of a range."""

    def rule(policy: Policy, name: str, value: object) -> object:
        top = high if isinstance(high, int) else high(policy)
        if type(value) is not int or not low <= value <= top:
            raise Refused(name, f"must be a whole number from {low} to {top}")
        return value

    return rule


def text(pattern: str) -> Rule:
    """A text of one shape."""

    def rule(_policy: Policy, name: str, value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise Refused(name, "has a value that is not allowed")
        return value

    return rule


def texts(pattern: str = r"(?s).*", reason: str = "must be a list of texts") -> Rule:
    """A list of texts, each of one shape."""

    def rule(_policy: Policy, name: str, value: object) -> object:
        for item in _list(name, value):
            if not isinstance(item, str) or not re.fullmatch(pattern, item):
                raise Refused(name, reason)
        return value

    return rule


def labels(_policy: Policy, name: str, value: object) -> object:
    """Labels of Dagster's and our own, but not the one that tells whose container it is."""
    for key, content in _object(name, value).items():
        if key == OWNER_LABEL or not isinstance(content, str) or not re.fullmatch(LABEL, key, re.ASCII):
            raise Refused(name, f"must be texts whose names begin with dagster/ or nurseconv., and not {OWNER_LABEL}")
    return value


def endpoints(policy: Policy, name: str, value: object) -> object:
    """Networks to join, without a second name or an address, which could stand in for a service."""
    for network, endpoint in _object(name, value).items():
        if network not in policy.networks:
            raise Refused(name, "must name networks of PROXY_NETWORKS only")
        fields(policy, name, endpoint or {}, {})
    return {network: {} for network in _object(name, value)}


def binds(policy: Policy, name: str, value: object) -> object:
    """Mounts in their short spelling, source:target[:ro|:rw]."""
    for item in _list(name, value):
        source, _, rest = str(item).partition(":")
        target, _, mode = rest.partition(":")
        if mode not in ("", "ro", "rw"):
            raise Refused(name, "may end in :ro or :rw only")
        _lent(policy, name, Mount(source, target, mode == "ro"))
    return value


def mount_objects(policy: Policy, name: str, value: object) -> object:
    """Mounts in their long spelling; options could turn a volume into any folder of the host."""
    items = listed(MOUNT_RULES)(policy, name, value)
    for item in _list(name, items):
        mount = _object(name, item)
        source, target = str(mount.get("Source", "")), str(mount.get("Target", ""))
        if mount.get("Type") != ("bind" if source.startswith("/") else "volume"):
            raise Refused(f"{name}.Type", "must be bind for a path and volume for a volume's name")
        _lent(policy, name, Mount(source, target, mount.get("ReadOnly") is True))
    return items


def _lent(policy: Policy, name: str, asked: Mount) -> None:
    if not {asked, asked._replace(read_only=False)} & set(policy.mounts):
        raise Refused(name, "must be mounts of PROXY_MOUNTS only, with the target and :ro that stand there")


def tmpfs(policy: Policy, name: str, value: object) -> object:
    """Folders in memory."""
    for target, options in _object(name, value).items():
        if target not in policy.tmpfs:
            raise Refused(name, "must be folders of PROXY_TMPFS only")
        if not isinstance(options, str) or not re.fullmatch(rf"(({TMPFS_OPTION})(,|$))*", options, re.ASCII):
            raise Refused(name, "has an option that is not allowed")
    return value


def gpu_requests(policy: Policy, name: str, value: object) -> object:
    """Graphics cards; other drivers than NVIDIA's can hand out any device."""
    if not policy.gpus:
        raise Refused(name, "must be left at its default while PROXY_GPUS is off")
    items = listed(GPU_RULES)(policy, name, value)
    for item in _list(name, items):
        for group in _list(name, _object(name, item).get("Capabilities") or [[]]):
            if "gpu" not in _list(name, group) or set(map(str, _list(name, group))) - set(GPU_CAPABILITIES):
                raise Refused(f"{name}.Capabilities", f"must hold gpu, and only {', '.join(GPU_CAPABILITIES)}")
    return items


def _list(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise Refused(name, "must be a list")
    return value


def _object(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused(name, "must be an object")
    return value


MOUNT_RULES: Mapping[str, Rule] = {
    "Type": text("bind|volume"),
    "Source": text(r".*"),
    "Target": text(r".*"),
    "ReadOnly": exactly(True, "true"),
}
GPU_RULES: Mapping[str, Rule] = {
    "Driver": exactly("nvidia", "nvidia"),
    "Count": number(-1, 64),
    "DeviceIDs": texts(r"[\w-]{1,80}", "must be numbers or names of cards"),
    "Capabilities": lambda _policy, _name, value: value,  # looked at by gpu_requests
}
