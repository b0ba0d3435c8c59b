"""Choices that look random and are always the same for the same key and words.

What lives here: `Keyed`: a rank, a number or digits from a secret key and what they are for.
When to add here: another kind of choice.
What to keep out: what is chosen from (`surrogates.py`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Keyed:
    """Choices of one upload.

    Args:
        key: secret, another one for each upload: who has it can test guesses of a name.
    """

    key: bytes = field(repr=False)

    def number(self, *purpose: object) -> int:
        """A large whole number for a purpose; the same for the same key and purpose.

        Args:
            purpose: what it is for, told by values whose `str` is stable.
        """
        message = "\x1f".join(str(word) for word in purpose).encode()
        return int.from_bytes(hmac.new(self.key, message, hashlib.sha256).digest(), "big")

    def ranked(self, choices: Iterable[T], *purpose: object) -> list[T]:
        """All choices in an order of this key."""
        return sorted(choices, key=lambda choice: self.number(*purpose, choice))

    def digits(self, n: int, *purpose: object) -> str:
        """So many decimal digits, the first never 0 or 1."""
        number = self.number(*purpose)
        return f"{2 + number % 8}{str(number)[::-1]:0<{n}}"[:n]
