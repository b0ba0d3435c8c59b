"""How often a caller may come: `RATE_LIMIT` requests a minute for each key, and for each address without one.

What lives here: `take_turn()`; `refuse_haste()` for whoever took a turn already, as keys do when they are found.
When to add here: another subject that is counted, or an address that a proxy vouches for.
What to keep out: the counting itself, which holds across workers (`store.rate_limits`).

A key that counts is counted alone: whoever shares its address, behind a proxy or a hospital's gateway, must not be able
to shut it out. Requests without such a key, refused ones above all, are counted by address.
"""

from __future__ import annotations

import math

from fastapi import Request

from nurseconv_dagster.api.parts import parts_of
from nurseconv_dagster.errors import TooManyRequestsError
from nurseconv_dagster.store import rate_limits


def take_turn(request: Request, actor: str | None = None) -> None:
    """Nothing, when this request is taken.

    Args:
        request: whose address counts when we do not know who calls.
        actor: who calls; null when no key or session that counts came with it.

    Raises:
        TooManyRequestsError: transient; says how long to wait.
    """
    parts = parts_of(request)
    if parts.settings.rate_limit:
        address = request.client.host if request.client else "unknown"
        wait_s = rate_limits.count(parts.engine, actor or f"address:{address}", parts.settings.rate_limit)
        refuse_haste(request, wait_s, "this session" if actor else "requests without a good key, from your address,")


def refuse_haste(request: Request, wait_s: float, who: str) -> None:
    """Nothing, when there is nothing to wait for.

    Args:
        request: any of this app.
        wait_s: seconds until the next request is taken.
        who: is told to wait.

    Raises:
        TooManyRequestsError: transient; says how long to wait.
    """
    if wait_s:
        raise TooManyRequestsError(
            f"{who} may come {parts_of(request).settings.rate_limit} times a minute; "
            f"wait {math.ceil(wait_s)} s and send it again.",
            retry_after_s=wait_s,
        )
