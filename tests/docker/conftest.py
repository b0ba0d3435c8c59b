"""What all tests of the containers share: the proxy's modules lie outside the package, where its image finds them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docker" / "socket_proxy"))
