"""The description of the API: OpenAPI, and the page that shows it, with every asset served from here.

What lives here: `/openapi.json` with its examples and the errors that routes share, `/docs`, `/docs/assets`.
When to add here: another page about the API itself.
What to keep out: what a route says about itself; that stands at the route.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.policies import SWAGGER_UI
from nurseconv_dagster.api.problems import Problem, answers

ASSETS = Path(__file__).parent / "static" / "swagger-ui"
OPENAPI = "/openapi.json"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="openapi" content="{root}/openapi.json">
<title>nurseconv: REST API</title>
<link rel="stylesheet" href="{root}/docs/assets/swagger-ui.css">
<link rel="icon" href="{root}/docs/assets/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/docs/assets/swagger-ui-bundle.js"></script>
<script src="{root}/docs/assets/start.js"></script>
</body>
</html>
"""

# Any route can meet a defect and a database that is away; one that needs a caller also somebody unknown or in haste.
SHARED = (500, 503)
GUARDED = (401, 403, 429)
router = APIRouter(include_in_schema=False)
assets = StaticFiles(directory=ASSETS)


@router.get(OPENAPI)
async def describe(request: Request) -> dict[str, Any]:
    """The API in OpenAPI 3.1."""
    return describe_api(request.app)


def describe_api(app: FastAPI) -> dict[str, Any]:
    """What FastAPI knows of the routes, with examples, and with the errors they share as problem documents."""
    description = deepcopy(app.openapi())
    schemas = description["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for name, shown in examples.OF_SCHEMAS.items():
        schemas[name]["examples"] = shown
    for path in description["paths"].values():
        for operation in path.values():
            takes_something = "422" in operation["responses"]
            statuses = SHARED + (GUARDED if "security" in operation else ()) + ((422,) if takes_something else ())
            operation["responses"] |= {
                str(status): said
                for status, said in answers(*statuses).items()
                if str(status) not in operation["responses"] or status == 422
            }
    return description


@router.get("/docs")
async def show(request: Request) -> HTMLResponse:
    """The page that shows the description and lets one try it."""
    page = _PAGE.format(root=request.scope.get("root_path", ""))
    return HTMLResponse(page, headers={"Content-Security-Policy": SWAGGER_UI})
