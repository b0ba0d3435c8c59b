"""What stands around a reply: values picked out of a server's JSON without trusting its shape.

What lives here: `pick()`, what both SDKs' envelopes have in common, and the key that goes onto each.
When to add here: a field that every provider sends under some name.
What to keep out: the names that one provider gives them (its own module), the reply itself (`replies.py`).

The SDKs' typed replies are not used: one believes any shape, the other raises errors that quote the reply.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from nurseconv_dagster.errors import ProviderAuthError, ProviderReplyError
from nurseconv_dagster.extraction.hosted.calls import Finish

_MODEL_NAME = re.compile(r"[\w.:/@+-]{1,120}")


def pick(envelope: Any, *path: str | int) -> Any:
    """What stands at the end of the path; null where it leads nowhere.

    Args:
        path: keys of objects and indices of lists.
    """
    for step in path:
        if isinstance(step, int):
            if not isinstance(envelope, list) or step >= len(envelope):
                return None
            envelope = envelope[step]
        else:
            envelope = envelope.get(step) if isinstance(envelope, dict) else None
    return envelope


def pick_count(envelope: Any, *path: str | int) -> int | None:
    """A number of tokens, 0 or more; null where none stands there."""
    value = pick(envelope, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def pick_model(envelope: Any, key: str, asked: str) -> str:
    """The model that answered; the one asked for where the server names none, or puts prose in the name's place."""
    value = pick(envelope, key)
    return value if isinstance(value, str) and _MODEL_NAME.fullmatch(value) else asked


def check_text(value: Any, provider: str) -> str:
    """The reply's words; "" for a null.

    Raises:
        ProviderReplyError: permanent; they are no text, or text that cannot be stored (half a surrogate pair).
    """
    text = "" if value is None else value
    if not isinstance(text, str) or any("\ud800" <= character <= "\udfff" for character in text):
        raise ProviderReplyError(f"{provider} answered with something that is no text", code="provider_reply_not_text")
    return text


def check_finish(told: Any, finishes: Mapping[str, Finish], provider: str) -> Finish:
    """How the reply ended, in our words.

    Args:
        told: what the server said, of any type.
        finishes: the provider's names for the ends that we know.

    Raises:
        ProviderReplyError: permanent; it ended in another way, or nobody says that it ended.
    """
    finish = finishes.get(told) if isinstance(told, str) else None
    if finish is None:
        raise ProviderReplyError(f"{provider} broke its reply off", code="provider_reply_unfinished")
    return finish


def check_key(key: str, provider: str) -> str:
    """The key as it may stand in a header. Libraries quote a bad header in their errors and logs, so none gets there.

    Raises:
        ProviderAuthError: permanent; it has characters that no key has.
    """
    stripped = key.strip()
    if not re.fullmatch(r"[!-~]+", stripped):
        raise ProviderAuthError(
            f"{provider.upper()}_API_KEY is empty or has characters that no key has; copy it once more"
        )
    return stripped


def name_credential(key: str, address: str) -> str:
    """12 hex digits that change when key or address does, and from which neither can be read."""
    return hashlib.sha256(f"{key}\n{address}".encode()).hexdigest()[:12]
