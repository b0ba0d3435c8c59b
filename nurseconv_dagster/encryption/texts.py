"""Sealed texts: a cell of a table, as one line.

What lives here: `seal_text()`, `open_text()`, `text_sealed_with()`.
When to add here: nothing but what the form of the line needs.
What to keep out: which columns are sealed (store.codec).

The form: `ncseal1:<key id>:<base64 of nonce and AES-GCM>`. What a column is for is authenticated with it, so that a
cell put into another column does not open. A text that is not sealed and begins like a sealed one gets `ncseal1::`
before it.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag

from nurseconv_dagster.encryption.ring import Ring
from nurseconv_dagster.errors import SealedError

PREFIX = "ncseal1:"
PLAIN = f"{PREFIX}:"
_NONCE_BYTES = 12


def seal_text(text: str, purpose: str, ring: Ring) -> str:
    """The text as it stands in the table; as it is when the ring has no key.

    Args:
        text: any text.
        purpose: of the column, such as "full_text"; the same when it is opened.
        ring: its newest key seals.
    """
    key = ring.newest
    if key is None:
        return PLAIN + text if text.startswith(PREFIX) else text
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + key.cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), purpose.encode())
    return f"{PREFIX}{key.id}:{base64.b64encode(sealed).decode()}"


def open_text(cell: str, purpose: str, ring: Ring) -> str:
    """The text that was put in, sealed or not.

    Raises:
        SealedError: permanent; the ring does not hold the key, or the cell was changed.
    """
    if not cell.startswith(PREFIX):
        return cell
    key_id, _, body = cell.removeprefix(PREFIX).partition(":")
    if not key_id:
        return body
    cipher = ring.find(key_id).cipher
    try:
        sealed = base64.b64decode(body, validate=True)
        opened = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
    except (InvalidTag, binascii.Error, ValueError):
        raise SealedError(
            f"a text that the encryption key {key_id} has sealed was changed; restore the database from a backup."
        ) from None
    return opened.decode("utf-8", "surrogatepass")
