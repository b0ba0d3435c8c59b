"""What the API can see of the machine it runs on: the vault's disk, and the newest backup.

What lives here: `read_machine()`.
When to add here: another thing of this machine that an operator wants an alarm on.
What to keep out: names and form of metrics (`metrics`); making backups (operations).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.tombstones import LATEST_BACKUP, TOLD


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """What is known now.

    Args:
        vault_free_bytes: of the vault's disk; null where the vault is no folder of this machine.
        vault_size_bytes: of the same disk.
        backup_age_s: since the newest backup was finished; null when there never was one.
        backup_objects_missing: recordings that the newest backup should have and has not; null when nobody knows.
        backup_told_age_s: since its folder knew every erasure; null when there never was a backup.
    """

    vault_free_bytes: int | None
    vault_size_bytes: int | None
    backup_age_s: float | None
    backup_objects_missing: int | None
    backup_told_age_s: float | None


def read_machine(settings: Settings) -> MachineFigures:
    """The figures of this moment."""
    disk = shutil.disk_usage(settings.vault_dir) if settings.vault_dir.is_dir() else None
    latest = _latest(settings.home)
    age_s = _age_s(latest)
    return MachineFigures(
        disk.free if disk else None, disk.total if disk else None,
        age_s, _number(latest, "n_missing"), _told_age_s(settings.home, age_s),
    )  # fmt: skip


def _latest(home: Path) -> dict[str, object]:
    """What the newest whole backup noted of itself; one whose note cannot be read is no backup."""
    try:
        return dict(json.loads((home / LATEST_BACKUP).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _age_s(latest: dict[str, object]) -> float | None:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(str(latest["finished_at"]))).total_seconds()
    except (ValueError, KeyError, TypeError):
        return None


def _told_age_s(home: Path, backup_age_s: float | None) -> float | None:
    """A backup tells its folder itself, the daemon after it."""
    if backup_age_s is None or not (home / TOLD).exists():
        return backup_age_s
    return min(backup_age_s, datetime.now(UTC).timestamp() - (home / TOLD).stat().st_mtime)


def _number(latest: dict[str, object], name: str) -> int | None:
    found = latest.get(name)
    return found if isinstance(found, int) else None
