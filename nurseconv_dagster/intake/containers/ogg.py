"""Ogg pages: every page carries a checksum, a number and, at the end, a mark; a demuxer drops bad pages in silence.

What lives here: the walk over the pages, and which codec the first packets name.
When to add here: a fact of the pages that must be told.
What to keep out: packets and samples.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

_CAPTURE = b"OggS"
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CODECS = {b"OpusHead": "opus", b"\x01vorbis": "vorbis"}
_HEADER_BYTES = 27
_LAST_PAGE = 4


@dataclass(frozen=True, slots=True)
class OggWalk:
    """What the pages of a file tell.

    Args:
        n_pages: whole pages with a right checksum.
        n_bad_pages: pages whose checksum is wrong.
        n_missing_pages: numbers that were left out, the bad pages' own included.
        is_ended: every stream closes with its end mark.
        n_junk_bytes: bytes that belong to no page, a cut last page included.
    """

    n_pages: int
    n_bad_pages: int
    n_missing_pages: int
    is_ended: bool
    n_junk_bytes: int


def page_checksum(page: bytes) -> int:
    """The checksum of a page whose checksum field is zero.

    Ogg's polynomial is zlib's, fed from the other end of each byte: so bits are reversed before and after.
    Source: RFC 3533 section 6, field 7.
    """
    value = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


def find_codec(head: bytes) -> str | None:
    """`opus` or `vorbis` when one of the streams that open the file is, else null.

    Args:
        head: the first kilobytes of the file.
    """
    at = 0
    while head[at : at + 4] == _CAPTURE and at + _HEADER_BYTES <= len(head):
        n_bytes, body_at = _page_length(head, at)
        for magic, codec in _CODECS.items():
            if head.startswith(magic, body_at):
                return codec
        if not n_bytes:
            return None
        at += n_bytes
    return None


def walk(data: bytes) -> OggWalk:
    """The count of good, bad and missing pages.

    Args:
        data: the whole file.
    """
    at, n_pages, n_bad, n_missing, n_junk = 0, 0, 0, 0, 0
    last: dict[bytes, tuple[int, bool]] = {}
    while at < len(data):
        n_bytes = _page_length(data, at)[0] if data.startswith(_CAPTURE, at) else 0
        if not n_bytes or at + n_bytes > len(data):
            following = data.find(_CAPTURE, at + 1)
            n_junk += (len(data) if following < 0 else following) - at
            at = len(data) if following < 0 else following
            continue
        page = data[at : at + n_bytes]
        if page_checksum(page[:22] + b"\0\0\0\0" + page[26:]) != int.from_bytes(page[22:26], "little"):
            n_bad += 1
            following = data.find(_CAPTURE, at + 1)
            at = at + n_bytes if following < 0 or following >= at + n_bytes else following
            continue
        serial, number = page[14:18], int.from_bytes(page[18:22], "little")
        n_missing += max(0, number - last[serial][0] - 1) if serial in last else 0
        last[serial] = (number, bool(page[5] & _LAST_PAGE))
        n_pages += 1
        at += n_bytes
    return OggWalk(n_pages, n_bad, n_missing, bool(last) and all(ended for _, ended in last.values()), n_junk)


def _page_length(data: bytes, at: int) -> tuple[int, int]:
    """Bytes of the page at `at`, 0 when its header is cut, and where its body begins."""
    if at + _HEADER_BYTES > len(data):
        return 0, at
    n_segments = data[at + 26]
    table = data[at + _HEADER_BYTES : at + _HEADER_BYTES + n_segments]
    body_at = at + _HEADER_BYTES + n_segments
    return (body_at - at + sum(table) if len(table) == n_segments else 0), body_at
