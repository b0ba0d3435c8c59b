"""A bucket's address becomes a client of its cloud, and the cloud's errors become ours, without what they quote.

What lives here: `open_store()`, `speaking_of_listing()`, `speaking_of_a_file()`.
When to add here: another cloud, another way to be told how to reach one.
What to keep out: what is done with a bucket (`object_bucket`).

Each cloud finds its credentials by its own chain of environment variables and the machine's identity; see
docs/operations/buckets.md. The client's errors quote keys, addresses and replies, and a key may hold a name: of them
only the HTTP status and the cloud's own code for what happened get out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nurseconv_dagster.errors import BucketUnavailableError, SettingsError, VaultUnavailableError

if TYPE_CHECKING:
    from obstore.store import AzureStore, ClientConfig, GCSStore, RetryConfig, S3Store

    Store = S3Store | GCSStore | AzureStore

# Where each cloud's client looks for another address than the cloud's own, in its order.
ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
# A sensor has 60 s for its tick: 20 s to begin files in, and this for the last one.
_FETCH_AT_MOST = timedelta(seconds=30)
_CONNECT_AT_MOST, _SILENCE_AT_MOST, _RETRY_AT_MOST = timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=10)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")


def open_store(url: str, *, allow_http: bool) -> Store:
    """The client of a bucket and a prefix in it; nothing is sent yet.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, already checked.
        allow_http: whether an endpoint on another machine may be reached without TLS.

    Raises:
        SettingsError: the environment names an endpoint or credentials that cannot be used.
    """
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store

    parts = urlsplit(url)
    store: type[S3Store | GCSStore | AzureStore] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[parts.scheme]
    client: ClientConfig = {
        "allow_http": _may_speak_http(parts.scheme, allow_http=allow_http),
        "connect_timeout": _CONNECT_AT_MOST,
        "read_timeout": _SILENCE_AT_MOST,
        "timeout": _FETCH_AT_MOST,
    }
    retries: RetryConfig = {"max_retries": 3, "retry_timeout": _RETRY_AT_MOST}
    try:
        return store(parts.netloc, prefix=parts.path.strip("/") or None, client_options=client, retry_config=retries)
    except (BaseError, ValueError, OSError):
        name = "AZURE_STORAGE_ACCOUNT_NAME and the account's credentials" if parts.scheme == "az" else "its credentials"
        raise SettingsError(
            f"UPLOAD_DIR={parts.scheme}://... cannot be used with what the environment says of this cloud; set {name} "
            "as docs/operations/buckets.md lists them."
        ) from None


@contextmanager
def speaking_of_listing() -> Iterator[None]:
    """Errors of the client, while the bucket is listed, as one about the bucket."""
    from obstore.exceptions import BaseError, InvalidPathError

    try:
        yield
    except InvalidPathError:
        raise BucketUnavailableError(
            "the bucket cannot be listed: it holds a key with an empty folder name (//), or with . or .. as one; "
            "rename or remove that object.",
            code="bucket_bad_key",
        ) from None
    except (BaseError, OSError, ValueError) as error:
        if (status := _STATUS.search(str(error))) and status[1] in ("401", "403"):
            raise BucketUnavailableError(
                f"the bucket may not be listed{_reason(error)}; give the service credentials that may do so.",
                code="bucket_denied",
            ) from None
        raise BucketUnavailableError(
            f"the bucket cannot be reached{_reason(error)}; check that it exists, its region, the endpoint, the "
            "credentials and the network."
        ) from None


@contextmanager
def speaking_of_a_file(doing: str) -> Iterator[None]:
    """Errors of the client about one object as one about a file that waits; `FileNotFoundError` passes."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError from None
    except (BaseError, OSError, ValueError) as error:
        raise VaultUnavailableError(
            f"a file of the bucket cannot be {doing}{_reason(error)}; check the service's rights, and the network.",
            code="source_not_removed" if doing == "removed" else "source_unreadable",
        ) from None


def _may_speak_http(scheme: str, *, allow_http: bool) -> bool:
    endpoint = next((value for name in ENDPOINTS[scheme] if (value := os.environ.get(name))), "")
    parts = urlsplit(endpoint)
    if parts.scheme != "http":
        return False
    if not allow_http and parts.hostname not in _LOOPBACK:
        raise SettingsError(
            f"{' or '.join(ENDPOINTS[scheme])} is an address without TLS on another machine; recordings would cross "
            "the network in the clear. Use https, or set BUCKET_ALLOW_HTTP=true where the network is your own."
        )
    return True


def _reason(error: Exception) -> str:
    """What may be told of the client's error: the status, and the cloud's code for it."""
    text = str(error)
    found = [match[1] for pattern in (_STATUS, _CODE) if (match := pattern.search(text))]
    return f" ({' '.join(found)})" if found else ""
