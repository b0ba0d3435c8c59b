"""FLAC's STREAMINFO: how many samples there are, and the checksum of them all.

What lives here: the reader of the first metadata block, and the digest that the decoded samples must have.
When to add here: nothing, unless FLAC gains a second promise about its samples.
What to keep out: frames; the demuxer checks each one's own checksum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import AudioFrame


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """The file's promise about its samples. Source: RFC 9639 section 8.2.

    Args:
        sample_rate_hz: of the whole stream.
        n_samples: per channel; null when unknown.
        bits_per_sample: 4 to 32.
        md5: of all samples, interleaved, little-endian; null when the encoder left it out.
    """

    sample_rate_hz: int
    n_samples: int | None
    bits_per_sample: int
    md5: bytes | None


def read_stream_info(head: bytes) -> StreamInfo | None:
    """STREAMINFO, null when it is not where it must be.

    Args:
        head: the file from `fLaC` on, at least 42 bytes.
    """
    if head[:4] != b"fLaC" or len(head) < 42 or head[4] & 127 != 0:
        return None
    packed = int.from_bytes(head[18:26], "big")  # 20 bits rate, 3 channels - 1, 5 bits - 1, 36 samples
    md5 = head[26:42]
    return StreamInfo(packed >> 44, packed & 0xFFFFFFFFF or None, (packed >> 36 & 31) + 1, md5 if any(md5) else None)


def as_digested(frame: AudioFrame, bits_per_sample: int) -> bytes:
    """The bytes that enter the checksum for one decoded frame: interleaved, little-endian, whole bytes a sample.

    Args:
        frame: as FFmpeg's decoder hands it out: interleaved, left-aligned in 16 or 32 bits.
        bits_per_sample: of the stream.
    """
    samples = cast("npt.NDArray[np.int16 | np.int32]", frame.to_ndarray())
    values = samples >> (samples.dtype.itemsize * 8 - bits_per_sample)
    n_bytes = (bits_per_sample + 7) // 8
    if n_bytes == values.dtype.itemsize:
        return values.tobytes()
    return values.reshape(-1, 1).view("u1")[:, :n_bytes].tobytes()
