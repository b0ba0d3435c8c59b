"""WAV chunks: what the header promises, and whether it contradicts itself.

What lives here: the walk over RIFF, RF64 and BW64 chunks to `fmt ` and `data`.
When to add here: a fact of the header that the demuxer repairs in silence.
What to keep out: samples.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_PCM_CODES = {1, 3}  # integer and float samples: their size follows from the header
_UNKNOWN_SIZES = {0, 0xFFFFFFFF}  # a recorder that streamed and never came back to fill in the length


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The header's own figures.

    Args:
        declared_duration_s: seconds that the data chunk promises; null when it says nothing.
        n_missing_bytes: of the promised data, those that lie beyond the end of the file.
        is_consistent: byte rate and block size are what rate, channels and bits make them.
    """

    declared_duration_s: float | None
    n_missing_bytes: int
    is_consistent: bool


def read_header(file: BinaryIO, size_bytes: int) -> WavHeader | None:
    """The header's figures; null when `fmt ` or `data` is not found.

    Args:
        file: at any position; left anywhere.
        size_bytes: of the whole file.
    """
    at, n_data_64, fmt = 12, None, b""
    while at + 8 <= size_bytes:
        file.seek(at)
        name, n_bytes = struct.unpack("<4sI", file.read(8))
        if name == b"ds64":
            n_data_64 = struct.unpack("<Q", file.read(24)[8:16].ljust(8, b"\0"))[0]
        elif name == b"fmt ":
            fmt = file.read(min(n_bytes, 40))
        elif name == b"data":
            n_promised = n_data_64 if n_data_64 is not None and n_bytes == 0xFFFFFFFF else n_bytes
            return _judge(fmt, n_promised, size_bytes - at - 8) if len(fmt) >= 16 else None
        at += 8 + n_bytes + n_bytes % 2
    return None


def _judge(fmt: bytes, n_promised: int, n_there: int) -> WavHeader:
    code, n_channels, rate_hz, byte_rate, block_bytes, bits = struct.unpack("<HHIIHH", fmt[:16])
    if code == 0xFFFE and len(fmt) >= 26:  # WAVE_FORMAT_EXTENSIBLE: the real code opens the sub-format
        code = struct.unpack("<H", fmt[24:26])[0]
    is_consistent = code not in _PCM_CODES or (
        block_bytes == n_channels * ((bits + 7) // 8) and byte_rate == rate_hz * block_bytes
    )
    if n_promised in _UNKNOWN_SIZES or byte_rate == 0:
        return WavHeader(None, 0, is_consistent)
    return WavHeader(n_promised / byte_rate, max(0, n_promised - n_there), is_consistent)
