"""EBML elements of a Matroska or WebM file: does each one end inside the file, and is each one known.

What lives here: the walk over the elements of segment and clusters.
When to add here: an element id of the specification that real recorders write at these two levels.
What to keep out: blocks' contents.
"""

from __future__ import annotations

from dataclasses import dataclass

# Source: RFC 9559 section 5, the elements at the levels of segment and cluster, and EBML's global ones.
_ENTERED = {0x18538067, 0x1F43B675}  # Segment, Cluster
_KNOWN = _ENTERED | {
    0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367,
    0xEC, 0xBF, 0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0x5854,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EbmlWalk:
    """What the elements tell.

    Args:
        is_cut: the last element ends after the file does.
        is_broken: an element is not one of those that may stand there; the walk ended at it.
    """

    is_cut: bool
    is_broken: bool


def walk(data: bytes) -> EbmlWalk:
    """Whether the file is whole, as far as its elements' lengths tell.

    Args:
        data: the whole file.
    """
    at = 0
    while at < len(data):
        element, at = _read_number(data, at, keeps_marker=True)
        if element not in _KNOWN:
            return EbmlWalk(is_cut=at > len(data), is_broken=at <= len(data))
        n_bytes, at = _read_number(data, at, keeps_marker=False)
        if n_bytes is None and element not in _ENTERED:
            return EbmlWalk(is_cut=at > len(data), is_broken=at <= len(data))
        if element not in _ENTERED and n_bytes is not None:
            at += n_bytes
    return EbmlWalk(is_cut=at > len(data), is_broken=False)


def _read_number(data: bytes, at: int, *, keeps_marker: bool) -> tuple[int | None, int]:
    """A variable-length number and the place behind it; null when it says "unknown" or is none. RFC 8794 section 4."""
    first = data[at] if at < len(data) else 0
    n_bytes = 9 - first.bit_length()
    if n_bytes > 8:
        return None, at + 1
    raw = int.from_bytes(data[at : at + n_bytes], "big")
    value = raw & ((1 << 7 * n_bytes) - 1)
    if not keeps_marker and value == (1 << 7 * n_bytes) - 1:
        return None, at + n_bytes
    return (raw if keeps_marker else value), at + n_bytes
