"""Laws of every route: it declares who may call it, and answers nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from nurseconv_dagster.api.callers import Requirement
from nurseconv_dagster.store.keys import SCOPES

OPEN = {"GET /health", "GET /ready", "GET /docs", "GET /openapi.json"}
# The way to a session; it gives nothing to anybody without a key or an account.
LOGIN = {"GET /", "GET /login", "POST /login", "POST /logout"}


def requirements(dependant: Dependant) -> Iterator[Requirement]:
    for found in dependant.dependencies:
        if isinstance(found.call, Requirement):
            yield found.call
        yield from requirements(found)


def test_every_route_but_the_open_ones_declares_a_scope(app: FastAPI) -> None:
    declared = {
        f"{method} {route.path}": {found.scope for found in requirements(route.dependant)}
        for route in iter_route_contexts(app.routes)
        if route.methods is not None
        for method in route.methods
    }
    assert set(declared) >= OPEN | LOGIN
    assert {path for path, scopes in declared.items() if not scopes} == OPEN | LOGIN
    assert {scope for scopes in declared.values() for scope in scopes} <= set(SCOPES)
