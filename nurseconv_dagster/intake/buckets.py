"""What every upload bucket can do, wherever it lies, and how one is gone round, tick by tick.

What lives here: `BucketFile`, `Slice`, `Fetched`, the protocol `Bucket`, and `BucketRounds`.
When to add here: something that the sensor needs of a folder and of a cloud alike.
What to keep out: how a folder (`folder_bucket`) or an object store (`object_bucket`) does it; SQL; Dagster.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar

KnownVersions = Callable[[Iterator[str]], dict[str, str]]

_ASKED_AT_ONCE = 1000  # locations in one question to the ledger


@dataclass(frozen=True, slots=True)
class BucketFile:
    """One file of the bucket, as it was listed.

    Args:
        path: how the bucket itself finds it.
        location: the path relative to the bucket, with `/`, as text that can be stored.
        size_bytes: of the file.
        changed_ns: when the file last changed, nanoseconds since the epoch.
        version: size and mtime (or etag) of the file, and of its sidecar: a mended sidecar is a new arrival.
        sidecar: how the bucket finds the JSON beside it; null when there is none.
    """

    path: str
    location: str
    size_bytes: int
    changed_ns: int
    version: str
    sidecar: str | None

    @property
    def filename(self) -> str:
        """The name without its folders."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the bucket.

    Args:
        files: those that have stopped changing, oldest first.
        after: where the next slice goes on; null when this one reached the end.
    """

    files: Iterable[BucketFile]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of the bucket that can be read now.

    Args:
        path: where its bytes lie.
        sidecar: what is said about it, or why that could not be read.
    """

    path: Path
    sidecar: Sidecar | Refusal


class Bucket(Protocol):
    """A place that people and programs put uploads into."""

    def list_stable(self, now: float, stable_after_s: float, *, after: str | None, deadline: float) -> Slice:
        """The next part of the bucket.

        Args:
            now: seconds since the epoch.
            stable_after_s: how long neither a file nor its sidecar may have changed.
            after: of the slice before; null to begin.
            deadline: by `time.monotonic()`: a slice that takes longer ends early and says where to go on.

        Raises:
            BucketUnavailableError: transient. A bucket that cannot be reached must not look like an empty one.
        """
        ...

    def fetch(
        self, file: BucketFile, incoming: Path, max_bytes: int, *, is_nameless: bool = False
    ) -> AbstractContextManager[Fetched]:
        """The file's bytes and its sidecar, as they were listed; what was fetched for it is gone afterwards.

        Args:
            file: as listed.
            incoming: the vault's folder for what is still coming in.
            max_bytes: a larger file is not fetched, and its path leads nowhere.
            is_nameless: what is fetched has no name in that folder, as for `Spool`.

        Raises:
            VaultUnavailableError: transient; it cannot be read, or with the code `source_changed`, it is another one.
        """
        ...

    def remove(self, file: BucketFile) -> None:
        """The file and a sidecar that is its alone are gone; `visit.json` may still speak for another recording.

        One that changed since it was listed stays: nobody has taken that one in.

        Raises:
            VaultUnavailableError: transient; the bucket does not let us.
        """
        ...

    def check(self) -> str:
        """A sentence about the bucket for the doctor: that it can be listed.

        Raises:
            BucketUnavailableError: transient; why not, and what to do.
        """
        ...


class BucketRounds:
    """Goes round a bucket for as long as a tick may take, and goes on from there on the next tick.

    What it remembers is lost with its process; the ledger then tells what is new, and the round begins again. It is
    not written down, since places in the bucket may hold names.

    Args:
        bucket: which.
        every_s: seconds from the begin of one round to the next; 0 for one on every tick.
    """

    def __init__(self, bucket: Bucket, every_s: float) -> None:
        self.bucket = bucket
        self._every_s = every_s
        self._waiting: deque[BucketFile] = deque()
        self._after: str | None = None
        self._began_at: float | None = None
        self._woken_at: datetime | None = None
        self._is_woken = False

    def new_files(
        self,
        known_versions: KnownVersions,
        *,
        stable_after_s: float,
        deadline: float,
        woken_at: datetime | None = None,
    ) -> Iterator[BucketFile]:
        """Stable files that have no receipt in this version yet, each slice's oldest first, until the deadline.

        Args:
            known_versions: the ledger's word on locations.
            stable_after_s: as for `list_stable()`.
            deadline: by `time.monotonic()`.
            woken_at: when somebody last said that there is something new; another time than before begins a round.

        Raises:
            BucketUnavailableError: transient; the round begins again, or goes on, on the next tick.
        """
        self._is_woken = self._is_woken or woken_at != self._woken_at
        self._woken_at = woken_at
        tick_at = time.monotonic()
        while time.monotonic() < deadline:
            if self._waiting:
                yield self._waiting.popleft()
            elif self._is_due(tick_at):
                self._list_next(known_versions, stable_after_s, deadline)
            else:
                return

    def _is_due(self, tick_at: float) -> bool:
        """Whether to list now: a round goes on, or the next one may begin; one at most begins in a tick."""
        if self._after is not None or self._began_at is None:
            return True
        if self._began_at >= tick_at:
            return False
        return self._is_woken or tick_at - self._began_at >= self._every_s

    def _list_next(self, known_versions: KnownVersions, stable_after_s: float, deadline: float) -> None:
        began_at = time.monotonic()
        found = self.bucket.list_stable(time.time(), stable_after_s, after=self._after, deadline=deadline)
        listed = iter(found.files)
        while files := list(islice(listed, _ASKED_AT_ONCE)):
            known = known_versions(file.location for file in files)
            self._waiting += [file for file in files if known.get(file.location) != file.version]
        # Only now: a bucket that is away is asked again on every tick.
        if self._after is None:
            self._began_at, self._is_woken = began_at, False
        self._after = found.after


def source_changed() -> VaultUnavailableError:
    """The error for a file that is no longer as it was listed."""
    return VaultUnavailableError(
        "the file or its sidecar changed while it was taken in; it is taken once it is whole.", code="source_changed"
    )
