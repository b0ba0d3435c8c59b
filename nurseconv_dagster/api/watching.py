"""Many who wait for many uploads, and one who looks: a query a moment for all of them.

What lives here: `Watcher`.
When to add here: another thing that is waited for.
What to keep out: what those who wait are told (`events`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import anyio.to_thread
from sqlalchemy import Engine

from nurseconv_dagster.errors import StoreUnavailableError, TooManyRequestsError
from nurseconv_dagster.store.uploads import where_uploads_are

LOOK_EVERY_S = 0.5
HEARTBEAT_S = 15.0
MAX_A_CALLER, MAX_OPEN = 16, 400
_log = logging.getLogger(__name__)


class Watcher:
    """Looks only while somebody waits. For one event loop.

    Args:
        engine: the app's database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._latest: dict[UUID, Any] = {}
        self._waiting: Counter[UUID] = Counter()
        self._callers: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """A place among those who wait, held while inside.

        Raises:
            TooManyRequestsError: transient; this caller, or all together, hold too many.
        """
        if self._callers[caller] >= MAX_A_CALLER or self._callers.total() >= MAX_OPEN:
            raise TooManyRequestsError(
                f"at most {MAX_A_CALLER} streams may be open for one key; close some, or ask GET /api/v1/tasks/ID.",
                retry_after_s=5.0,
            )
        self._callers[caller] += 1
        try:
            yield
        finally:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

    async def changes(self, upload_id: UUID, since: Any) -> AsyncIterator[Any]:
        """The upload's row each time it has changed, null where a heartbeat is due; without end.

        Args:
            since: `updated_at` of what is known already.
        """
        self._waiting[upload_id] += 1
        self._look()
        try:
            while True:
                row = await self._next(upload_id, since)
                since = since if row is None else row.updated_at
                yield row
        finally:
            self._waiting[upload_id] -= 1
            if not self._waiting[upload_id]:
                del self._waiting[upload_id]
                self._latest.pop(upload_id, None)

    async def _next(self, upload_id: UUID, since: Any) -> Any:
        def has_changed() -> bool:
            return upload_id in self._latest and self._latest[upload_id].updated_at != since

        try:
            async with asyncio.timeout(HEARTBEAT_S), self._changed:
                await self._changed.wait_for(has_changed)
                return self._latest[upload_id]
        except TimeoutError:
            return None

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        while self._waiting:
            try:
                found = await anyio.to_thread.run_sync(where_uploads_are, self._engine, list(self._waiting))
            except StoreUnavailableError as error:  # those who wait go on waiting; heartbeats keep their streams open
                _log.warning("nobody could be told of progress: %s", error)
                found = {}
            async with self._changed:
                self._latest.update({key: row for key, row in found.items() if key in self._waiting})
                self._changed.notify_all()
            await asyncio.sleep(LOOK_EVERY_S)
