"""The addresses on which parts of `nurseconv up` listen: free before the start, answering after it.

What lives here: `Address` and `accepts()`.
When to add here: another way to find out whether somebody listens.
What to keep out: which part listens where (serve).
"""

from __future__ import annotations

import errno
import http.client
import socket
from dataclasses import dataclass
from pathlib import Path

from nurseconv_dagster.errors import AlreadyTakenError, SettingsError

_PATIENCE_S = 2.0
# What a program that listens everywhere is reached at.
_REACHED_AT = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True)
class Address:
    """Where a part of ours listens for HTTP.

    Args:
        host: a name or an address of this machine.
        port: 1 to 65535.
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """For a browser on this machine."""
        host = self._reached_at
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def _reached_at(self) -> str:
        return _REACHED_AT.get(self.host, self.host)

    def check_free(self, other: str) -> None:
        """Nothing listens here yet.

        Args:
            other: how to start on another port, with {} for it, such as "nurseconv up --port {}".

        Raises:
            AlreadyTakenError: something does.
            SettingsError: nobody can listen here.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            socket.create_server((self.host, self.port), family=family).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = str(error.strerror).partition(" (")[0]
                raise SettingsError(
                    f"cannot listen on {self.host}, port {self.port}: {reason}. Allowed: an address of this "
                    "machine, such as 127.0.0.1, and a port from 1024 to 65535."
                ) from None
            raise AlreadyTakenError(
                f"port {self.port} of {self.host} is taken: another program listens there, perhaps another "
                f"`nurseconv up`. Stop it, or choose another port: `{other.format(_beside(self.port))}`."
            ) from None

    def answers(self, path: str) -> bool:
        """Whether a GET of this path is answered with 200."""
        connection = http.client.HTTPConnection(self._reached_at, self.port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def accepts(path: Path) -> bool:
    """Whether somebody listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE_S)
        return probe.connect_ex(str(path)) == 0


def _beside(port: int) -> int:
    """Another port to try, not far away."""
    return port + 10 if port + 10 <= 65535 else port - 10
