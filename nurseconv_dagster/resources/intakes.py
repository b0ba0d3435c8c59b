"""The door and what is behind it, as a resource: vault, limits, profiles, bucket.

What lives here: `IntakeResource`.
When to add here: another place from which files are taken in.
What to keep out: the door's checks (intake) and the ledger's rules (store).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.intake.arrivals import Accepted, Arrival, Kind, Recording, Refusal, Sidecar
from nurseconv_dagster.intake.door import accept
from nurseconv_dagster.intake.examining import Examined, examine, read_recording, read_typed
from nurseconv_dagster.intake.limits import Limits, limits_of
from nurseconv_dagster.intake.listing import BucketFile, list_bucket, location_of, stable
from nurseconv_dagster.intake.sidecars import load_sidecar
from nurseconv_dagster.intake.texts import TypedText
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue
from nurseconv_dagster.store.arrivals import ArrivalLedger


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

    def new_arrivals(self, now: datetime) -> Iterator[Arrival]:
        """Stable files of the bucket that have no receipt in this version yet, oldest first."""
        settings = self.store.settings
        settings.bucket_dir.mkdir(parents=True, exist_ok=True)
        files = list(stable(list_bucket(settings.bucket_dir), now.timestamp(), settings.stable_after_s))
        known = ArrivalLedger(self.store.engine).known_versions(file.location for file in files)
        for file in files:
            if known.get(file.location) != file.version:
                yield _arrival(file, load_sidecar(file.path))

    def arrivals_at(self, path: Path) -> Iterator[Arrival]:
        """The files at a path that an operator names: the file itself, or all of a folder; sidecars with them."""
        inside = [file.path for file in list_bucket(path)] if path.is_dir() else [path]
        for found in filter(Path.is_file, inside):
            where = location_of(Path("/"), found.resolve())
            yield Arrival(found, found.name, "cli", location=where, sidecar=load_sidecar(found))

    def accept(self, arrival: Arrival) -> Accepted:
        """Through the door; with `AFTER_INGEST=delete` a bucket file that was taken in is removed, with its sidecar."""
        taken = accept(
            arrival,
            vault=self.vault,
            ledger=ArrivalLedger(self.store.engine),
            limits=self.limits,
            profiles=read_catalogue(self.store.settings).profiles.keys(),
            now=datetime.now(UTC),
        )
        if arrival.source == "bucket" and taken.refusal is None and self.store.settings.after_ingest == "delete":
            _remove(arrival.path)
        return taken

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


def _arrival(file: BucketFile, sidecar: Sidecar | Refusal) -> Arrival:
    return Arrival(file.path, file.path.name, "bucket", location=file.location, version=file.version, sidecar=sidecar)


def _remove(path: Path) -> None:
    """The file and a sidecar that is its alone; `visit.json` may still speak for another recording of that visit."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.json").unlink(missing_ok=True)
