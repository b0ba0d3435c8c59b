"""Laws of the gate: an admin passes, everybody else hears a plain no, whatever their browser likes to see."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import MakeKey


@pytest.mark.parametrize(("scope", "status"), [("admin", 204), ("read", 403), ("review", 403), ("upload", 403)])
def test_only_admins_pass(client: TestClient, key: MakeKey, scope: str, status: int) -> None:
    answer = client.get("/gate", headers=key(scope, units=["A"]))
    assert answer.status_code == status


@pytest.mark.parametrize("authorization", [{}, {"Authorization": "Bearer nc_000000000000_nobody"}])
def test_nobody_is_led_to_a_page(client: TestClient, authorization: dict[str, str]) -> None:
    """A proxy takes anything but 2xx, 401 and 403 for a fault."""
    answer = client.get("/gate", headers={"Accept": "text/html", **authorization}, follow_redirects=False)
    assert answer.status_code == 401
