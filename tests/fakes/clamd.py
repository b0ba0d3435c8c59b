"""clamd: the real one with signatures of our own, and one that answers what it is told to.

What lives here: `real_clamd()`, `talking_clamd()`.
When to add here: another way in which a scanner misbehaves.
What to keep out: laws.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nurseconv_dagster.intake.scanning import EICAR

SIGNATURE = "Test.EICAR"


@contextmanager
def real_clamd(**limits: str) -> Iterator[str]:
    """The address of a running clamd that knows one signature; it must be installed.

    Args:
        limits: lines of its configuration, such as StreamMaxLength="1M".
    """
    folder = Path(tempfile.mkdtemp(prefix="clamd-"))  # short: a socket's path has at most 107 characters
    signatures = folder / "signatures"
    signatures.mkdir()
    (signatures / "own.hdb").write_text(f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:{SIGNATURE}\n")
    address = folder / "clamd.ctl"
    lines = {
        "LocalSocket": address, "DatabaseDirectory": signatures, "Foreground": "yes", "LogFile": folder / "log",
        "AlertExceedsMax": "yes", **limits,
    }  # fmt: skip
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    process = subprocess.Popen(
        ["clamd", "--config-file", str(folder / "clamd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(address, process, folder / "log")
        yield f"unix:{address}"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


@contextmanager
def talking_clamd(reply: bytes | None, *, hangs_up_at: int | None = None) -> Iterator[str]:
    """The address of a scanner that takes a stream and says this.

    Args:
        reply: null for one that says nothing and stays on the line.
        hangs_up_at: so many bytes of the stream it takes, then it says its reply; null for all.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                _take(connection, hangs_up_at)
                if reply is None:
                    stop.wait(30)
                else:
                    connection.sendall(reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"clamav://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _take(connection: socket.socket, at_most: int | None) -> None:
    """Source: the manual page clamd(8): the command, pieces with their length before them, a length of 0."""
    with connection.makefile("rb") as stream:
        assert stream.read(10) == b"zINSTREAM\0"
        n_taken = 0
        while at_most is None or n_taken < at_most:
            (length,) = struct.unpack("!I", stream.read(4))
            if length == 0:
                return
            n_taken += len(stream.read(length))


def _wait_for(address: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"clamd ended: {log.read_text() if log.exists() else ''}")
        with socket.socket(socket.AF_UNIX) as probe:
            if address.exists() and probe.connect_ex(str(address)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("clamd does not answer")
