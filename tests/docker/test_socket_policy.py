"""What may pass the socket proxy and what may not, asked of its pure functions.

What lives here: one line for each field, call and setting that is refused; what a good body becomes.
When to add here: a field that a rule lets through, with each way in which it could be abused.
What to keep out: sockets (test_socket_proxy).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from bodies import CREATE_RULES, HOST_RULES, parse_json, permit_connect, permit_create
from calls import read_call
from hypothesis import given
from hypothesis import strategies as st
from policy import OWNER_LABEL, Policy, Refused, load_policy

from tests.docker.bodies_of_runs import ENVIRONMENT, GIB, IMAGE, NETWORK, SECRET, launched_body

GPU = [{"Driver": "", "Count": -1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}]

HOST_REFUSALS: dict[str, tuple[Any, ...]] = {
    "Annotations": ({"a": "b"},),
    "AutoRemove": ("true", 1),
    "Binds": (
        ["/:/data"], ["/var/run/docker.sock:/data"], ["nurseconv_home:/etc"], ["nurseconv_home:/data:rw,rshared"],
        ["nurseconv_home:/data:z"], ["/srv/uploads:/uploads"], ["/srv/uploads:/uploads:rw"],
        ["/srv/uploads/:/uploads:ro"],
        ["/srv/uploads/../..:/uploads:ro"], ["//srv/uploads:/uploads:ro"], ["other:/data"], ["/data"], [":/data"],
        ["nurseconv_home:/data", "/etc:/etc:ro"], [["nurseconv_home:/data"]], "nurseconv_home:/data", [7],
    ),
    "BlkioDeviceWriteBps": ([{"Path": "/dev/sda", "Rate": 1}],),
    "BlkioWeight": (10,),
    "CapAdd": (["SYS_ADMIN"], ["ALL"], ["CHOWN"]),
    "CapDrop": ("ALL", [7]),
    "Cgroup": ("container:x",),
    "CgroupParent": ("/system.slice",),
    "CgroupnsMode": ("host",),
    "ContainerIDFile": ("/etc/cron.d/x",),
    "CpuRealtimeRuntime": (1000,),
    "CpusetCpus": ("0",),
    "CpuShares": (1 << 18,),
    "DeviceCgroupRules": (["c *:* rwm"],),
    "DeviceRequests": (GPU,),
    "Devices": ([{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}],),
    "Dns": (["10.0.0.1"],),
    "DnsOptions": (["ndots:5"],),
    "DnsSearch": (["example.org"],),
    "ExtraHosts": (["postgres:10.0.0.1"], ["host.docker.internal:host-gateway"]),
    "GroupAdd": (["0"], ["docker"]),
    "Init": ("yes", 1),
    "InitPath": ("/x",),
    "IpcMode": ("host", "container:x", "shareable"),
    "Isolation": ("process",),
    "KernelMemory": (1 << 30,),
    "Links": (["postgres:db"],),
    "LogConfig": (
        {"Type": "syslog", "Config": {"syslog-address": "tcp://203.0.113.1:514"}}, {"Type": "fluentd"},
        {"Type": "none"},
        {"Type": "journald"}, {"Type": "gelf"}, {"Type": "json-file", "Config": {"env": "POSTGRES_PASSWORD"}},
        {"Type": "json-file", "Config": {"max-size": "-1"}}, {"Config": {"syslog-address": "x"}}, {"Odd": 1},
        "json-file",
    ),
    "LxcConf": ([{"Key": "a", "Value": "b"}],),
    "MaskedPaths": (["/proc/kcore"],),
    "Memory": (8 * GIB + 1, -1, 1, True, "4g", 4.0 * GIB, 1 << 70),
    "MemoryReservation": (1 << 30,),
    "MemorySwap": (-1, 5 * GIB, 8 * GIB),
    "MemorySwappiness": (60,),
    "Mounts": (
        [{"Type": "bind", "Source": "/", "Target": "/data"}],
        [{"Type": "bind", "Source": "nurseconv_home", "Target": "/data"}],
        [{"Type": "volume", "Source": "/srv/uploads", "Target": "/uploads", "ReadOnly": True}],
        [{"Type": "bind", "Source": "/srv/uploads", "Target": "/uploads"}],
        [{"Type": "volume", "Source": "other", "Target": "/data"}],
        [{"Type": "volume", "Target": "/data"}],
        [{"Source": "nurseconv_home", "Target": "/data"}],
        [{"Type": "volume", "Source": "nurseconv_home", "Target": "/data", "VolumeOptions": {"DriverConfig": {
            "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}}],
        [{"Type": "volume", "Source": "nurseconv_home", "Target": "/data", "VolumeOptions": {"Subpath": "../.."}}],
        [{"Type": "bind", "Source": "/srv/uploads", "Target": "/uploads", "ReadOnly": True,
          "BindOptions": {"Propagation": "rshared"}}],
        [{"Type": "volume", "source": "/", "Source": "nurseconv_home", "Target": "/data"}],
        [{"Type": "npipe", "Source": "nurseconv_home", "Target": "/data"}],
        [{"Type": "tmpfs", "Target": "/tmp"}], ["nurseconv_home:/data"], {"Type": "bind"},
    ),
    "NanoCpus": (-1, "2", True),
    "NetworkMode": ("host", "bridge", "default", "none", "container:postgres", "other", f"{NETWORK} ", 1),
    "OomKillDisable": (True,),
    "OomScoreAdj": (-1, -1000, 1001),
    "PidMode": ("host", "container:x"),
    "PidsLimit": (513, -1, True),
    "PortBindings": ({"8000/tcp": [{"HostIp": "", "HostPort": "8000"}]}, {"8000/tcp": None}),
    "Privileged": (True, 1, "true"),
    "PublishAllPorts": (True,),
    "ReadonlyPaths": (["/proc/sys"],),
    "ReadonlyRootfs": ("no", 2),
    "RestartPolicy": ({"Name": "always"}, {"Name": "no"}),
    "Runtime": ("nvidia", "io.containerd.runc.v2"),
    "SecurityOpt": (
        ["seccomp=unconfined"], ["apparmor=unconfined"], ["apparmor:unconfined"], ["label=disable"],
        ["no-new-privileges:false"], ["no-new-privileges=false"], ["systempaths=unconfined"], ["writable-cgroups=true"],
        ["no-new-privileges:true", "seccomp:unconfined"], "no-new-privileges:true", [["no-new-privileges"]],
    ),
    "ShmSize": (9 * GIB, -1),
    "StorageOpt": ({"size": "120G"},),
    "Sysctls": ({"net.ipv4.ip_forward": "1"}, {"kernel.x": ""}),
    "Tmpfs": (
        {"/data": ""}, {"/tmp/": ""}, {"/proc": ""}, {"/tmp": "suid"}, {"/tmp": "dev"}, {"/tmp": "size=1g,rbind"},
        {"/tmp": 1}, ["/tmp"],
    ),
    "UTSMode": ("host",),
    "Ulimits": ([{"Name": "nofile", "Soft": 1, "Hard": 1}],),
    "UsernsMode": ("host",),
    "VolumeDriver": ("local", "vieux/sshfs"),
    "VolumesFrom": (["postgres"],),
    "privileged": (True,),
    "PRIVILEGED": (True,),
    "binds": (["/:/data"],),
}  # fmt: skip

TOP_REFUSALS: dict[str, tuple[Any, ...]] = {
    "ArgsEscaped": (True,),
    "AttachStderr": (True,),
    "AttachStdin": (True,),
    "AttachStdout": (True,),
    "Binds": (["/:/data"],),  # Docker still takes old fields of HostConfig beside it
    "Cmd": ("sh", [1], {"a": "b"}),
    "Domainname": ("example.org",),
    "Entrypoint": (["sh", "-c"], "sh", [""]),
    "Env": ({"A": "b"}, [1]),
    "ExposedPorts": ({"8000/tcp": {}},),
    "Healthcheck": (
        {"Test": ["CMD", "true"]}, {"Test": ["CMD-SHELL", "x"], "Interval": 1}, {"Test": ["NONE"], "Retries": 1},
    ),
    "HostConfig": ("", [], None, {}, "x", ["x"]),
    "Hostname": ("postgres",),
    "Image": ("other", "", None, f"docker/{IMAGE}", "nurseconv", f"{IMAGE} ", [IMAGE], "sha256:" + "0" * 64),
    "Labels": (
        {OWNER_LABEL: "nurseconv"}, {"traefik.enable": "true"}, {"com.docker.compose.project": "nurseconv"},
        ["dagster/x"],
        {"dagster/x": 1}, {"dagster/x\n": "y"},
    ),
    "MacAddress": ("02:42:ac:11:00:02",),
    "Memory": (1 << 30,),
    "NetworkDisabled": (True,),
    "NetworkingConfig": (
        {"EndpointsConfig": {"other": {}}}, {"EndpointsConfig": {"host": None}}, {"EndpointsConfig": [NETWORK]},
        {"EndpointsConfig": {NETWORK: {"Aliases": ["postgres"]}}},
        {"EndpointsConfig": {NETWORK: {"IPAMConfig": {"a": "b"}}}},
        {"EndpointsConfig": {NETWORK: {"DriverOpts": {"a": "b"}}}}, {"EndpointsConfig": {NETWORK: "x"}},
        {"other": {"a": 1}},
    ),
    "OnBuild": (["RUN x"],),
    "OpenStdin": (True,),
    "Privileged": (True,),
    "Runtime": ("nvidia",),
    "Shell": (["sh"],),
    "StdinOnce": (True,),
    "StopSignal": ("SIGKILL",),
    "StopTimeout": (5,),
    "Tty": (True,),
    "User": ("0", "root", "0:0", "10001:0", "10001", ":0", 10001),
    "Volumes": ({"/etc": {}}, {"/data": {"a": 1}}, ["/data"], "/data"),
    "WorkingDir": ("/etc",),
    "hostconfig": ({"Privileged": True},),
    "HoſtConfig": ({"Privileged": True},),  # Go folds the long s into an s
}  # fmt: skip


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy(**{name.removeprefix("PROXY_").lower(): value for name, value in ENVIRONMENT.items()})


def spoilt(table: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [
        pytest.param(key, value, id=f"{key}-{number}")
        for key, values in table.items()
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(("key", "value"), spoilt(HOST_REFUSALS))
def test_a_field_that_could_reach_the_host_is_refused_by_its_name(policy: Policy, key: str, value: Any) -> None:
    body = launched_body()
    body["HostConfig"][key] = value
    with pytest.raises(Refused, match=rf"^HostConfig\.{key}[. ]"):
        permit_create(policy, body)


@pytest.mark.parametrize(("key", "value"), spoilt(TOP_REFUSALS))
def test_a_field_beside_the_host_config_is_refused_by_its_name(policy: Policy, key: str, value: Any) -> None:
    name = key if key.isascii() else r"\(a field with an odd name\)"
    with pytest.raises(Refused, match=rf"^{name}[. ]"):
        permit_create(policy, {**launched_body(), key: value})


def test_what_dagsters_launcher_sends_passes(policy: Policy) -> None:
    body = launched_body()
    permitted = permit_create(policy, body)
    host = permitted["HostConfig"]
    assert {key: permitted[key] for key in ("Image", "Cmd", "Env", "Healthcheck")} == {
        **{key: body[key] for key in ("Image", "Cmd", "Env")}, "Healthcheck": {"Test": ["NONE"]},
    }  # fmt: skip
    same = ("AutoRemove", "Binds", "Init", "LogConfig", "Memory", "NanoCpus", "NetworkMode", "OomScoreAdj", "PidsLimit",
            "ShmSize", "Tmpfs")  # fmt: skip
    assert {key: host[key] for key in same} == {key: body["HostConfig"][key] for key in same}
    assert set(host) - set(same) == {"MemorySwap", "ReadonlyRootfs", "CapDrop", "SecurityOpt"}
    assert permitted["Labels"] == {**body["Labels"], OWNER_LABEL: "nurseconv"}


def test_a_bare_body_is_hardened(policy: Policy) -> None:
    """The launcher may forget a limit; the container has it all the same."""
    assert permit_create(policy, {"Image": IMAGE, "HostConfig": {"NetworkMode": NETWORK}}) == {
        "Image": IMAGE,
        "Labels": {OWNER_LABEL: "nurseconv"},
        "User": "10001:10001",
        "HostConfig": {
            "NetworkMode": NETWORK,
            "Memory": 8 * GIB,
            "MemorySwap": 8 * GIB,
            "PidsLimit": 512,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
        },
    }


def test_an_empty_list_that_would_unmask_the_kernel_is_not_sent_on(policy: Policy) -> None:
    """To Docker an empty list of masked paths is no default: it masks nothing."""
    body = launched_body()
    body["HostConfig"] |= {"MaskedPaths": [], "ReadonlyPaths": []}
    assert not {"MaskedPaths", "ReadonlyPaths"} & set(permit_create(policy, body)["HostConfig"])


@pytest.mark.parametrize("source", ["nurseconv_home:/data", "nurseconv_home:/data:ro", "/srv/uploads:/uploads:ro"])
def test_a_lent_mount_may_be_read_only_and_must_be_where_the_policy_says_so(policy: Policy, source: str) -> None:
    body = launched_body(volumes=[source])
    assert permit_create(policy, body)["HostConfig"]["Binds"] == [source]


def test_mounts_in_the_long_spelling_pass_too(policy: Policy) -> None:
    mounts = [
        {"Type": "volume", "Source": "nurseconv_home", "Target": "/data"},
        {"Type": "bind", "Source": "/srv/uploads", "Target": "/uploads", "ReadOnly": True},
    ]
    body = launched_body(volumes={}, mounts=mounts)
    assert permit_create(policy, body)["HostConfig"]["Mounts"] == mounts


def test_an_endpoint_without_options_passes(policy: Policy) -> None:
    body = {**launched_body(), "NetworkingConfig": {"EndpointsConfig": {NETWORK: None}}}
    assert permit_create(policy, body)["NetworkingConfig"] == {"EndpointsConfig": {NETWORK: {}}}


def test_graphics_cards_pass_only_where_the_operator_lends_them(policy: Policy) -> None:
    lends = policy.model_copy(update={"gpus": True})
    assert permit_create(lends, launched_body(device_requests=GPU))["HostConfig"]["DeviceRequests"] == [
        {"Count": -1, "Capabilities": [["gpu"]]}
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"Driver": "cdi", "DeviceIDs": ["vendor.com/device=all"]},
        {"Capabilities": [["gpu"], ["tpu"]]},
        {"Capabilities": [["gpu", "graphics"]]},
        {"Capabilities": []},
        {"DeviceIDs": ["../x"]},
        {"Options": {"a": "b"}},
        {"Count": True},
    ],
    ids=str,
)
def test_a_request_for_another_device_is_refused_though_cards_are_lent(policy: Policy, odd: dict[str, Any]) -> None:
    lends = policy.model_copy(update={"gpus": True})
    with pytest.raises(Refused, match=r"^HostConfig\.DeviceRequests"):
        permit_create(lends, launched_body(device_requests=[{**GPU[0], **odd}]))


something = st.recursive(
    st.just(True) | st.integers().filter(bool) | st.text(min_size=1),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.text(), inner, min_size=1, max_size=2),
    max_leaves=4,
)
anything = st.none() | st.booleans() | st.integers() | st.text() | st.lists(something, max_size=1)


@given(key=st.text().filter(lambda key: key not in HOST_RULES), value=something)
def test_no_unknown_field_of_the_host_config_passes(policy: Policy, key: str, value: Any) -> None:
    body = launched_body()
    body["HostConfig"][key] = value
    with pytest.raises(Refused):
        permit_create(policy, body)


@given(key=st.text().filter(lambda key: key not in CREATE_RULES), value=something)
def test_no_unknown_field_beside_the_host_config_passes(policy: Policy, key: str, value: Any) -> None:
    with pytest.raises(Refused):
        permit_create(policy, {**launched_body(), key: value})


@given(st.dictionaries(st.sampled_from(sorted(HOST_RULES)), anything | something))
def test_whatever_is_asked_for_is_refused_or_stays_hardened(policy: Policy, asked: dict[str, Any]) -> None:
    try:
        host = permit_create(policy, {**launched_body(), "HostConfig": {"NetworkMode": NETWORK, **asked}})["HostConfig"]
    except Refused:
        return
    assert set(host) <= set(HOST_RULES)
    assert host["NetworkMode"] in policy.networks
    assert 0 < host["Memory"] == host["MemorySwap"] <= policy.max_memory
    assert 0 < host["PidsLimit"] <= policy.max_pids
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges:true"])


@given(st.binary() | something.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        assert isinstance(parse_json(body), dict)
    except Refused:
        return


@pytest.mark.parametrize(
    "body",
    [
        b'{"HostConfig": {"Privileged": false, "Privileged": true}}',
        b'{"Image": "a", "Image": "a"}',
        b'{"Image": "a"} {"Image": "b"}',
        b'{"a": ' + b"[" * 100_000,
        '{"Image": "a"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"Image": "a"}',
        b'{"Memory": ' + b"9" * 10_000 + b"}",
        b"[]",
        b"",
    ],
    ids=["key-twice", "same-twice", "two-objects", "deep", "utf-16", "mark", "endless-number", "list", "nothing"],
)
def test_json_that_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match=r"^Body"):
        parse_json(body)


def test_a_refusal_repeats_no_value(policy: Policy) -> None:
    for spoil in ({"Env": [SECRET, 1]}, {"Cmd": SECRET}, {SECRET: 1}, {"Labels": {"x": SECRET}}, {"Image": SECRET}):
        with pytest.raises(Refused) as refusal:
            permit_create(policy, {**launched_body(), **spoil})
        assert SECRET not in str(refusal.value) + refusal.value.field


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Container": "../x"},
        {"Container": ["a"]},
        {"Container": "abc", "EndpointConfig": {"Aliases": ["postgres"]}},
        {"Container": "abc", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.0.0.2"}}},
        {"Container": "abc", "Force": True},
    ],
    ids=str,
)
def test_joining_a_network_under_another_name_or_address_is_refused(policy: Policy, body: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        permit_connect(policy, body)


def test_joining_a_network_plainly_passes(policy: Policy) -> None:
    assert permit_connect(policy, {"Container": "abc", "EndpointConfig": {}}) == "abc"


@pytest.mark.parametrize(
    ("line", "kind", "target"),
    [
        ("GET /_ping", "ping", ""),
        ("HEAD /_ping", "ping", ""),
        ("GET /version", "version", ""),
        ("GET /v1.41/version", "version", ""),
        (f"GET /v1.41/images/{IMAGE}/json", "image.inspect", IMAGE),
        ("GET /images/images.example.org:5000/a/b:2/json", "image.inspect", "images.example.org:5000/a/b:2"),
        ("GET /v1.41/networks/nurseconv_inside", "network.inspect", "nurseconv_inside"),
        ("POST /v1.41/networks/0ab/connect", "network.connect", "0ab"),
        ("POST /v1.41/containers/create", "container.create", ""),
        ("POST /v1.41/containers/create?name=dagster-step-0ab&platform=linux%2Famd64", "container.create", ""),
        ("GET /v1.51/containers/0ab/json", "container.inspect", "0ab"),
        ("POST /containers/0ab/start", "container.start", "0ab"),
        ("POST /v1.41/containers/0ab/stop?t=30", "container.stop", "0ab"),
    ],
)  # fmt: skip
def test_the_calls_of_the_launcher_pass(line: str, kind: str, target: str) -> None:
    method, _, address = line.partition(" ")
    path, _, query = address.partition("?")
    call = read_call(method, path.encode(), query.encode(), [])
    assert (call.kind, call.target) == (kind, target)


REFUSED_CALLS = """
    GET /info                                   GET /v1.41/info
    GET /events                                 GET /system/df
    GET /containers/json                        GET /v1.41/containers/json?all=1
    GET /containers/a/logs?stdout=1             GET /containers/a/export
    GET /containers/a/archive?path=/etc         PUT /containers/a/archive?path=/
    HEAD /containers/a/archive?path=/           GET /containers/a/top
    GET /containers/a/stats                     GET /containers/a/changes
    POST /containers/a/attach?stream=1          GET /containers/a/attach/ws
    POST /containers/a/exec                     POST /exec/a/start
    POST /containers/a/kill                     POST /containers/a/restart
    POST /containers/a/update                   POST /containers/a/rename?name=postgres
    POST /containers/a/pause                    POST /containers/a/resize?h=1&w=1
    POST /containers/a/wait                     DELETE /containers/a
    POST /containers/prune                      POST /commit?container=a
    POST /build                                 POST /session
    POST /grpc                                  POST /images/create?fromImage=alpine
    POST /images/load                           POST /images/a/push
    POST /images/a/tag?repo=nurseconv           DELETE /images/a
    GET /images/json                            GET /images/search?term=a
    GET /images/get                             GET /images/a/history
    POST /auth                                  GET /volumes
    POST /volumes/create                        DELETE /volumes/a
    GET /networks                               POST /networks/create
    POST /networks/a/disconnect                 DELETE /networks/a
    POST /swarm/init                            GET /swarm
    POST /services/create                       GET /secrets
    GET /plugins                                POST /plugins/pull?remote=a
    GET /distribution/a/json                    POST /checkpoints
    GET /v1.41/../containers/a/json             GET /containers/../images/a/json
    GET /containers/a%2Fjson                    GET /containers/..%2fa/json
    GET /containers/%61/json                    GET /v1.41/%63ontainers/a/json
    GET //containers/a/json                     GET /containers//json
    GET /containers/a/json/                     GET /containers/a/./json
    GET /v1.41/v1.41/version                    GET /V1.41/version
    GET /v2.41/version                          GET /v1.41.1/version
    GET /v1.39/version                          POST /v1.12/containers/a/start
    GET /containers/a/json;x                    GET /containers/-a/json
    get /version                                OPTIONS /version
    POST /version                               PUT /containers/create
    GET /containers/a/json?size=1               POST /containers/a/start?checkpoint=x
    POST /containers/a/start?detachKeys=x       POST /containers/a/stop?t=-1
    POST /containers/a/stop?t=3601              POST /containers/a/stop?t=1&t=2
    POST /containers/a/stop?signal=KILL         POST /containers/a/stop?t=
    POST /containers/create?name=postgres       POST /containers/create?name=dagster-webserver
    POST /containers/create?name=dagster-run-a%2F..  POST /containers/create?name
    POST /containers/create?fromImage=a         GET /networks/a?verbose=true
    GET /version?a                              GET /version?;
"""


@pytest.mark.parametrize("line", re.findall(r"[A-Za-z]+ /\S+", REFUSED_CALLS))
def test_any_other_call_is_refused(line: str) -> None:
    method, _, address = line.partition(" ")
    path, _, query = address.partition("?")
    with pytest.raises(Refused):
        read_call(method, path.encode(), query.encode(), [])


@pytest.mark.parametrize(
    "header", [(b"upgrade", b"tcp"), (b"upgrade", b"h2c"), (b"connection", b"keep-alive, Upgrade")]
)
def test_a_call_that_would_become_a_raw_stream_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(Refused, match=r"^Upgrade"):
        read_call("GET", b"/version", b"", [header])


@given(st.binary(), st.binary())
def test_any_path_is_a_call_of_the_list_or_refused(path: bytes, query: bytes) -> None:
    try:
        read_call("GET", b"/" + path, query, [])
    except Refused:
        return


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXY_IMAGES", ""),
        ("PROXY_NETWORKS", ""),
        ("PROXY_NETWORKS", "host"),
        ("PROXY_NETWORKS", "container:a"),
        ("PROXY_MOUNTS", "/:/data"),
        ("PROXY_MOUNTS", "/var/run/docker.sock:/data"),
        ("PROXY_MOUNTS", "/var:/data"),
        ("PROXY_MOUNTS", "/etc/cron.d:/data"),
        ("PROXY_MOUNTS", "/srv/a:/a,/srv/a/b:/b"),
        ("PROXY_MOUNTS", "/srv/../etc:/data"),
        ("PROXY_MOUNTS", "nurseconv_home"),
        ("PROXY_MOUNTS", "nurseconv_home:/data:z"),
        ("PROXY_MOUNTS", "nurseconv_home:data"),
        ("PROXY_TMPFS", "tmp"),
        ("PROXY_USER", "0"),
        ("PROXY_USER", "root"),
        ("PROXY_USER", "00:1"),
        ("PROXY_MAX_MEMORY", "lots"),
        ("PROXY_MAX_MEMORY", "1k"),
        ("PROXY_MAX_PIDS", "0"),
        ("PROXY_GPUS", "some"),
        ("PROXY_OWNER", "a b"),
    ],
)
def test_a_policy_that_would_give_the_host_away_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for key, good in ENVIRONMENT.items():
        monkeypatch.setenv(key, good)
    load_policy()
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{name}: "):
        load_policy()


def test_sizes_are_counted_as_docker_counts_them(policy: Policy) -> None:
    assert policy.max_memory == 8 * GIB
