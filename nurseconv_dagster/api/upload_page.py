"""The page on which a nurse sends a recording, records one, or types a conversation, and sees what comes of it.

What lives here: `/upload`, its assets, and the policy under which a browser shows it.
When to add here: another field that a sender fills in.
What to keep out: taking files in (the page's script calls the API like any program); reviewing.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import Configured
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.visibility import EVERY_UNIT

ASSETS = Path(__file__).parent / "static" / "upload"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src blob:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
router = APIRouter(include_in_schema=False)
assets = StaticFiles(directory=ASSETS)


@router.get("/upload")
def show(caller: Annotated[Caller, require("upload")], settings: Configured) -> HTMLResponse:
    """The page, filled with what this caller may choose."""
    page = (ASSETS / "upload.html").read_text(encoding="utf-8")
    values = {
        "csrf_token": escape(caller.csrf_token or ""),
        "profiles": _profiles(settings),
        "unit": _unit_field(caller),
    }
    for name, value in values.items():
        page = page.replace(f"{{{{ {name} }}}}", value)
    return HTMLResponse(page, headers=_HEADERS)


def _profiles(settings: Settings) -> str:
    default = settings.default_profile
    return "\n".join(
        f'<option value="{escape(name)}"{" selected" * (name == default)}>{escape(profile.title)}</option>'
        for name, profile in read_catalogue(settings).profiles.items()
    )


def _unit_field(caller: Caller) -> str:
    """The units of the caller to choose from; a field to write in for those who reach all."""
    if caller.units is None or EVERY_UNIT in caller.units:
        needed = "" if caller.units is None else " required"
        return f'<input id="unit" name="unit" maxlength="200"{needed}>'
    options = "".join(f"<option>{escape(unit)}</option>" for unit in sorted(caller.units))
    return f'<select id="unit" name="unit">{options}</select>'
