"""The server's own process: uvicorn, around it a folder in which its workers count.

What lives here: `python -m nurseconv_dagster.operations.api_process`, with uvicorn's own options.
When to add here: something that must be there before the first worker and gone after the last.
What to keep out: imports of the API, which each worker makes for itself; the choice of options (`api_server`).

The folder is temporary and this process's own. Replicas share a home, and process ids repeat from container to
container: in a folder of the home they would count in each other's files.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from types import FrameType


def serve(options: list[str]) -> None:
    """Serves until a signal ends it; the folder is gone afterwards.

    Args:
        options: uvicorn's.
    """
    signal.signal(signal.SIGTERM, _end)  # uvicorn passes the signal on once it has drained, which ends us unheard
    with tempfile.TemporaryDirectory(prefix="nurseconv-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # prometheus-client looks once, when it is imported
        import uvicorn

        uvicorn.main(options)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    serve(sys.argv[1:])
