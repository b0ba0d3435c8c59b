"""Laws of the alerts, by Prometheus' own promtool: each one fires when it should and is silent when it should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.conftest import PROMETHEUS, RULES

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus"
)

N, P = "nurseconv_", "provider_calls_total"
UP = ('up{job="nurseconv"}', "1x200")
BEAT = (N + 'heartbeat_age_seconds{name="dagster-daemon"}', "20x200")
BACKUP = (N + "backup_age_seconds", "3600x200")
INTAKE = (N + "intake_age_seconds", "5x200")
WELL = [UP, BEAT, BACKUP, INTAKE]
# Alert: series with which it fires, series with which it does not; all others are well.
CASES: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "NurseconvQueueLong": ([(N + "queue_depth", "300x200")], [(N + "queue_depth", "150x200")]),
    "NurseconvOldestUploadTooOld": (
        [(N + "queue_oldest_age_seconds", "1000+60x200")], [(N + "queue_oldest_age_seconds", "600x200")],
    ),
    "NurseconvStageSlow": (
        [(N + 'stage_seconds_sum{stage="answers"}', "0+700x200"),
         (N + 'stage_seconds_count{stage="answers"}', "0+1x200")],
        [(N + 'stage_seconds_sum{stage="answers"}', "0+30x200"),
         (N + 'stage_seconds_count{stage="answers"}', "0+1x200")],
    ),
    "NurseconvFailedShare": (
        [(N + 'stage_ends_total{stage="answers",outcome="failed"}', "0+1x200"),
         (N + 'stage_ends_total{stage="answers",outcome="completed"}', "0+4x200")],
        [(N + 'stage_ends_total{stage="answers",outcome="failed"}', "0+1x200"),
         (N + 'stage_ends_total{stage="answers",outcome="completed"}', "0+40x200")],
    ),
    "NurseconvApiSlow": (
        [(N + 'http_request_seconds_bucket{le="1.0"}', "0+9x200"),
         (N + 'http_request_seconds_bucket{le="2.5"}', "0+10x200"),
         (N + 'http_request_seconds_bucket{le="+Inf"}', "0+10x200")],
        [(N + 'http_request_seconds_bucket{le="1.0"}', "0+99x200"),
         (N + 'http_request_seconds_bucket{le="2.5"}', "0+100x200"),
         (N + 'http_request_seconds_bucket{le="+Inf"}', "0+100x200")],
    ),
    "NurseconvApiErrors": (
        [(N + 'http_request_seconds_count{status="503"}', "0+1x200"),
         (N + 'http_request_seconds_count{status="200"}', "0+20x200")],
        [(N + 'http_request_seconds_count{status="404"}', "0+1x200"),
         (N + 'http_request_seconds_count{status="200"}', "0+20x200")],
    ),
    "NurseconvApiDown": ([('up{job="nurseconv"}', "0x200")], []),
    "NurseconvDbPoolExhausted": (
        [(N + 'db_pool_in_use{instance="a"}', "12x200"), (N + 'db_pool_size{instance="a"}', "12x200")],
        [(N + 'db_pool_in_use{instance="a"}', "6x200"), (N + 'db_pool_size{instance="a"}', "12x200")],
    ),
    "NurseconvUploadsRefused": (
        [(N + 'arrivals_total{disposition="refused"}', "0+1x200"),
         (N + 'arrivals_total{disposition="accepted"}', "0+2x200")],
        [(N + 'arrivals_total{disposition="duplicate"}', "0+1x200"),
         (N + 'arrivals_total{disposition="accepted"}', "0+2x200")],
    ),
    "NurseconvProviderErrors": (
        [(N + P + '{provider="gemini",error_class="ProviderTimeoutError"}', "0+1x200"),
         (N + P + '{provider="gemini",error_class=""}', "0+1x200")],
        [(N + P + '{provider="gemini",error_class="ProviderTimeoutError"}', "0+1x200"),
         (N + P + '{provider="gemini",error_class=""}', "0+9x200")],
    ),
    "NurseconvProviderSlow": (
        [(N + 'provider_seconds_sum{provider="gemini"}', "0+90x200"),
         (N + 'provider_seconds_count{provider="gemini"}', "0+1x200")],
        [(N + 'provider_seconds_sum{provider="gemini"}', "0+9x200"),
         (N + 'provider_seconds_count{provider="gemini"}', "0+1x200")],
    ),
    "NurseconvBreakerOpen": (
        [(N + 'breaker_open{provider="gemini"}', "1x200")], [(N + 'breaker_open{provider="gemini"}', "0x200")],
    ),
    "NurseconvBudgetNearlySpent": ([(N + "budget_spent_ratio", "0.9x200")], [(N + "budget_spent_ratio", "0.5x200")]),
    "NurseconvDaemonSilent": ([(BEAT[0], "0+60x200")], []),
    "NurseconvVaultDiskLow": (
        [(N + "vault_free_bytes", "5x200"), (N + "vault_size_bytes", "100x200")],
        [(N + "vault_free_bytes", "50x200"), (N + "vault_size_bytes", "100x200")],
    ),
    "NurseconvBackupOld": ([(BACKUP[0], "90000+60x200")], []),
    "NurseconvIntakeSilent": ([(INTAKE[0], "0+60x200")], []),
    "NurseconvErasuresUntold": (
        [(N + "backup_told_age_seconds", "0+60x200")], [(N + "backup_told_age_seconds", "60x200")],
    ),
    "NurseconvBackupIncomplete": (
        [(N + "backup_objects_missing", "1x200")], [(N + "backup_objects_missing", "0x200")],
    ),
}  # fmt: skip
# What is not there at all although the API answers.
ABSENT = {
    "NurseconvApiDown": [],
    "NurseconvDaemonSilent": [UP, BACKUP],
    "NurseconvBackupOld": [UP, BEAT],
    "NurseconvIntakeSilent": [UP, BEAT, BACKUP],
}


def experiment(name: str, series: list[tuple[str, str]], fires: bool) -> dict[str, Any]:
    return {
        "interval": "1m",
        "name": f"{name} {'fires' if fires else 'is silent'}",
        "input_series": [{"series": series, "values": values} for series, values in series],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": "3h",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def with_others_well(series: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return series + [one for one in WELL if one[0] not in {name for name, _ in series}]


def promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_promtool_takes_rules_and_configuration() -> None:
    promtool("check", "rules", PROMETHEUS / "alerts.yml")
    promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    assert set(CASES) == {rule["alert"] for rule in RULES}
    tests = [experiment(name, with_others_well(bad), fires=True) for name, (bad, _) in CASES.items()]
    tests += [experiment(name, with_others_well(good), fires=False) for name, (_, good) in CASES.items()]
    tests += [experiment(name, series, fires=True) for name, series in ABSENT.items()]
    file = tmp_path / "alerts_test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(PROMETHEUS / "alerts.yml")], "tests": tests}))
    promtool("test", "rules", file)
