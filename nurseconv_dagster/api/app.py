"""The app: settings in, FastAPI out. It runs on its own and never imports Dagster.

What lives here: `create_app()`, `from_environment()` for uvicorn's workers, the lifespan, the list of routers.
When to add here: a router, one line of `ROUTERS`.
What to keep out: routes (one module a subject), and whatever one request does.

How a router is added: a module of this room named for its subject, with `router = APIRouter(prefix=PREFIX, tags=...)`
(`PREFIX` is in `parts`). Its routes are plain `def` functions (they run in a pool of threads, where SQLAlchemy may
block) that take

    caller: Annotated[Caller, require("read")]      who calls, see callers.py; a test fails for a route without it
    engine: Database                                the app's database, see parts.py
    settings: Configured                            the settings

and answer with a pydantic model. Errors are raised as leaves of `errors.py`; `problems.py` turns them into documents.
A route lists the statuses of its own errors by `responses=answers(404, 409)` of `problems.py`; 401, 403, 422, 429, 500
and 503 are added to the description by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from itertools import count

import anyio.to_thread
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.cors import CORSMiddleware

from nurseconv_dagster.api import (
    audio,
    bucket_events,
    documents,
    events,
    exporting,
    gate,
    health,
    login,
    meters,
    metrics,
    oidc,
    questions,
    receipts,
    reviews,
    tasks,
    templating,
    texts,
    upload_page,
    uploads,
)
from nurseconv_dagster.api.cookies import Signer
from nurseconv_dagster.api.identity_provider import IdentityProvider
from nurseconv_dagster.api.parts import PREFIX, Parts
from nurseconv_dagster.api.problems import add_handlers, unexpected
from nurseconv_dagster.api.receiving import SmallBodies
from nurseconv_dagster.api.requests import HEADER, RequestFrame
from nurseconv_dagster.api.review import pages
from nurseconv_dagster.api.watching import Watcher
from nurseconv_dagster.errors import NurseconvError
from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.store import audit, rate_limits, sessions
from nurseconv_dagster.store.engine import app_url, open_engine
from nurseconv_dagster.store.listings import beat
from nurseconv_dagster.telemetry import traces
from nurseconv_dagster.telemetry.logs import start_logs

ROUTERS = (
    uploads.router, texts.router, audio.router, exporting.router, events.router, tasks.router, questions.router,
    bucket_events.router, reviews.router, receipts.router, health.router, metrics.router, documents.router,
    login.router, upload_page.router, pages.router, gate.router,
)  # fmt: skip
# Connections and threads of one worker: a request holds a connection for as long as it reads, and a download a thread.
POOL_SIZE, MAX_OVERFLOW, THREADS = 8, 4, 24
TIDY_EVERY_S = 15
_log = logging.getLogger(__name__)


def from_environment() -> FastAPI:
    """The app with the settings of the environment; what `nurseconv api` hands to uvicorn.

    Raises:
        SettingsError: a value is not allowed.
    """
    settings = load_settings()
    start_logs(settings, "api")
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    """The app; it opens its database when it starts to serve, and closes it at the end."""
    app = FastAPI(
        title="nurseconv",
        version=version("nurseconv"),
        description="Recordings of nurse conversations become transcripts, answers with their proof, and scores.",
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    if settings.oidc_issuer:
        app.state.identity_provider = IdentityProvider(settings)
        app.include_router(oidc.router)
    app.mount("/docs/assets", documents.assets)
    app.mount("/assets", templating.assets)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Range", HEADER],
            expose_headers=[HEADER, "Retry-After", "Content-Range", "Content-Disposition"],
        )
    app.add_middleware(SmallBodies, streams=(f"{PREFIX}/uploads", f"{PREFIX}/text-processing"))
    app.add_middleware(RequestFrame, unexpected=unexpected)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    engine = open_engine(app_url(settings), pool_size=POOL_SIZE, max_overflow=MAX_OVERFLOW, pings=False)
    meters.watch_pool(engine, POOL_SIZE + MAX_OVERFLOW)
    app.state.parts = Parts(
        settings,
        engine,
        sessions=Signer(settings, "sessions"),
        forms=Signer(settings, "forms"),
        logins=Signer(settings, "logins"),
        watcher=Watcher(engine),
    )
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    upkeep = asyncio.create_task(_keep_up(engine))
    yield
    upkeep.cancel()
    with suppress(asyncio.CancelledError):
        await upkeep
    engine.dispose()
    meters.leave()
    traces.flush()  # uvicorn ends by its signal: nothing that waits for the interpreter's end is run


async def _keep_up(engine: Engine) -> None:
    """What must be done beside requests, while the app serves; what fails now is tried again a second later."""
    for second in count():
        try:
            await anyio.to_thread.run_sync(audit.seal, engine)
            if second % TIDY_EVERY_S == 0:
                await anyio.to_thread.run_sync(_tidy, engine)
        except NurseconvError as error:
            _log.warning("upkeep: %s", error)
        except Exception as error:  # noqa: BLE001 - an audit log that nobody chains must not go unnoticed
            _log.error("upkeep: unexpected %s", type(error).__name__)
        await asyncio.sleep(1)


def _tidy(engine: Engine) -> None:
    rate_limits.forget(engine)
    sessions.forget(engine)
    beat(engine, "api", {"nurseconv": version("nurseconv")})
