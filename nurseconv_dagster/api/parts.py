"""What the running app holds, for routes that ask for it.

What lives here: `PREFIX`, `Parts` and the annotations `Database`, `Configured` and `Words`.
When to add here: another thing that is opened once for a process.
What to keep out: anything of one request (`callers`, `requests`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field
from sqlalchemy import Engine

from nurseconv_dagster.api.cookies import Signer
from nurseconv_dagster.api.watching import Watcher
from nurseconv_dagster.settings import Settings

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is opened once.

    Args:
        settings: those the app was created with.
        engine: the app's database.
        sessions: signs the cookies of the pages' sessions.
        forms: makes the tokens that show that a form is ours.
        logins: signs the cookies of logins under way at the hospital's provider.
        watcher: looks at uploads for those who wait for them.
    """

    settings: Settings
    engine: Engine
    sessions: Signer
    forms: Signer
    logins: Signer
    watcher: Watcher


def parts_of(request: Request) -> Parts:
    """The parts of the app that serves this request."""
    parts: Parts = request.app.state.parts
    return parts


# Coroutines: a plain function would cost each request a hop to the pool of threads.
async def _engine(request: Request) -> Engine:
    return parts_of(request).engine


async def _settings(request: Request) -> Settings:
    return parts_of(request).settings


Database = Annotated[Engine, Depends(_engine)]
Configured = Annotated[Settings, Depends(_settings)]
# What callers write in a query or a field: any characters but U+0000, which Postgres does not keep.
Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
