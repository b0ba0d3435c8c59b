"""MPEG audio frames: is this an MP3, how many frames does it hold, and are there bytes between them that are none.

What lives here: the frame header, the walk from frame to frame, the Xing/Info header's frame count.
When to add here: a fact of the MP3 stream that the demuxer does not tell.
What to keep out: decoding; tags' contents (they may hold names).
"""

from __future__ import annotations

from dataclasses import dataclass

# Bitrates in kbit/s of Layer III by index, and sample rates in Hz by version bits.
# Source: ISO/IEC 11172-3 table 2.4.2.3; ISO/IEC 13818-3 table 2.4.2.3; version 2.5 halves version 2's rates.
_KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
_SAME_STREAM = 0xFFFE0C00  # sync, version, layer and sample rate stay the same from frame to frame
_RUN = 4  # frames in a row that no other bytes imitate


@dataclass(frozen=True, slots=True)
class MpegFrame:
    """One Layer III frame header.

    Args:
        length_bytes: from this header to the next.
        n_samples: per channel.
        sample_rate_hz: of this frame.
        is_mono: one channel.
    """

    length_bytes: int
    n_samples: int
    sample_rate_hz: int
    is_mono: bool


@dataclass(frozen=True, slots=True)
class MpegWalk:
    """What lies between the first frame and the end of the file.

    Args:
        n_frames: whole frames that carry sound; the Xing/Info frame is not counted.
        n_declared: what the Xing/Info header promises; null without one.
        n_junk_bytes: bytes before and between frames that belong to none; zeros in front of the first do not count.
        is_cut: the last frame ends after the file does.
        duration_s: of the whole frames.
    """

    n_frames: int
    n_declared: int | None
    n_junk_bytes: int
    is_cut: bool
    duration_s: float


def parse_frame(header: int) -> MpegFrame | None:
    """The Layer III frame that this 32-bit big-endian header opens; null when it opens none."""
    version, layer = header >> 19 & 3, header >> 17 & 3
    kbits_index, rate_index, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if header >> 21 != 0x7FF or version == 1 or layer != 1 or kbits_index in (0, 15) or rate_index == 3:
        return None
    rate = _RATES_HZ[version][rate_index]
    kbits = (_KBITS_MPEG1 if version == 3 else _KBITS_MPEG2)[kbits_index]
    n_samples = 1152 if version == 3 else 576
    return MpegFrame(n_samples // 8 * kbits * 1000 // rate + padding, n_samples, rate, header >> 6 & 3 == 3)


def id3_length(data: bytes) -> int:
    """Bytes of the ID3v2 tag that opens `data`, 0 without one. Source: ID3v2.4 structure, section 3.1."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = (data[6] & 127) << 21 | (data[7] & 127) << 14 | (data[8] & 127) << 7 | data[9] & 127
    return size + (20 if data[5] & 16 else 10)


def find_first_frame(data: bytes, start: int = 0, stop: int | None = None) -> int | None:
    """Where a run of frames begins, at or after `start`; null when there is none before `stop`.

    Four consistent frames in a row count, or fewer when they reach the end of `data` or a tag.
    """
    stop = len(data) if stop is None else min(stop, len(data))
    at = data.find(b"\xff", start, stop)
    while at >= 0:
        if _is_run(data, at):
            return at
        at = data.find(b"\xff", at + 1, stop)
    return None


def walk(data: bytes) -> MpegWalk | None:
    """The count of frames and of what is not frames; null when no frame is found.

    Args:
        data: the whole file.
    """
    first = find_first_frame(data, id3_length(data))
    if first is None:
        return None
    n_declared = _xing_frames(data, first)
    at = first if n_declared is None else first + _length_at(data, first)
    stream = _header(data, first) & _SAME_STREAM
    known: dict[int, MpegFrame | None] = {}
    n_frames, duration_s = 0, 0.0
    n_junk_bytes = first - id3_length(data) - data.count(0, id3_length(data), first)
    while at + 4 <= len(data):
        header = _header(data, at)
        if header not in known:
            known[header] = parse_frame(header) if header & _SAME_STREAM == stream else None
        frame = known[header]
        if frame is None:
            following = _skip_junk(data, at)
            n_junk_bytes += following - at if following < len(data) or not _is_harmless(data, at) else 0
            at = following
        elif at + frame.length_bytes > len(data):
            return MpegWalk(n_frames, n_declared, n_junk_bytes, True, duration_s)
        else:
            at += frame.length_bytes
            n_frames += 1
            duration_s += frame.n_samples / frame.sample_rate_hz
    return MpegWalk(n_frames, n_declared, n_junk_bytes, at < len(data), duration_s)


def _header(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _length_at(data: bytes, at: int) -> int:
    frame = parse_frame(_header(data, at))
    return frame.length_bytes if frame else 0


def _skip_junk(data: bytes, at: int) -> int:
    """Where the next run of frames begins, else the end of the file; a tag is the end of the sound."""
    if data.startswith(_TAGS, at):
        return len(data)
    following = find_first_frame(data, at + 1)
    return len(data) if following is None else following


def _is_harmless(data: bytes, at: int) -> bool:
    """True for what may follow the last frame: a tag, or zeros."""
    return data.startswith(_TAGS, at) or data.count(0, at) == len(data) - at


def _is_run(data: bytes, at: int) -> bool:
    stream = _header(data, at) & _SAME_STREAM
    for n_seen in range(_RUN):
        if n_seen and (at == len(data) or data.startswith(_TAGS, at)):
            return True
        if len(data) - at < 4 or _header(data, at) & _SAME_STREAM != stream:
            return False
        length = _length_at(data, at)
        if not length:
            return False
        at += length
        if at > len(data):
            return n_seen >= 2
    return True


def _xing_frames(data: bytes, first: int) -> int | None:
    """The frame count of the Xing/Info header in the first frame; null without one.

    Source: the header follows the side information: 32 bytes (17 mono) in MPEG-1, 17 (9) in MPEG-2 and 2.5.
    """
    frame = parse_frame(_header(data, first))
    if frame is None:
        return None
    is_mpeg1 = frame.n_samples == 1152
    side_bytes = (17 if frame.is_mono else 32) if is_mpeg1 else (9 if frame.is_mono else 17)
    at = first + 4 + side_bytes
    has_count = data[at : at + 4] in (b"Xing", b"Info") and data[at + 7 : at + 8] and data[at + 7] & 1
    return int.from_bytes(data[at + 8 : at + 12], "big") if has_count else None
