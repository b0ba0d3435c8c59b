"""The gate: a proxy in front of an operator's page asks here whether this browser or program may pass.

What lives here: `GET /gate`, which nginx' `auth_request` and Kubernetes' ingress understand.
When to add here: another question that a proxy puts before it hands a request on.
What to keep out: the pages behind the gate (Dagster's, Flower's, Prometheus'); they know no users of their own.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from nurseconv_dagster.api.callers import require
from nurseconv_dagster.api.problems import GATE

router = APIRouter(include_in_schema=False)


@router.get(GATE, dependencies=[require("admin")])
def pass_gate() -> Response:
    """204 for an admin; else 403 for somebody we know and 401 for anybody else, never a way to the login page."""
    return Response(status_code=204)
