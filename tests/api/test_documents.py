"""Laws of the description: nothing comes from elsewhere, the page's policy allows what it needs, errors are told."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.problems import answers

router = APIRouter()


@router.get("/things/{n}", responses=answers(404))
def thing(n: int, caller: Annotated[Caller, require("read")]) -> dict[str, int]:
    return {"n": n}


def test_the_page_loads_its_assets_from_here_and_its_policy_lets_it(client: TestClient) -> None:
    page = client.get("/docs")
    addresses = re.findall(r'(?:src|href|content)="([^"]*/[^"]*)"', page.text)
    assert len(addresses) == 5
    for address in addresses:
        assert address.startswith("/")
        assert client.get(address).status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "<script>" not in page.text


def test_the_description_tells_every_error_as_a_problem_and_who_may_call(app: FastAPI) -> None:
    app.include_router(router)
    with TestClient(app) as client:
        told = client.get("/openapi.json").json()
    operation = told["paths"]["/things/{n}"]["get"]
    assert operation["security"] == [{"key": []}]
    assert set(operation["responses"]) == {"200", "401", "403", "404", "422", "429", "500", "503"}
    for status, said in operation["responses"].items():
        kind = "application/json" if status == "200" else "application/problem+json"
        assert list(said["content"]) == [kind]
    assert "examples" in told["components"]["schemas"]["Problem"]["properties"]["detail"]
    assert "HTTPValidationError" not in told["components"]["schemas"]
    assert "/login" not in told["paths"]


def test_every_reference_of_the_description_leads_somewhere(app: FastAPI) -> None:
    app.include_router(router)
    with TestClient(app) as client:
        page = client.get("/openapi.json").text
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", page)) <= set(schemas)


def test_every_operation_has_a_summary_a_description_and_its_errors(client: TestClient) -> None:
    operations = [
        (f"{method} {path}", operation)
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 10
    for name, operation in operations:
        assert operation["summary"], name
        assert operation["description"], name
        guarded = {"401", "403", "429"} if "security" in operation else set()
        assert operation["responses"].keys() >= {"500", "503"} | guarded, name
