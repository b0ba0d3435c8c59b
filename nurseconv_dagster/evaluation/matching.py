"""Which upload a reference is about.

What lives here: `match_references()`.
When to add here: another fact by which a reference may name its upload.
What to keep out: looking uploads up (store), reading references (`references.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from nurseconv_dagster.evaluation.references import Reference


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """What tells one upload from the others.

    Args:
        content_sha256: of its bytes, hex.
        locations: every place in the bucket where it was found.
    """

    id: UUID
    content_sha256: str
    locations: frozenset[str]


@dataclass(frozen=True, slots=True)
class Matched:
    """References with their uploads, and how many have none.

    Args:
        pairs: each reference with its upload.
        n_missing: references that no upload fits.
        n_ambiguous: references that several uploads fit.
    """

    pairs: tuple[tuple[Reference, UUID], ...]
    n_missing: int
    n_ambiguous: int


def match_references(references: Iterable[Reference], uploads: Sequence[KnownUpload]) -> Matched:
    """Each reference with the one upload that it fits: the hash decides first, then the place in the bucket.

    The same text may be several uploads (two patients "refuse assessment"); then the place must tell them apart. The
    place may be the last part of the path: "4-west/visit.ogg" is found in any folder of the bucket.
    """
    pairs: list[tuple[Reference, UUID]] = []
    n_missing = n_ambiguous = 0
    for reference in references:
        found = _fitting(reference, uploads)
        if len(found) == 1:
            pairs.append((reference, found[0].id))
        n_missing += not found
        n_ambiguous += len(found) > 1
    return Matched(tuple(pairs), n_missing, n_ambiguous)


def _fitting(reference: Reference, uploads: Sequence[KnownUpload]) -> Sequence[KnownUpload]:
    found = uploads
    if reference.sha256 is not None:
        found = [upload for upload in uploads if upload.content_sha256 == reference.sha256]
    placed = [upload for upload in found if reference.file is not None and _lies_at(upload, reference.file)]
    if reference.sha256 is None or (placed and len(found) > 1):
        return placed
    return found


def _lies_at(upload: KnownUpload, file: str) -> bool:
    return any(location == file or location.endswith(f"/{file}") for location in upload.locations)
