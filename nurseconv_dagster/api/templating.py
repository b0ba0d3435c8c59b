"""The pages of the product: one head, one navigation, one stylesheet; templates become HTML, every value escaped.

What lives here: `page()`, which pages there are and who may open them, what every template may use, `/assets`.
When to add here: a page for the navigation; a filter that a second template needs.
What to keep out: what a single page shows (`login`, `upload_page`, `review.pages`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nurseconv_dagster.api.callers import Caller
from nurseconv_dagster.api.policies import PAGE
from nurseconv_dagster.api.review import labels

FOLDER = Path(__file__).parent
# Address, title, and the scope without which it is not opened.
PAGES = (("/review", "Review", "review"), ("/upload", "Upload", "upload"), ("/docs", "API docs", None))
assets = StaticFiles(directory=FOLDER / "static" / "pages")


def pages_for(scopes: frozenset[str]) -> dict[str, str]:
    """Titles by address, of the pages that somebody with these scopes may open; the first is where they begin."""
    return {path: title for path, title, scope in PAGES if scope is None or scopes & {scope, "admin"}}


def page(template: str, caller: Caller | None, *, status: int = 200, policy: str = PAGE, **values: Any) -> HTMLResponse:
    """The template with these values; a value it does not know is an error, not an empty place.

    Args:
        template: a file of `templates/`.
        caller: whose page it is; null before the login.
        policy: one of `policies`.
    """
    pages = pages_for(caller.scopes) if caller else {}
    body = _environment().get_template(template).render(caller=caller, pages=pages, **values)
    # Ours, so that a browser says where a form came from; with the usual "no-referrer" it would say "null".
    return HTMLResponse(body, status, {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clock=labels.clock, moment=labels.moment, plain=labels.plain)
    environment.globals["labels"] = labels
    return environment
