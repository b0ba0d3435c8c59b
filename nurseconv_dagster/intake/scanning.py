"""Files are shown to a virus scanner before their content is kept: a client of ClamAV's daemon, clamd.

What lives here: `Scanner`, `ClamScanner`, `scanner_at()`.
When to add here: another scanner.
What to keep out: what is done with an infected file (the door).

clamd gets the content in pieces over its socket and answers with one line. No answer, or one that is not understood, is
an error and never a clean file.

Source: the manual page clamd(8), command INSTREAM.
"""

from __future__ import annotations

import hashlib
import re
import select
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn, Protocol
from urllib.parse import urlsplit

from nurseconv_dagster.errors import ScannerUnavailableError, VaultUnavailableError

# The test file that every scanner finds (eicar.org), in two parts, so that no scanner finds it in this file.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}" + "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()

_PORT = 3310
_PIECE_BYTES = 1 << 18
_TIMEOUT_S = 20.0  # of one step; clamd is silent while it scans
_MAX_REPLY_BYTES = 4096
RETRY_AFTER_S = 30.0
_FOUND = re.compile(r"stream: (\S.*) FOUND")
_NOT_SHOWN = re.compile(r"[^\w./:(){}+-]", re.ASCII)  # a name is shown to people; signatures' authors choose it
_SHOWN_CHARS = 100
# What clamd "finds" with AlertExceedsMax where it stopped looking.
_NOT_LOOKED_AT = "Heuristics.Limits.Exceeded"


class Scanner(Protocol):
    """Looks at files before they are kept."""

    def scan(self, path: Path, sha256: str) -> str | None:
        """What was found, in the scanner's words; null for a clean file.

        Args:
            path: the file.
            sha256: of the content that is meant, in hex.

        Raises:
            ScannerUnavailableError: transient; the scanner is away, too slow, or cannot take this file.
            VaultUnavailableError: transient, with the code `source_changed`; the file is no longer that content.
        """
        ...


class ClamScanner:
    """clamd at an address.

    Args:
        address: `clamav://host:port` or `unix:/path`.
        timeout_s: for which clamd may be silent.
    """

    def __init__(self, address: str, timeout_s: float = _TIMEOUT_S) -> None:
        self._address = address
        self._timeout_s = timeout_s

    def scan(self, path: Path, sha256: str) -> str | None:
        """What clamd found; null for a clean file."""
        digest = hashlib.sha256()
        found = self.scan_pieces(_pieces_of(path, digest))
        if digest.hexdigest() != sha256:
            raise VaultUnavailableError(
                "the file changed while it was scanned; send it again once it is whole.", code="source_changed"
            )
        return found

    def scan_pieces(self, pieces: Iterable[bytes]) -> str | None:
        """What clamd found in these bytes; null when they are clean.

        Raises:
            ScannerUnavailableError: transient.
        """
        reply = self._ask(pieces)
        if reply == "stream: OK":
            return None
        if "size limit exceeded" in reply:
            _refuse_limit("takes no stream of that size; raise its StreamMaxLength")
        found = _FOUND.fullmatch(reply)
        if found is None or not reply.isprintable():
            _away("did not answer as clamd does")
        if found[1].startswith(_NOT_LOOKED_AT):
            _refuse_limit("did not look at all of the file; raise its MaxFileSize and MaxScanSize")
        return _NOT_SHOWN.sub("_", found[1])[:_SHOWN_CHARS]

    def _ask(self, pieces: Iterable[bytes]) -> str:
        with _as_away():
            connection = self._connect()
        with closing(connection):
            _send(connection, b"zINSTREAM\0")
            for piece in pieces:
                if not _send(connection, struct.pack("!I", len(piece)) + piece):
                    break
            else:
                _send(connection, struct.pack("!I", 0))
            with _as_away():
                return _read_reply(connection)

    def _connect(self) -> socket.socket:
        if self._address.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(self._timeout_s)
            connection.connect(self._address.removeprefix("unix:"))
            return connection
        parts = urlsplit(self._address)
        return socket.create_connection((parts.hostname or "", parts.port or _PORT), self._timeout_s)


def scanner_at(address: str) -> ClamScanner | None:
    """The scanner that `VIRUS_SCAN` names; null when scanning is off."""
    return None if address == "off" else ClamScanner(address)


def _pieces_of(path: Path, digest: hashlib._Hash) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            yield piece


def _send(connection: socket.socket, data: bytes) -> bool:
    """Whether clamd wants more: where it has answered already, or hung up, its answer says why."""
    if select.select([connection], [], [], 0)[0]:
        return False
    with _as_away():
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True


def _read_reply(connection: socket.socket) -> str:
    """The one line; empty where it broke off before its end."""
    reply = bytearray()
    while not reply.endswith(b"\0") and len(reply) < _MAX_REPLY_BYTES:
        piece = connection.recv(_MAX_REPLY_BYTES)
        if not piece:
            break
        reply += piece
    return reply[:-1].decode("utf-8", "replace") if reply.endswith(b"\0") else ""


def _refuse_limit(what: str) -> NoReturn:
    raise ScannerUnavailableError(
        f"the virus scanner {what} in clamd.conf to MAX_FILE_SIZE at least, and restart it. Until then larger files "
        "wait.",
        code="scanner_limit",
        retry_after_s=RETRY_AFTER_S,
    )


@contextmanager
def _as_away() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _away(f"cannot be reached, or broke off ({error.strerror or type(error).__name__})")


def _away(what: str) -> NoReturn:
    raise ScannerUnavailableError(
        f"the virus scanner {what}; start it, or correct VIRUS_SCAN. Nothing is taken in unscanned.",
        retry_after_s=RETRY_AFTER_S,
    )
