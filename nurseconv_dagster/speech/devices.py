"""Which device Whisper computes on, by a name that every process on this machine gives it.

What lives here: `compute_device()`.
When to add here: another kind of device.
What to keep out: loading a model (decoding), and who may use the device when (the store's turns).
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

# The kernel's own, one for each start of a machine: containers on it share it, whatever host name each has.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def compute_device(setting: str) -> str:
    """Machine and device, such as `0d3f…:cpu` or `0d3f…:cuda:1`.

    Args:
        setting: WHISPER_DEVICE: cpu, cuda or auto.
    """
    return f"{_machine()}:{_cuda() if setting == 'cuda' or (setting == 'auto' and _has_gpu()) else 'cpu'}"


def _machine() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


def _cuda() -> str:
    """The card that Whisper takes: the first one it sees. Processes that were given different cards do not wait.

    CUDA counts among what the container was given, so the card of a container is looked up there.
    """
    given = [each for each in _listed("NVIDIA_VISIBLE_DEVICES") if each not in {"all", "none", "void"}]
    first = next(iter(_listed("CUDA_VISIBLE_DEVICES")), "0")
    if first.isdigit() and int(first) < len(given):
        return f"cuda:{given[int(first)]}"
    return f"cuda:{first if first != 'all' else 0}"


def _listed(variable: str) -> list[str]:
    return [each.strip() for each in os.environ.get(variable, "").split(",") if each.strip()]


def _has_gpu() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())
