"""What a person sees while work goes on: a line per stage, from the ledger, every second.

What lives here: `watching()`.
When to add here: another figure worth watching.
What to keep out: doing the work; words and names.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from sqlalchemy import Engine

from nurseconv_dagster.errors import StoreUnavailableError
from nurseconv_dagster.store import listings

_EVERY_S = 2.0


@contextmanager
def watching(engine: Engine) -> Iterator[None]:
    """Progress on stderr while the block runs: in place on a terminal, a line per change elsewhere."""
    console, stop = Console(stderr=True), threading.Event()

    def show() -> None:
        with console.status("starting") as spinner:
            last = ""
            while not stop.wait(_EVERY_S):
                line = _describe(engine)
                spinner.update(line)
                if line != last and not console.is_terminal:
                    console.print(line, highlight=False)
                last = line

    thread = threading.Thread(target=show, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _describe(engine: Engine) -> str:
    try:
        stages = listings.count_open_by_stage(engine)
    except StoreUnavailableError:
        return "the database does not answer"
    if not stages:
        return "building the reporting tables"
    waiting = ", ".join(f"{count} before {stage}" for stage, count in stages.items())
    return f"working: {waiting}"
