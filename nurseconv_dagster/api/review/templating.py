"""Templates become HTML; every value is escaped.

What lives here: `render()` and what every template may use.
When to add here: a filter that a second template needs.
What to keep out: what a single page shows (`pages`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nurseconv_dagster.api.review import labels

FOLDER = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """The template with these values; a value it does not know is an error, not an empty place."""
    return _environment().get_template(template).render(**values)


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
