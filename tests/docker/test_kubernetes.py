"""Laws of docker/kubernetes: valid, closed by default, and naming only what exists.

What lives here: what must hold for every overlay as kustomize renders it, and for the pods that Dagster makes for runs.
When to add here: a promise that docs/operations/kubernetes.md gives.
What to keep out: how manifests are read (manifests.py); whether a cluster takes them (there is none here).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from nurseconv_dagster.settings import Settings
from tests.docker.manifests import (
    KUBERNETES,
    OVERLAYS,
    ROOT,
    Workload,
    instance,
    launcher,
    listeners_to,
    may_reach,
    of_kind,
    read,
    references,
    render,
    run_pod,
    workloads,
)

SCHEMA_VERSION = "1.37.0"
# Kinds of operators that the docs ask for: kubernetes-validate has no schema of them.
WITHOUT_SCHEMA = {"ExternalSecret", "ServiceMonitor"}
# What `nurseconv exec` works out, and what belongs to other programs.
NOT_OURS = re.compile(r"DAGSTER_(CURRENT_IMAGE|RUN_NAMESPACE|RUN_JOB_NAME|HOME)|OAUTH2_PROXY_\w+|REDISCLI_AUTH")
IN_PUBLIC, IN_CLUSTER, METADATA = "142.250.1.1", "10.1.2.3", "169.254.169.254"
POLICIES = ROOT / ".venv-policies" / "bin" / "checkov"
# One process renders and imports for all of them.
pytestmark = pytest.mark.xdist_group("kubernetes")
every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def ours(overlay: str) -> list[Workload]:
    return [one for one in workloads(overlay) if "nurseconv" in one.container["image"]]


def workload(overlay: str, name: str) -> Workload:
    return next(one for one in workloads(overlay) if one.name == name)


@every_overlay
def test_every_manifest_is_valid_by_the_schema_of_kubernetes(overlay: str) -> None:
    extras = [one for path in (KUBERNETES / "extras").glob("*.yaml") for one in read(path) if "kind" in one]
    for one in [*render(overlay), *extras, run_pod(overlay)]:
        if one["kind"] not in WITHOUT_SCHEMA:
            validate(json.dumps(one))


@every_overlay
def test_the_restore_job_mounts_what_the_backup_does_and_differs_in_what_it_runs(overlay: str) -> None:
    (job,) = read(KUBERNETES / "extras" / "restore.yaml")
    restore, backup = job["spec"]["template"], workload(overlay, "backup")
    own = restore["spec"]["containers"][0]
    assert restore["metadata"]["labels"]["app.kubernetes.io/component"] == "backup"  # the policies let it to Postgres
    assert own["args"][:2] == ["nurseconv", "restore"]
    for name in ("envFrom", "volumeMounts", "securityContext"):
        assert own[name] == backup.container[name], name
    for name in ("volumes", "securityContext", "serviceAccountName", "automountServiceAccountToken"):
        assert restore["spec"][name] == backup.spec[name], name


@cache
def validate(manifest: str) -> None:
    """Once for what several overlays share."""
    kubernetes_validate.validate(json.loads(manifest), SCHEMA_VERSION, strict=True)


@every_overlay
def test_no_two_manifests_have_the_same_name(overlay: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in render(overlay)]
    assert sorted(names) == sorted(set(names))


@every_overlay
def test_everything_lies_in_one_namespace_that_enforces_restricted_pods(overlay: str) -> None:
    (namespace,) = of_kind(render(overlay), "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = {one["metadata"].get("namespace") for one in render(overlay) if one["kind"] != "Namespace"}
    assert others == {namespace["metadata"]["name"]}


@every_overlay
def test_every_pod_keeps_the_restricted_standard_and_a_read_only_root(overlay: str) -> None:
    for one in workloads(overlay):
        pod, container = one.spec["securityContext"], one.container["securityContext"]
        assert (pod["runAsNonRoot"], pod["runAsUser"]) == (True, 10001), one.name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, one.name
        assert container["allowPrivilegeEscalation"] is False, one.name
        assert container["readOnlyRootFilesystem"] is True, one.name
        assert container["capabilities"] == {"drop": ["ALL"]}, one.name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(one.spec), one.name
        assert not any("hostPath" in volume for volume in one.spec["volumes"]), one.name
        assert "/tmp" in [mount["mountPath"] for mount in one.container["volumeMounts"]], one.name


@every_overlay
def test_only_dagsters_daemon_and_webserver_hold_a_token_of_the_cluster(overlay: str) -> None:
    holders = {one.name for one in workloads(overlay) if one.spec["automountServiceAccountToken"]}
    assert holders == {"dagster-daemon", "dagster-webserver"}
    accounts = of_kind(render(overlay), "ServiceAccount")
    assert {one.spec["serviceAccountName"] for one in workloads(overlay)} == set(accounts)
    (role,) = of_kind(render(overlay), "Role").values()
    assert "*" not in [word for rule in role["rules"] for word in (*rule["verbs"], *rule["resources"])]


@every_overlay
def test_every_container_says_what_it_needs_and_what_it_may_take(overlay: str) -> None:
    for one in workloads(overlay):
        for side in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(one.container["resources"][side]), one.name


@every_overlay
def test_every_configmap_secret_and_claim_that_a_pod_names_exists_with_the_key(overlay: str) -> None:
    rendered = render(overlay)
    known = {("ConfigMap", name): set(one["data"]) for name, one in of_kind(rendered, "ConfigMap").items()}
    known |= {("PersistentVolumeClaim", name): set() for name in of_kind(rendered, "PersistentVolumeClaim")}
    known |= {("Secret", one["metadata"]["name"]): set(one["stringData"]) for one in examples_of_secrets()}
    for one in workloads(overlay):
        for kind, name, key in references(one):
            assert (kind, name) in known, (one.name, kind, name)
            assert key is None or key in known[kind, name], (one.name, name, key)


def examples_of_secrets() -> list[dict[str, Any]]:
    return read(KUBERNETES / "extras" / "secrets.example.yaml")


def test_secrets_by_hand_and_from_the_hospitals_store_have_the_same_keys() -> None:
    stored = {
        name: {item["secretKey"] for item in one["spec"]["data"]}
        for name, one in of_kind(render("celery"), "ExternalSecret").items()
    }
    assert stored == {one["metadata"]["name"]: set(one["stringData"]) for one in examples_of_secrets()}


@every_overlay
def test_no_rendered_manifest_holds_a_secret(overlay: str) -> None:
    assert of_kind(render(overlay), "Secret") == {}


@every_overlay
def test_services_budgets_and_autoscalers_find_their_pods(overlay: str) -> None:
    rendered, running = render(overlay), workloads(overlay)
    for name, one in of_kind(rendered, "Service").items():
        (target,) = [it for it in running if one["spec"]["selector"].items() <= it.labels.items()]
        names = {port["name"]: port["containerPort"] for port in target.container["ports"]}
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= set(names), name
        assert all(names[port["targetPort"]] == port["port"] for port in one["spec"]["ports"]), name
    for name, one in of_kind(rendered, "PodDisruptionBudget").items():
        assert any(one["spec"]["selector"]["matchLabels"].items() <= it.labels.items() for it in running), name
    for name, one in of_kind(rendered, "HorizontalPodAutoscaler").items():
        assert one["spec"]["scaleTargetRef"]["name"] in of_kind(rendered, "Deployment"), name
        assert "replicas" not in of_kind(rendered, "Deployment")[name]["spec"], "applying would undo the autoscaler"


@every_overlay
def test_network_policies_name_only_components_that_exist(overlay: str) -> None:
    components = {one.labels["app.kubernetes.io/component"] for one in workloads(overlay)}
    found = yaml.safe_dump([one["spec"] for one in of_kind(render(overlay), "NetworkPolicy").values()])
    listed = set(re.findall(r"component: ([\w-]+)", found))
    for values in re.findall(
        r"key: app.kubernetes.io/component\n\s+operator: In\n\s+values:\n((?:\s+- [\w-]+\n)+)", found
    ):
        listed |= set(re.findall(r"- ([\w-]+)", values))
    assert listed - components == set()
    assert len(listed) >= 8


@every_overlay
def test_every_pod_is_denied_everything_by_default(overlay: str) -> None:
    deny = of_kind(render(overlay), "NetworkPolicy")["default-deny"]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize(
    ("overlay", "leaving"),
    [("staging", set()), ("prod", {"run"}), ("celery", {"extraction-worker"}), ("gpu", {"extraction-worker"})],
)
def test_words_of_a_conversation_can_leave_from_extraction_alone(overlay: str, leaving: set[str]) -> None:
    """On the default engine a run holds all stages, so there the run pod leaves. The login holds no conversation."""
    reaching = {one.name for one in workloads(overlay) if may_reach(overlay, one.labels, IN_PUBLIC)}
    assert reaching == leaving | {"dagster-login"}
    for one in leaving:
        labels = workload(overlay, one).labels
        assert not may_reach(overlay, labels, IN_CLUSTER)
        assert not may_reach(overlay, labels, METADATA)


@every_overlay
def test_keys_of_hosted_models_are_given_to_nobody_who_may_not_leave(overlay: str) -> None:
    holders = {
        one.name for one in workloads(overlay) if any(name == "nurseconv-providers" for _, name, _ in references(one))
    }
    assert holders == ({"run"} if overlay in ("staging", "prod") else {"extraction-worker"})


@every_overlay
def test_whoever_reads_the_vault_has_the_ring_of_keys_and_cannot_change_it(overlay: str) -> None:
    ring = of_kind(render(overlay), "ConfigMap")["nurseconv-settings"]["data"]["ENCRYPTION_KEY_FILE"]
    (secret,) = [one["stringData"] for one in examples_of_secrets() if one["metadata"]["name"] == "nurseconv-keys"]
    readers = [
        one for one in workloads(overlay) if "/data" in [it["mountPath"] for it in one.container["volumeMounts"]]
    ]
    assert {"api", "backup", "code-location", "run"} <= {one.name for one in readers}
    for one in readers:
        volumes = {it["name"]: it for it in one.spec["volumes"]}
        (mount,) = [it for it in one.container["volumeMounts"] if ring.startswith(f"{it['mountPath']}/")]
        assert mount["readOnly"] is True, one.name
        assert volumes[mount["name"]]["secret"] == {"secretName": "nurseconv-keys", "defaultMode": 0o440}, one.name
        assert ring.removeprefix(f"{mount['mountPath']}/") in secret


@every_overlay
def test_who_makes_backups_and_who_tells_them_of_erasures_have_the_same_folder(overlay: str) -> None:
    """They may be on two nodes, and each writes."""
    holders = {}
    for one in workloads(overlay):
        volumes = {it["name"]: it for it in one.spec["volumes"]}
        for mount in one.container["volumeMounts"]:
            if mount["mountPath"] == "/backups" and not mount.get("readOnly"):
                holders[one.name] = volumes[mount["name"]]["persistentVolumeClaim"]["claimName"]
    assert holders == {"backup": "nurseconv-backups", "code-location": "nurseconv-backups"}
    claim = of_kind(render(overlay), "PersistentVolumeClaim")["nurseconv-backups"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


@every_overlay
def test_dagsters_ui_is_reached_through_the_login_alone(overlay: str) -> None:
    assert listeners_to(overlay, workload(overlay, "dagster-webserver"), 3000) == {"dagster-login"}
    backends = {
        rule["host"]: path["backend"]["service"]["name"]
        for one in of_kind(render(overlay), "Ingress").values()
        for rule in one["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert set(backends.values()) == {"api", "dagster-login"}
    assert f"--upstream=http://dagster-webserver:{3000}" in workload(overlay, "dagster-login").container["args"]


@every_overlay
def test_every_ingress_has_tls_for_its_host_and_a_limit_of_its_bodies(overlay: str) -> None:
    for name, one in of_kind(render(overlay), "Ingress").items():
        hosts = {host for entry in one["spec"]["tls"] for host in entry["hosts"]}
        assert hosts == {rule["host"] for rule in one["spec"]["rules"]}
        notes = one["metadata"]["annotations"]
        limits = {notes["nginx.org/client-max-body-size"], notes["nginx.ingress.kubernetes.io/proxy-body-size"]}
        assert len(limits) == 1
        if name == "api":
            data = of_kind(render(overlay), "ConfigMap")["nurseconv-settings"]["data"]
            assert int(limits.pop().removesuffix("m")) == int(data["MAX_FILE_SIZE"]) // 2**20 + 1


@every_overlay
def test_every_variable_is_a_setting(overlay: str) -> None:
    data = of_kind(render(overlay), "ConfigMap")["nurseconv-settings"]["data"]
    given = [one for one in examples_of_secrets() if one["metadata"]["name"] != "nurseconv-keys"]  # that one is a file
    named = set(data) | {key for one in given for key in one["stringData"]}
    named |= {variable["name"] for one in ours(overlay) for variable in one.container.get("env", ())}
    in_celery = {"REDIS_PASSWORD"} if overlay in ("celery", "gpu") else {"REDIS_PASSWORD", "REDIS_URL"}
    unknown = {name for name in named - in_celery if name.lower() not in Settings.model_fields}
    assert {name for name in unknown if not NOT_OURS.fullmatch(name)} == set()


@every_overlay
def test_every_value_is_allowed(overlay: str) -> None:
    for one in ours(overlay):
        data = of_kind(render(overlay), "ConfigMap")["nurseconv-settings"]["data"]
        plain = {it["name"]: it["value"] for it in one.container.get("env", ()) if "value" in it}
        values = {name.lower(): value for name, value in {**data, **plain}.items()}
        Settings(_env_file=None, **{name: value for name, value in values.items() if name in Settings.model_fields})


@every_overlay
def test_every_command_exists_with_these_options(overlay: str) -> None:
    for one in ours(overlay):
        words = one.container["args"]
        probes = [one.container.get(f"{kind}Probe", {}).get("exec", {}) for kind in ("liveness", "readiness")]
        for line in [words, *(probe["command"][2:] for probe in probes if probe)]:
            check_command(line)


def check_command(words: list[str]) -> None:
    """Every word is a command, and every option one of it."""
    (script,) = entry_points(group="console_scripts", name=words[0])
    command: Any = click_command(words[0]) or script.load()
    rest = words[1:]
    while hasattr(command, "commands"):  # typer's groups are no groups of click
        assert rest, words
        assert rest[0] in command.commands, f"{words[0]} has no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in rest if word.startswith("-")} - options == set(), words


def click_command(program: str) -> click.Command | None:
    """The command behind a program whose entry point is a plain function around it."""
    if program == "nurseconv":
        from typer.main import get_command

        from nurseconv_dagster.operations.cli import app

        return get_command(app)
    if program == "dagster":
        from dagster._cli import create_dagster_cli

        return create_dagster_cli()
    if program == "dagster-daemon":
        from dagster._daemon.cli import create_dagster_daemon_cli

        return create_dagster_daemon_cli()
    if program == "dagster-webserver":
        from dagster_webserver.cli import dagster_webserver

        return dagster_webserver
    return None


@every_overlay
def test_every_pod_runs_the_same_version_and_so_do_the_run_pods(overlay: str) -> None:
    tags = {one.container["image"].rpartition(":")[2] for one in ours(overlay) if one.name != "run"}
    assert len(tags) == 1
    (code,) = [one for one in ours(overlay) if one.name == "code-location"]
    told = {it["name"]: it.get("value") for it in code.container["env"]}
    assert told["DAGSTER_CURRENT_IMAGE"] == code.container["image"]


@every_overlay
def test_dagster_takes_the_instance_as_it_is(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._config import process_config
    from dagster._core.instance.config import dagster_instance_config_schema
    from dagster_k8s import K8sRunLauncher

    for name in ("DAGSTER_DATABASE_URL", "DAGSTER_RUN_NAMESPACE"):
        monkeypatch.setenv(name, "given")
    settings = instance(overlay)
    assert process_config(dagster_instance_config_schema(), settings).errors in (None, [])
    assert launcher(overlay).supports_check_run_worker_health
    config = settings["run_launcher"]["config"] | {"job_namespace": "nurseconv"}
    result = process_config(K8sRunLauncher.config_type(), config)
    assert result.success, result.errors
    assert set(settings["run_launcher"]["config"]["env_config_maps"]) <= set(of_kind(render(overlay), "ConfigMap"))


@every_overlay
def test_the_instance_is_the_root_one_but_for_where_runs_live(overlay: str) -> None:
    root = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    ours_ = instance(overlay)
    for part in ("storage", "telemetry", "nux", "run_retries", "sensors", "retention"):
        assert ours_[part] == root[part], part
    # Its runs have machines of their own: no limit by engine, but one build at a time, and a place for urgent uploads.
    runs = ours_["concurrency"]["runs"]
    limits = {(limit["key"], limit.get("value")): limit["limit"] for limit in runs["tag_concurrency_limits"]}
    lane = ("nurseconv/lane", "queued" if overlay in ("celery", "gpu") else "batch")
    assert set(limits) == {lane, ("nurseconv/marts", None)}
    assert limits[lane] < runs["max_concurrent_runs"]
    assert limits["nurseconv/marts", None] == 1
    assert ours_["run_monitoring"] | {"start_timeout_seconds": 180} == root["run_monitoring"]
    assert set(ours_) - set(root) == {"run_launcher", "compute_logs", "local_artifact_storage"}


def test_celerys_instance_differs_in_size_and_keys_only() -> None:
    here, there = (instance(name)["run_launcher"]["config"] for name in ("prod", "celery"))
    assert {key for key in here if here[key] != there[key]} == {"env_secrets", "resources"}
    assert set(here) == set(there)


def test_a_runs_tag_cannot_change_who_its_pod_is() -> None:
    """Everybody with Dagster's UI may set tags; this one would mount another claim and run as root."""
    from dagster import DagsterRun
    from dagster_k8s.container_context import K8sContainerContext

    greedy = {"dagster-k8s/config": '{"pod_spec_config": {"security_context": {"run_as_user": 0}}}'}
    fair = {"dagster-k8s/config": '{"container_config": {"resources": {"limits": {"memory": "12Gi"}}}}'}
    starter = launcher("prod")
    with pytest.raises(Exception, match="violated the allowed list"):
        K8sContainerContext.create_for_run(DagsterRun("process_uploads", tags=greedy), starter, include_run_tags=True)
    K8sContainerContext.create_for_run(DagsterRun("process_uploads", tags=fair), starter, include_run_tags=True)


@pytest.mark.parametrize("overlay", ["celery", "gpu"])
def test_every_queue_of_a_stage_is_served_once(overlay: str) -> None:
    """Not high_priority: it carries all stages, so its worker could leave with anything."""
    served = [
        queue
        for one in workloads(overlay)
        if "worker" in one.container["args"]
        for queue in one.container["args"][-1].split(",")
    ]
    assert sorted(served) == sorted(["transcription", "qa_extraction", "processing", "scoring", "maintenance"])


def test_workers_scale_by_a_figure_that_the_api_and_the_adapter_give() -> None:
    from nurseconv_dagster.api import examples

    rules = yaml.safe_load((KUBERNETES / "extras" / "prometheus-adapter-values.yaml").read_text(encoding="utf-8"))
    given = {rule["name"]["as"] for rule in rules["rules"]["external"]}
    asked = {
        metric["external"]["metric"]["name"]
        for one in of_kind(render("gpu"), "HorizontalPodAutoscaler").values()
        for metric in one["spec"]["metrics"]
        if metric["type"] == "External"
    }
    assert asked == given
    assert all(f"\n{name} " in examples.METRICS for name in asked)


def test_only_transcription_asks_for_a_card_and_only_where_there_are_some() -> None:
    for overlay in OVERLAYS:
        asking = {one.name for one in workloads(overlay) if "nvidia.com/gpu" in one.container["resources"]["limits"]}
        assert asking == ({"transcription-worker"} if overlay == "gpu" else set())
    one = workload("gpu", "transcription-worker")
    assert one.spec["nodeSelector"]
    assert one.spec["tolerations"]
    assert {"name": "WHISPER_DEVICE", "value": "cuda"} in one.container["env"]


def test_what_answers_is_asked_whether_it_does() -> None:
    """The code server answers gRPC's own health protocol under the name DagsterApi."""
    for name in ("api", "code-location", "dagster-webserver", "dagster-login", "redis"):
        container = workload("celery", name).container
        assert {"readinessProbe", "livenessProbe"} <= set(container), name
    probe = workload("prod", "code-location").container["readinessProbe"]["grpc"]
    assert (probe["port"], probe["service"]) == (4000, "DagsterApi")
    assert workload("prod", "api").container["readinessProbe"]["httpGet"]["path"] == "/ready"


def test_the_charts_values_say_the_same_as_the_manifests() -> None:
    """Helm is not here to render them: what can be compared is compared."""
    values = yaml.safe_load((KUBERNETES / "chart-values.yaml").read_text(encoding="utf-8"))
    (code,) = values["dagster-user-deployments"]["deployments"]
    server = workload("prod", "code-location").container
    assert server["args"][-2:] == code["codeServerArgs"]
    config = values["runLauncher"]["config"]["k8sRunLauncher"]
    made = instance("prod")["run_launcher"]["config"]
    assert config["resources"] == made["resources"]
    assert [one["name"] for one in config["envSecrets"]] == made["env_secrets"]


@pytest.mark.long
def test_policies_find_nothing_that_is_not_excused() -> None:
    if not POLICIES.exists():
        pytest.skip("checkov is not installed; `make policies` installs and runs it")
    done = subprocess.run(
        ["make", "--no-print-directory", "policies"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "BC_SKIP_MAPPING": "TRUE"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
