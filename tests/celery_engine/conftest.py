"""A home whose stages go to Celery, on a real redis-server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from nurseconv_dagster.settings import Settings
from tests.celery_engine.floors import Floor, Redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine: apt-get install redis-server")
    (tmp_path / "redis").mkdir()
    server = Redis(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def floor(home: Settings, store_engine: Engine, redis: Redis, tmp_path: Path) -> Iterator[Floor]:
    """The home of the test, on Celery; batches are small, and a lease outlives a slow machine."""
    os.environ.update(REDIS_URL=redis.url, LEASE_S="10", BATCH_MAX_UPLOADS="4")
    made = Floor(store_engine, redis, tmp_path)
    yield made
    made.stop()
