"""Object stores that tests talk to over real HTTP: moto's S3, which also understands Google's XML API, and Azurite.

What lives here: `Cloud`, one for each address scheme, with what a hospital's programs do to a bucket.
When to add here: another cloud's server.
What to keep out: laws.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from nurseconv_dagster.intake.clouds import open_store

# Azurite's account, the same everywhere and in its documentation.
_ACCOUNT = "devstoreaccount1"
_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CLOUD_VARIABLES = ("AWS_", "GOOGLE_", "AZURE_")


@dataclass(frozen=True)
class Cloud:
    """A bucket in a running object store, made for one test.

    Args:
        url: of the bucket, with a prefix.
        address: of the server.
    """

    url: str
    address: str

    @property
    def name(self) -> str:
        return self.url.split("/")[2]

    def put(self, key: str, content: bytes = b"sound", age_s: float = 60.0) -> None:
        """An object below the prefix, last changed so long ago."""
        obstore.put(open_store(self.url, allow_http=False), key, content, mode="overwrite", use_multipart=False)
        if not self.url.startswith("az:"):
            self.kept()[f"ward/{key}"].last_modified = datetime.fromtimestamp(time.time() - age_s, UTC)

    def put_many(self, keys: list[str], content: bytes = b"{}") -> None:
        """Many objects, put into the server's memory; moto only."""
        for key in keys:
            self.backend().put_object(self.name, f"ward/{key}", content)

    def keys(self) -> set[str]:
        return {meta["path"] for page in obstore.list(open_store(self.url, allow_http=False)) for meta in page}

    def kept(self) -> Any:
        """The server's own objects, by full key; moto only."""
        return self.backend().buckets[self.name].keys

    def backend(self) -> Any:
        [found] = [each["aws"] for each in s3_backends.values() if self.name in each["aws"].buckets]
        return found


@contextmanager
def moto() -> Iterator[str]:
    """The address of a running server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def bucket_at(scheme: str, address: str) -> Cloud:
    """A fresh bucket, and the environment in which the product reaches it."""
    name = f"uploads{uuid4().hex}"  # Google's client escapes a hyphen, which moto does not take
    for variable in [name for name in os.environ if name.startswith(CLOUD_VARIABLES)]:
        del os.environ[variable]
    if scheme == "az":
        os.environ |= {
            "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": _ACCOUNT_KEY,
            "AZURE_STORAGE_ENDPOINT": f"{address}/{_ACCOUNT}",
        }
        _make_container(address, name)
    else:
        urllib.request.urlopen(urllib.request.Request(f"{address}/{name}", method="PUT")).close()
        if scheme == "s3":
            os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": address}
        else:
            os.environ |= {"GOOGLE_BASE_URL": address, "GOOGLE_BEARER_TOKEN": "token"}
    return Cloud(f"{scheme}://{name}/ward", address)


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """The address of a running Azurite; it must be installed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["azurite-blob", "--blobPort", str(port), "--location", str(folder), "--silent", "--skipApiVersionCheck"]
    process = subprocess.Popen(
        [*command, "--disableTelemetry"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def has_azurite() -> bool:
    return shutil.which("azurite-blob") is not None


def _make_container(address: str, name: str) -> None:
    """Source: "Authorize with Shared Key" of Azure's REST documentation."""
    date = formatdate(usegmt=True)
    path = f"/{_ACCOUNT}/{name}"
    signed = f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{_ACCOUNT}{path}\nrestype:container"
    signature = base64.b64encode(hmac.new(base64.b64decode(_ACCOUNT_KEY), signed.encode(), hashlib.sha256).digest())
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-08-06",
        "Content-Length": "0",
        "Authorization": f"SharedKey {_ACCOUNT}:{signature.decode()}",
    }
    request = urllib.request.Request(f"{address}{path}?restype=container", method="PUT", headers=headers)
    urllib.request.urlopen(request).close()
