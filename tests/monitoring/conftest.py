"""The monitoring files as they are committed, and the names that a real scrape has.

What lives here: `RULES`, `PANELS`, `exported`.
When to add here: a fixture that a second module here asks for.
What to keep out: laws.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import listings
from tests.api.test_metrics import fill, samples

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "docker" / "prometheus"
GRAFANA = ROOT / "docker" / "grafana"
RULES: list[dict[str, Any]] = [
    {**rule, "group": group["name"]}
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "nurseconv.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
Promtool = Callable[..., str]


@pytest.fixture
def exported(database: URL, engine: Engine, tmp_path: Path) -> set[str]:
    """The names of all samples that `/metrics` has when there is something to tell of everything."""
    settings = Settings(
        nurseconv_home=tmp_path / "home", database_url=database.render_as_string(hide_password=False),
        llm_daily_budget_usd=10, _env_file=None,
    )  # fmt: skip
    settings.vault_dir.mkdir(parents=True)
    (settings.home / "backups").mkdir()
    latest = {"finished_at": datetime.now(UTC).isoformat(), "n_bytes": 1, "n_missing": 0}
    (settings.home / "backups" / "latest.json").write_text(json.dumps(latest))
    fill(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "update conversation_uploads set status = 'processing' "
            "where id = (select id from conversation_uploads where status = 'pending' limit 1)"
        )
    listings.beat(engine, listings.DAEMON, {})
    listings.beat(engine, listings.INTAKE, {})
    with TestClient(create_app(settings), client=("127.0.0.1", 5000)) as client:
        client.get("/ready")
        page = client.get("/metrics").text
    return {re.sub(r"{.*", "", name) for name in samples(page)}


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    bare = re.sub(r'"[^"]*"|{[^}]*}|\[[^\]]*\]|\b(by|without|on)\s*\([^)]*\)', " ", expression)
    words = set(re.findall(r"(?<![\w$])[a-z_]\w*(?!\w*\s*\()", bare))
    return words - {"and", "or", "on", "unless", "bool"}
