"""A bucket that is a folder: a directory of this machine, a mounted share.

What lives here: `FolderBucket`.
When to add here: something that a folder does otherwise than a cloud.
What to keep out: walking it and what counts as whole (`listing`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nurseconv_dagster.errors import BucketUnavailableError, VaultUnavailableError
from nurseconv_dagster.intake.buckets import BucketFile, Fetched, Slice, source_changed
from nurseconv_dagster.intake.listing import list_bucket, stable, version_of
from nurseconv_dagster.intake.sidecars import load_sidecar


class FolderBucket:
    """The files below a folder; see `Bucket` for what each method promises."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list_stable(self, now: float, stable_after_s: float, *, after: str | None, deadline: float) -> Slice:
        """The whole folder in one slice."""
        try:
            files = list_bucket(self._root)
        except OSError as error:
            raise _away(error) from None
        return Slice(stable(files, now, stable_after_s))

    @contextmanager
    def fetch(
        self, file: BucketFile, incoming: Path, max_bytes: int, *, is_nameless: bool = False
    ) -> Iterator[Fetched]:
        """The file where it lies; nothing is copied."""
        path = Path(file.path)
        fetched = Fetched(path, load_sidecar(path))
        try:
            is_same = version_of(path) == file.version
        except OSError:
            is_same = False  # gone, or closed to us since
        if not is_same:
            raise source_changed()
        yield fetched

    def remove(self, file: BucketFile) -> None:
        """The file, and its `visit.wav.json`."""
        path = Path(file.path)
        try:
            if version_of(path) == file.version:
                path.unlink(missing_ok=True)
                path.with_name(f"{path.name}.json").unlink(missing_ok=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise VaultUnavailableError(
                f"a file that was taken in cannot be removed ({error.strerror}); let the service write in the bucket.",
                code="source_not_removed",
            ) from None

    def check(self) -> str:
        """That the folder can be read."""
        try:
            with os.scandir(self._root) as entries:
                next(entries, None)
        except OSError as error:
            raise _away(error) from None
        return f"the folder {self._root} can be read"


def _away(error: OSError) -> BucketUnavailableError:
    return BucketUnavailableError(
        f"the bucket's folder cannot be read ({error.strerror}); mount it, make it, or correct UPLOAD_DIR."
    )
