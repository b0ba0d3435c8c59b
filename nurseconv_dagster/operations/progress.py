"""What a person sees while a command works through many things: how far it is, every two seconds.

What lives here: `counted()`.
When to add here: nothing; what the stages do is watched by `watch`.
What to keep out: names and keys of what is worked on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

import typer

EVERY_S = 2.0
Item = TypeVar("Item")


def counted(items: Iterable[Item], what: str) -> Iterator[Item]:
    """The items, one after the other; a line on stderr every two seconds says how many are done.

    Args:
        items: of any length; where it is known, the line has it.
        what: such as "objects verified".
    """
    of = f" of {len(items)}" if isinstance(items, Sized) else ""
    told_at = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - told_at >= EVERY_S:
            told_at = time.monotonic()
            typer.echo(f"  {number}{of} {what}", err=True)
        yield item
