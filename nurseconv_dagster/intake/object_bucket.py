"""A bucket in a cloud's object store: listed in pages, its files fetched into the vault's incoming folder.

What lives here: `ObjectBucket`.
When to add here: something that an object store does otherwise than a folder.
What to keep out: how a cloud is reached and what its errors become (`clouds`).

An object is there whole or not at all, so that one is stable when it is old enough. What is a folder elsewhere is a
part of the key here; an object whose key ends in `/` is listed like a file of no bytes, and not found when fetched.

A slice's memory is bounded by `slice_objects`. All that belongs to one recording lies close together in the order of
keys; a sidecar that may lie beyond the slice's end or before its begin is asked for by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.buckets import BucketFile, Fetched, Slice, source_changed
from nurseconv_dagster.intake.clouds import open_store, speaking_of_a_file, speaking_of_listing
from nurseconv_dagster.intake.left_alone import is_folder_left_alone, is_left_alone
from nurseconv_dagster.intake.sidecars import MAX_SIDECAR_BYTES, parse_sidecar, sidecar_names
from nurseconv_dagster.intake.spooling import Spool

if TYPE_CHECKING:
    from obstore import ObjectMeta

    from nurseconv_dagster.intake.clouds import Store

SLICE_OBJECTS = 20_000
_PAGE_OBJECTS = 1000  # what the clouds give in one reply
_PIECE_BYTES = 1 << 20


class _Seen(NamedTuple):
    """What a listing says of one object."""

    size_bytes: int
    changed_ns: int
    version: str


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The keys between which everything was listed: above `after`, up to `upto`; null is no bound."""

    after: str | None
    upto: str | None

    def holds(self, key: str) -> bool:
        return (self.after is None or key > self.after) and (self.upto is None or key <= self.upto)


class ObjectBucket:
    """The objects below a prefix; see `Bucket` for what each method promises.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
        allow_http: whether an endpoint on another machine may be reached without TLS.
        slice_objects: how many objects are remembered at once.

    Raises:
        SettingsError: the environment names an endpoint or credentials that cannot be used.
    """

    def __init__(self, url: str, *, allow_http: bool = False, slice_objects: int = SLICE_OBJECTS) -> None:
        self._store: Store = open_store(url, allow_http=allow_http)
        self._slice_objects = slice_objects
        self._url = url

    def list_stable(self, now: float, stable_after_s: float, *, after: str | None, deadline: float) -> Slice:
        """As many objects as fit into a slice and the time."""
        recordings: dict[str, _Seen] = {}
        sidecars: dict[str, _Seen] = {}
        n_seen, upto, is_sorted, is_whole = 0, after, True, True
        with speaking_of_listing():
            for page in self._store.list(offset=after, chunk_size=_PAGE_OBJECTS):
                for meta in page:
                    key = meta["path"]
                    is_sorted = is_sorted and (upto is None or key > upto)
                    upto = key
                    kind = _kind(key)
                    if kind == "recording":
                        recordings[key] = _seen(meta)
                    elif kind == "sidecar":
                        sidecars[key] = _seen(meta)
                n_seen += len(page)
                # Without an order of keys there is no place to go on from: such a bucket is listed to its end.
                if is_sorted and (n_seen >= self._slice_objects or time.monotonic() >= deadline):
                    is_whole = False
                    break
        stretch = _Stretch(after, None if is_whole else upto)
        oldest = now - stable_after_s
        files = self._stable(recordings, sidecars, stretch, round(oldest * 1e9))
        return Slice(files, None if is_whole else upto)

    @contextmanager
    def fetch(
        self, file: BucketFile, incoming: Path, max_bytes: int, *, is_nameless: bool = False
    ) -> Iterator[Fetched]:
        """The object in a file of its own, whole and of the version that was listed."""
        with Spool(incoming, max_bytes, is_nameless=is_nameless) as spool:
            try:
                version = self._download(file, spool, max_bytes)
                sidecar, sidecar_version = self._read_sidecar(file)
            except FileNotFoundError:
                raise source_changed() from None
            if version + sidecar_version != file.version:
                raise source_changed()
            path = incoming / "never-fetched" if file.size_bytes > max_bytes else spool.finish()
            yield Fetched(path, sidecar)

    def remove(self, file: BucketFile) -> None:
        """The object, and its `visit.wav.json`."""
        own_sidecar = f"{file.path}.json"
        with speaking_of_a_file("removed"):
            try:
                found = [self._store.head(key) for key in filter(None, (file.path, file.sidecar))]
            except FileNotFoundError:
                return
            if "+".join(_version(meta) for meta in found) == file.version:
                self._store.delete([file.path, own_sidecar] if file.sidecar == own_sidecar else file.path)

    def check(self) -> str:
        """That the first page can be listed."""
        with speaking_of_listing():
            next(iter(self._store.list(chunk_size=1)), None)
        return f"{self._url} can be listed"

    def _stable(
        self, recordings: Mapping[str, _Seen], sidecars: Mapping[str, _Seen], stretch: _Stretch, oldest_ns: int
    ) -> Iterator[BucketFile]:
        for key in sorted(recordings, key=lambda key: (recordings[key].changed_ns, key)):
            seen = recordings[key]
            if seen.changed_ns > oldest_ns:
                return
            place, sidecar = self._find_sidecar(key, sidecars, stretch)
            if sidecar is None:
                yield BucketFile(key, key, seen.size_bytes, seen.changed_ns, seen.version, None)
            elif sidecar.changed_ns <= oldest_ns:
                version = f"{seen.version}+{sidecar.version}"
                yield BucketFile(key, key, seen.size_bytes, seen.changed_ns, version, place)

    def _find_sidecar(
        self, key: str, sidecars: Mapping[str, _Seen], stretch: _Stretch
    ) -> tuple[str | None, _Seen | None]:
        folder, slash, name = key.rpartition("/")
        for sidecar_name in sidecar_names(name):
            place = f"{folder}{slash}{sidecar_name}"
            found = sidecars.get(place) if stretch.holds(place) else self._ask_for(place)
            if found is not None:
                return place, found
        return None, None

    def _ask_for(self, key: str) -> _Seen | None:
        with speaking_of_listing():
            try:
                return _seen(self._store.head(key))
            except FileNotFoundError:
                return None

    def _download(self, file: BucketFile, spool: Spool, max_bytes: int) -> str:
        """The version of what lies there now; its bytes are in the spool, unless they are too many."""
        with speaking_of_a_file("read"):
            if file.size_bytes > max_bytes:
                return _version(self._store.head(file.path))
            reply = self._store.get(file.path)
            n_bytes = reply.meta["size"]
            for piece in reply.stream(min_chunk_size=_PIECE_BYTES) if n_bytes <= max_bytes else ():
                spool.write(memoryview(piece))
        if spool.size_bytes != n_bytes:
            raise source_changed()
        return _version(reply.meta)

    def _read_sidecar(self, file: BucketFile) -> tuple[Sidecar | Refusal, str]:
        """What the sidecar says, and its part of the version."""
        if file.sidecar is None:
            return Sidecar(), ""
        with speaking_of_a_file("read"):
            reply = self._store.get(file.sidecar)
            raw = next(iter(reply.stream(min_chunk_size=MAX_SIDECAR_BYTES + 1)), b"")
        return parse_sidecar(bytes(raw)), f"+{_version(reply.meta)}"


def _kind(key: str) -> str | None:
    """What the key's names make of it; null for what is left alone."""
    *folders, name = key.split("/")
    if any(map(is_folder_left_alone, folders)):
        return None
    if not is_left_alone(name):
        return "recording"
    return "sidecar" if name.endswith(".json") else None


def _seen(meta: ObjectMeta) -> _Seen:
    return _Seen(meta["size"], round(meta["last_modified"].timestamp() * 1e9), _version(meta))


def _version(meta: ObjectMeta) -> str:
    """Size and etag; Azure's listing writes the etag without quotes, its replies with them."""
    tag = (meta["e_tag"] or meta["last_modified"].isoformat()).removeprefix("W/").strip('"')
    return f"{meta['size']}-{tag}"
