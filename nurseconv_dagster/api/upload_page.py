"""The page on which a nurse sends a recording, records one, or types a conversation, and sees what comes of it.

What lives here: `/upload`.
When to add here: another field that a sender fills in.
What to keep out: taking files in (the page's script calls the API like any program); reviewing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import Configured
from nurseconv_dagster.api.templating import page
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store.visibility import EVERY_UNIT

router = APIRouter(include_in_schema=False)


@router.get("/upload")
def show(caller: Annotated[Caller, require("upload")], settings: Configured) -> HTMLResponse:
    """The page, filled with what this caller may choose; who reaches all units writes one in."""
    shown = page(
        "upload.html", caller,
        profiles=read_catalogue(settings).profiles, default_profile=settings.default_profile,
        units=None if caller.units is None or EVERY_UNIT in caller.units else sorted(caller.units),
    )  # fmt: skip
    shown.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self)"
    return shown
