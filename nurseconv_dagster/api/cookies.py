"""Signed cookies: what a browser brings back is ours, or is not looked at.

What lives here: `Signer`, and how our cookies are set.
When to add here: another cookie, with a purpose of its own.
What to keep out: what the content means (`sessions`, `oidc`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from fastapi import Request, Response

from nurseconv_dagster.secret_key import derive_key
from nurseconv_dagster.settings import Settings


class Signer:
    """Signs texts for one purpose with a key of the home.

    Args:
        settings: whose secret is used.
        purpose: a signature for one purpose is none for another.
    """

    def __init__(self, settings: Settings, purpose: str) -> None:
        self._key = derive_key(settings, f"cookies:{purpose}")

    def tag(self, text: str) -> str:
        """64 hexadecimal digits that nobody else can make for this text."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def sign(self, text: str) -> str:
        """The text with its signature, in characters that a cookie may have."""
        return f"{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.{self.tag(text)}"

    def read(self, signed: str) -> str | None:
        """The text; null when the signature is not ours."""
        body, _, tag = signed.partition(".")
        try:
            text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
        except (binascii.Error, ValueError):
            return None
        return text if hmac.compare_digest(self.tag(text).encode(), tag.encode()) else None


def set_cookie(request: Request, response: Response, name: str, value: str, max_age_s: int) -> None:
    """Sets a cookie that scripts cannot read and other sites do not send along with a form.

    `Lax`, not `Strict`: a link in a mail, or the way back from the hospital's login, must arrive logged in. What
    changes something needs the token against forged requests as well.
    """
    response.set_cookie(
        name, value, max_age=max_age_s, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
