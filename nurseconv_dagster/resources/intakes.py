"""The door and what is behind it, as a resource: vault, limits, profiles, bucket.

What lives here: `IntakeResource`.
When to add here: another place from which files are taken in.
What to keep out: the door's checks (intake) and the ledger's rules (store).
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Accepted, Arrival, Kind, Recording, Refusal
from nurseconv_dagster.intake.buckets import BucketFile, BucketRounds
from nurseconv_dagster.intake.door import accept
from nurseconv_dagster.intake.examining import Examined, examine, read_recording, read_typed
from nurseconv_dagster.intake.folder_bucket import FolderBucket
from nurseconv_dagster.intake.limits import Limits, limits_of
from nurseconv_dagster.intake.listing import list_bucket, location_of
from nurseconv_dagster.intake.object_bucket import ObjectBucket
from nurseconv_dagster.intake.scanning import scanner_at
from nurseconv_dagster.intake.sidecars import load_sidecar
from nurseconv_dagster.intake.texts import TypedText
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store import listings
from nurseconv_dagster.store.arrivals import ArrivalLedger

_log = logging.getLogger(__name__)


class IntakeResource(ConfigurableResource[None]):
    """Takes files in, and reads them back for the stages."""

    store: ResourceDependency[StoreResource]

    @property
    def vault(self) -> FileVault:
        """The content-addressed vault of the home."""
        return vault_of(self.store.settings)

    @property
    def limits(self) -> Limits:
        """What the settings allow."""
        return limits_of(self.store.settings)

    def new_files(self, deadline: float) -> Iterator[BucketFile]:
        """Stable files of the bucket that have no receipt in this version yet, as far as the time allows.

        Args:
            deadline: by `time.monotonic()`.

        Raises:
            BucketUnavailableError: transient; the bucket cannot be reached.
        """
        return self._rounds.new_files(
            ArrivalLedger(self.store.engine).known_versions,
            stable_after_s=self.store.settings.stable_after_s,
            deadline=deadline,
            woken_at=listings.last_beats(self.store.engine).get(listings.BUCKET_EVENT),
        )

    def take_in(self, file: BucketFile) -> Accepted:
        """A bucket file through the door; with `AFTER_INGEST=delete` it is removed afterwards, with its sidecar.

        Raises:
            VaultUnavailableError, ScannerUnavailableError: transient; the file waits.
        """
        limit, vault = self.limits.max_file_size_bytes, self.vault
        with self._rounds.bucket.fetch(file, vault.incoming, limit, is_nameless=vault.seals) as fetched:
            taken = self.accept(
                Arrival(
                    fetched.path,
                    file.filename,
                    "bucket",
                    location=file.location,
                    version=file.version,
                    sidecar=fetched.sidecar,
                    size_bytes=file.size_bytes if file.size_bytes > limit else None,
                )
            )
        if taken.refusal is None and self.store.settings.after_ingest == "delete":
            self._remove(file)
        return taken

    def arrivals_at(self, path: Path) -> Iterator[Arrival]:
        """The files at a path that an operator names: the file itself, or all of a folder; sidecars with them."""
        inside = [Path(file.path) for file in list_bucket(path)] if path.is_dir() else [path]
        for found in filter(Path.is_file, inside):
            where = location_of(Path("/"), found.resolve())
            yield Arrival(found, found.name, "cli", location=where, sidecar=load_sidecar(found))

    def accept(self, arrival: Arrival) -> Accepted:
        """Through the door."""
        return accept(
            arrival,
            vault=self.vault,
            ledger=ArrivalLedger(self.store.engine),
            scanner=scanner_at(self.store.settings.virus_scan),
            limits=self.limits,
            profiles=read_catalogue(self.store.settings).profiles.keys(),
            now=datetime.now(UTC),
        )

    def examine(self, object_key: str, kind: Kind) -> Examined | Refusal:
        """A stored object, read to its end."""
        with self.vault.reading(object_key) as path:
            return examine(path, kind, self.limits)

    def read_recording(self, object_key: str) -> Recording | Refusal:
        """The samples of a stored recording."""
        with self.vault.reading(object_key) as path:
            return read_recording(path, self.limits)

    def read_typed(self, object_key: str) -> TypedText | Refusal:
        """The lines of a stored typed conversation."""
        with self.vault.reading(object_key) as path:
            return read_typed(path)

    @property
    def _rounds(self) -> BucketRounds:
        settings = self.store.settings
        if settings.bucket_url:
            return _cloud_rounds(settings.bucket_url, settings.bucket_allow_http, settings.bucket_list_every_s)
        if not settings.upload_dir:
            settings.bucket_dir.mkdir(parents=True, exist_ok=True)
        return _folder_rounds(settings.bucket_dir)

    def _remove(self, file: BucketFile) -> None:
        try:
            self._rounds.bucket.remove(file)
        except VaultUnavailableError as error:  # it was taken in all the same, and is not taken again
            _log.warning("%s", error)


# Kept for the life of the process, as connections, credentials and the place in the round are.
@cache
def _cloud_rounds(url: str, allow_http: bool, every_s: float) -> BucketRounds:
    return BucketRounds(ObjectBucket(url, allow_http=allow_http), every_s)


@cache
def _folder_rounds(root: Path) -> BucketRounds:
    return BucketRounds(FolderBucket(root), every_s=0)
