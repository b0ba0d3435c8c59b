"""The manifests of docker/kubernetes as Kubernetes would get them, and what of them points at what.

What lives here: `render()` by kustomize itself, `run_pod()` by Dagster's own launcher, and small readers of both.
When to add here: a reading that a second law needs.
What to keep out: the laws (test_kubernetes).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "docker" / "kubernetes"
OVERLAYS = ("staging", "prod", "celery", "gpu")
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """What runs: its name, its pod's labels and its pod's spec."""

    name: str
    labels: dict[str, str]
    spec: Manifest

    @property
    def container(self) -> Manifest:
        """The one container that each of our pods has."""
        (only,) = self.spec["containers"]
        return only


def read(path: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


@cache
def render(overlay: str) -> tuple[Manifest, ...]:
    """All manifests of an overlay; skips, with the reason, where nothing renders kustomizations."""
    program = next((found for name in ("kustomize", "kubectl") if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("neither kustomize nor kubectl is installed, and neither comes from a Python package")
    command = [program, "build"] if program.endswith("kustomize") else [program, "kustomize"]
    done = subprocess.run([*command, KUBERNETES / "overlays" / overlay], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


@cache
def workloads(overlay: str) -> tuple[Workload, ...]:
    """Everything of an overlay that runs, the run pods that Dagster makes included."""
    found = []
    for one in render(overlay):
        template = _template(one)
        if template:
            found.append(Workload(one["metadata"]["name"], template["metadata"]["labels"], template["spec"]))
    made = run_pod(overlay)["spec"]["template"]
    return (*found, Workload("run", made["metadata"]["labels"], made["spec"]))


def _template(one: Manifest) -> Manifest | None:
    if one["kind"] in ("Deployment", "Job"):
        return one["spec"]["template"]
    return one["spec"]["jobTemplate"]["spec"]["template"] if one["kind"] == "CronJob" else None


@cache
def instance(overlay: str) -> Manifest:
    """The dagster.yaml that the pods of an overlay get."""
    return yaml.safe_load(of_kind(render(overlay), "ConfigMap")["dagster-instance"]["data"]["dagster.yaml"])


@cache
def launcher(overlay: str) -> Any:
    """The run launcher that dagster.yaml configures, without a cluster."""
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s import launcher as module

    config = instance(overlay)["run_launcher"]["config"] | {"job_namespace": "nurseconv"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_kubernetes_config", lambda **_: None)
        return K8sRunLauncher(**config)


@cache
def run_pod(overlay: str) -> Manifest:
    """The job that Dagster makes for a run, as it goes to Kubernetes."""
    from dagster import DagsterRun
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import construct_dagster_k8s_job
    from kubernetes.client import ApiClient

    starter = launcher(overlay)
    context = K8sContainerContext.create_for_run(DagsterRun("process_uploads"), starter, include_run_tags=True)
    job = construct_dagster_k8s_job(
        job_config=context.get_k8s_job_config("nurseconv:test", starter),
        args=["dagster", "api", "execute_run"], job_name="dagster-run-1", pod_name="dagster-run-1",
        component="run_worker", user_defined_k8s_config=context.run_k8s_config,
    )  # fmt: skip
    return ApiClient().sanitize_for_serialization(job)


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector takes a pod with these labels."""
    plain = selector.get("matchLabels", {})
    rules = selector.get("matchExpressions", [])
    assert all(rule["operator"] == "In" for rule in rules)
    return all(labels.get(key) == value for key, value in plain.items()) and all(
        labels.get(rule["key"]) in rule["values"] for rule in rules
    )


def policies_on(overlay: str, labels: dict[str, str]) -> list[Manifest]:
    found = of_kind(render(overlay), "NetworkPolicy").values()
    return [one["spec"] for one in found if matches(one["spec"]["podSelector"], labels)]


def may_reach(overlay: str, labels: dict[str, str], address: str) -> bool:
    """Whether a pod may open a connection to port 443 of an address outside the cluster."""
    rules = [rule for policy in policies_on(overlay, labels) for rule in policy.get("egress", ())]
    return any(
        _holds(peer["ipBlock"], address)
        for rule in rules if 443 in [port["port"] for port in rule["ports"]]
        for peer in rule["to"] if "ipBlock" in peer
    )  # fmt: skip


def _holds(block: Manifest, address: str) -> bool:
    inside = lambda cidr: ip_address(address) in ip_network(cidr)  # noqa: E731
    return inside(block["cidr"]) and not any(inside(one) for one in block.get("except", ()))


def listeners_to(overlay: str, target: Workload, port: int) -> set[str]:
    """Names of the overlay's workloads that may connect to this one's port, by both sides' policies."""
    allowed = set()
    for policy in policies_on(overlay, target.labels):
        for rule in policy.get("ingress", ()):
            if port in [one["port"] for one in rule["ports"]]:
                selectors = [peer["podSelector"] for peer in rule["from"] if "podSelector" in peer]
                allowed |= {
                    one.name for one in workloads(overlay) if any(matches(item, one.labels) for item in selectors)
                }
    return allowed


def references(workload: Workload) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and key of everything that a pod takes from a ConfigMap, Secret or claim."""
    for source in workload.container.get("envFrom", ()):
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if field in source:
                yield kind, source[field]["name"], None
    for variable in workload.container.get("env", ()):
        taken = variable.get("valueFrom", {}).get("secretKeyRef")
        if taken:
            yield "Secret", taken["name"], taken["key"]
    volumes = {one["name"]: one for one in workload.spec.get("volumes", ())}
    for mount in workload.container.get("volumeMounts", ()):
        volume = volumes[mount["name"]]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"], mount.get("subPath")
        elif "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], mount.get("subPath")
        elif "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None
