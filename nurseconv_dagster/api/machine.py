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


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """What is known now.

    Args:
        vault_free_bytes: of the vault's disk; null where the vault is no folder of this machine.
        vault_size_bytes: of the same disk.
        backup_age_s: since the newest backup was finished; null when there never was one.
    """

    vault_free_bytes: int | None
    vault_size_bytes: int | None
    backup_age_s: float | None


def read_machine(settings: Settings) -> MachineFigures:
    """The figures of this moment."""
    disk = shutil.disk_usage(settings.vault_dir) if settings.vault_dir.is_dir() else None
    return MachineFigures(
        disk.free if disk else None, disk.total if disk else None, _backup_age_s(settings.home / "backups")
    )


def _backup_age_s(folder: Path) -> float | None:
    """By `latest.json`, which a backup writes when it is whole; one that cannot be read is no backup."""
    try:
        finished_at = datetime.fromisoformat(json.loads((folder / "latest.json").read_text())["finished_at"])
        return (datetime.now(UTC) - finished_at).total_seconds()
    except (OSError, ValueError, KeyError, TypeError):
        return None
