"""Is it well: `/health` for people, `/ready` for containers and proxies. Both are open and say nothing of anybody.

What lives here: the two routes, and what each part is asked.
When to add here: another part without which the product does not do its work.
What to keep out: why a part is down; `nurseconv doctor` tells that to operators.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from nurseconv_dagster.api import examples
from nurseconv_dagster.api.parts import Configured, Database
from nurseconv_dagster.errors import (
    NurseconvError,
    StoreUnavailableError,
    TransientError,
    VaultUnavailableError,
    WeightsMissingError,
)
from nurseconv_dagster.extraction.providers.model_files import is_reader_here
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.weights import are_weights_here
from nurseconv_dagster.store.listings import INTAKE, daemon_is_alive, last_beats
from nurseconv_dagster.store.schema import check_schema
from nurseconv_dagster.store.workers import STAGE_QUEUES, queues_served

LEAST_FREE_BYTES = 1 << 30
INTAKE_WITHIN_S = 120
State = Literal["healthy", "unhealthy"]
router = APIRouter(tags=["health"])


class Health(BaseModel):
    """How each part is."""

    status: State = Field(description="healthy when every part is")
    timestamp: datetime
    services: dict[str, State]


class Readiness(BaseModel):
    """Whether uploads can be taken: database and vault. Dagster may be down, then they wait."""

    status: Literal["ready", "not_ready"]
    services: dict[str, State]


@router.get(
    "/health",
    summary="Health of each part",
    responses={503: {"model": Health, "description": "a part is down", **examples.shown(examples.UNHEALTHY)}},
)
def health(settings: Configured, engine: Database, response: Response) -> Health:
    """How each part is: for people."""
    celery = {"celery": _celery} if settings.has_celery else {}
    services = _ask(settings, engine, {**NEEDED, "dagster": _dagster, "models": _models, "intake": _intake, **celery})
    is_well = set(services.values()) == {"healthy"}
    response.status_code = 200 if is_well else 503
    return Health(status="healthy" if is_well else "unhealthy", timestamp=datetime.now(UTC), services=services)


@router.get(
    "/ready",
    summary="Readiness for uploads",
    responses={
        503: {"model": Readiness, "description": "uploads cannot be taken now", **examples.shown(examples.NOT_READY)}
    },
)
def ready(settings: Configured, engine: Database, response: Response) -> Readiness:
    """Whether uploads can be taken: for containers and proxies."""
    services = _ask(settings, engine, NEEDED)
    is_ready = set(services.values()) == {"healthy"}
    response.status_code = 200 if is_ready else 503
    return Readiness(status="ready" if is_ready else "not_ready", services=services)


def _ask(settings: Settings, engine: Engine, parts: dict[str, Callable[[Settings, Engine], None]]) -> dict[str, State]:
    return {name: _state(part, settings, engine) for name, part in parts.items()}


def _state(part: Callable[[Settings, Engine], None], settings: Settings, engine: Engine) -> State:
    try:
        part(settings, engine)
    except NurseconvError:
        return "unhealthy"
    return "healthy"


def _database(settings: Settings, engine: Engine) -> None:
    check_schema(engine)


def _storage(settings: Settings, engine: Engine) -> None:
    vault = settings.vault_dir
    if not os.access(vault, os.R_OK | os.W_OK | os.X_OK) or shutil.disk_usage(vault).free < LEAST_FREE_BYTES:
        raise VaultUnavailableError("the vault cannot be written, or its disk is nearly full.")


def _dagster(settings: Settings, engine: Engine) -> None:
    if not daemon_is_alive(engine, settings.reconcile_every_s):
        raise StoreUnavailableError("no Dagster daemon has said lately that it is alive.")


def _intake(settings: Settings, engine: Engine) -> None:
    """By its own sign of life; before the first one there is nothing to say, and the daemon is asked anyway."""
    went_well_at = last_beats(engine).get(INTAKE)
    if went_well_at is not None and (datetime.now(UTC) - went_well_at).total_seconds() > INTAKE_WITHIN_S:
        raise TransientError("the bucket or the virus scanner is away, or the intake sensor is off.")


def _models(settings: Settings, engine: Engine) -> None:
    has_reader = "local" not in settings.provider_order or is_reader_here(settings.qa_model)
    if not has_reader or not are_weights_here(settings.whisper_model, settings.home):
        raise WeightsMissingError("a model's weights are not on this machine.")


def _celery(settings: Settings, engine: Engine) -> None:
    """By the workers' own signs of life: the API talks to no broker."""
    missing = STAGE_QUEUES - queues_served(engine)
    if missing:
        raise TransientError(f"no worker that reaches Redis listens to {', '.join(sorted(missing))}.")


NEEDED: dict[str, Callable[[Settings, Engine], None]] = {"database": _database, "storage": _storage}
