"""Sealed files: frames under a key of the file's own, so that any part can be read without the rest.

What lives here: `SealingWriter`, `open_sealed()`, `sealed_with()`.
When to add here: nothing but what the form of the file needs.
What to keep out: where files lie and what they are called.

The form: a header (magic, id of the ring's key, and the file's key wrapped with it), then frames of 64 KiB, each
AES-GCM with its tag. A frame's nonce is its number and whether it is the last one, so frames that were moved, repeated
or cut off do not open. The file's key is used for this file alone. (The construction is STREAM: Hoang, Reyhanitabar,
Rogaway, Vizar, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015.) A file that is not
sealed and begins like one that is gets the magic and no key's id before it.
"""

from __future__ import annotations

import io
import secrets
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nurseconv_dagster.encryption.ring import KEY_BYTES, Key, Ring
from nurseconv_dagster.errors import SealedError

MAGIC = b"NCSEAL1\n"
FRAME_BYTES = 1 << 16
TAG_BYTES = 16
_ID_BYTES = 8
_NO_KEY = b"-" * _ID_BYTES
ESCAPE = MAGIC + _NO_KEY
_NONCE_BYTES = 12
HEADER_BYTES = len(MAGIC) + _ID_BYTES + _NONCE_BYTES + KEY_BYTES + TAG_BYTES
_SEALED_FRAME = FRAME_BYTES + TAG_BYTES
_BROKEN = "a sealed file was changed or cut off, or another key has sealed it; take it from a backup."


class SealingWriter(io.RawIOBase):
    """A file that is written once, from its beginning to its end; `close()` writes its last frame.

    Args:
        out: where the sealed bytes go; stays open.
        key: of the ring.
    """

    def __init__(self, out: BinaryIO, key: Key) -> None:
        super().__init__()
        self._out = out
        self._pending = bytearray()
        self._n_frames = 0
        self._n_written = 0
        own = secrets.token_bytes(KEY_BYTES)
        self._cipher = AESGCM(own)
        head, nonce = MAGIC + key.id.encode(), secrets.token_bytes(_NONCE_BYTES)
        out.write(head + nonce + key.cipher.encrypt(nonce, own, head))

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were written, before sealing."""
        return self._n_written

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """How many bytes were taken: all of them. A full frame waits for the next byte, for it might be the last."""
        size = len(memoryview(data).cast("B"))
        self._pending += data
        self._n_written += size
        while len(self._pending) > FRAME_BYTES:
            self._seal(bytes(self._pending[:FRAME_BYTES]), is_last=False)
            del self._pending[:FRAME_BYTES]
        return size

    def close(self) -> None:
        """The last frame is written, once."""
        if not self.closed:
            self._seal(bytes(self._pending), is_last=True)
            self._pending.clear()
        super().close()

    def _seal(self, frame: bytes, *, is_last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._n_frames, is_last=is_last), frame, None))
        self._n_frames += 1


class _SealedReader(io.RawIOBase):
    """The content of a sealed file; reading anywhere opens only the frames that are needed."""

    def __init__(self, source: BinaryIO, cipher: AESGCM, n_sealed: int) -> None:
        super().__init__()
        self._source = source
        self._cipher = cipher
        self._n_frames = max(1, -(-n_sealed // _SEALED_FRAME))
        self._size = n_sealed - self._n_frames * TAG_BYTES
        self._at = 0
        self._open_frame: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """How many bytes were read: to the end of one frame at most."""
        if self._at >= self._size:
            return 0
        number, inside = divmod(self._at, FRAME_BYTES)
        part = self._frame(number)[inside : inside + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """The sealed file is closed too."""
        self._source.close()
        super().close()

    def _frame(self, number: int) -> bytes:
        if self._open_frame[0] != number:
            self._source.seek(HEADER_BYTES + number * _SEALED_FRAME)
            nonce = _nonce(number, is_last=number == self._n_frames - 1)
            try:
                frame = self._cipher.decrypt(nonce, self._source.read(_SEALED_FRAME), None)
            except InvalidTag:
                raise SealedError(_BROKEN) from None
            self._open_frame = (number, frame)
        return self._open_frame[1]

    def check(self) -> None:
        """Nothing, when the end of the file is its end."""
        if self._size < 0 or self._size > self._n_frames * FRAME_BYTES:
            raise SealedError(_BROKEN)
        self._frame(self._n_frames - 1)


def open_sealed(source: BinaryIO, ring: Ring) -> BinaryIO:
    """The content of a file, readable and seekable; a file that is not sealed is given back as it is.

    Args:
        source: a file at its beginning, seekable; closed with what is given back.
        ring: has the key that sealed it.

    Raises:
        SealedError: permanent; the ring does not hold the file's key, or the file was changed or cut off. Reading may
            raise it too.
    """
    header = source.read(HEADER_BYTES)
    if not header.startswith(MAGIC):
        source.seek(0)
        return source
    if header.startswith(ESCAPE):
        source.seek(len(ESCAPE))
        with source:
            return io.BytesIO(source.read())
    key_id = _key_id(header)
    head, nonce = header[: len(MAGIC) + _ID_BYTES], header[len(MAGIC) + _ID_BYTES :][:_NONCE_BYTES]
    try:
        own = ring.find(key_id).cipher.decrypt(nonce, header[len(head) + _NONCE_BYTES :], head)
    except InvalidTag:
        raise SealedError(_BROKEN) from None
    reader = _SealedReader(source, AESGCM(own), source.seek(0, io.SEEK_END) - HEADER_BYTES)
    reader.check()
    return io.BufferedReader(reader, FRAME_BYTES)


def sealed_with(source: BinaryIO) -> str | None:
    """The id of the key that a file is sealed with; null for one that is not sealed. The file is at its beginning."""
    header = source.read(len(ESCAPE))
    return _key_id(header) if header.startswith(MAGIC) and header != ESCAPE else None


def content_size(source: BinaryIO) -> int:
    """How many bytes a file holds, sealed or not, by its length alone. The file is at its beginning."""
    header = source.read(len(ESCAPE))
    n_bytes = source.seek(0, io.SEEK_END)
    if not header.startswith(MAGIC):
        return n_bytes
    if header == ESCAPE:
        return n_bytes - len(ESCAPE)
    n_sealed = n_bytes - HEADER_BYTES
    return n_sealed - max(1, -(-n_sealed // _SEALED_FRAME)) * TAG_BYTES


def _key_id(header: bytes) -> str:
    try:
        return header[len(MAGIC) : len(MAGIC) + _ID_BYTES].decode("ascii")
    except UnicodeDecodeError:
        raise SealedError(_BROKEN) from None


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_NONCE_BYTES - 1, "big") + bytes([is_last])
