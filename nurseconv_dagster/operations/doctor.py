"""Tests of each part, one line each: what was found, and what to do where it is wrong.

What lives here: `examine()` and its parts.
When to add here: a part that can be missing, wrong or away.
What to keep out: mending anything; a doctor looks.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path

import typer

from nurseconv_dagster.encryption.ring import ring_of
from nurseconv_dagster.errors import NurseconvError
from nurseconv_dagster.intake.folder_bucket import FolderBucket
from nurseconv_dagster.intake.object_bucket import ObjectBucket
from nurseconv_dagster.intake.scanning import EICAR, scanner_at
from nurseconv_dagster.operations.addresses import Address
from nurseconv_dagster.operations.embedded_postgres import server_is_up
from nurseconv_dagster.operations.home import PROJECT, environment
from nurseconv_dagster.operations.hosted import describe_privacy, describe_spending
from nurseconv_dagster.settings import HOSTED, Settings
from nurseconv_dagster.store import audit, listings
from nurseconv_dagster.store.engine import app_url, open_engine
from nurseconv_dagster.store.promises import PROMISES, count_broken
from nurseconv_dagster.store.resealing import count_texts
from nurseconv_dagster.store.schema import check_schema
from nurseconv_dagster.store.workers import STAGE_QUEUES, list_workers, queues_served
from nurseconv_dagster.telemetry.logs import log_file
from nurseconv_dagster.telemetry.traces import VARIABLE

_LEAST_FREE_BYTES = 2 * 1024**3
_ZEROS = bytes(1 << 18)

Part = Callable[[Settings], str]


def examine(settings: Settings, *, definitions: bool) -> int:
    """The exit code: 0 when every part is well, 1 when one is not."""
    parts: dict[str, Part] = {
        "versions": _versions,
        "home": _home,
        "bucket": _bucket,
        "scanner": _scanner,
        "database": _database,
        "ledger": _ledger,
        "audit": _audit,
        "catalogue": _catalogue,
        "speech": _speech,
        "reader": _reader,
        "hosted": _hosted_models,
        "encryption": _encryption,
        "daemon": _daemon,
        "api": _api,
        "log": _log,
        "traces": _traces,
    }
    if settings.has_celery:
        parts["celery"] = _celery
    if definitions:
        parts["definitions"] = _definitions
    return tell_each({name: partial(part, settings) for name, part in parts.items()})


def tell_each(parts: Mapping[str, Callable[[], str]]) -> int:
    """The exit code: 0 when every part is well, else 1. Prints a line for each as soon as it is known."""
    n_ill = 0
    for name, part in parts.items():
        try:
            typer.echo(f"ok    {name:<12} {part()}")
        except NurseconvError as error:
            n_ill += 1
            typer.echo(f"WRONG {name:<12} {error}")
    return 1 if n_ill else 0


def _versions(settings: Settings) -> str:
    names = ("nurseconv", "dagster", "dbt-core", "faster-whisper", "onnxruntime", "sqlalchemy")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


def _home(settings: Settings) -> str:
    if not settings.home.exists():
        raise NurseconvError(f"{settings.home} does not exist yet; run `nurseconv migrate`.")
    free_bytes = shutil.disk_usage(settings.home).free
    if free_bytes < _LEAST_FREE_BYTES:
        raise NurseconvError(f"{settings.home}: only {free_bytes / 1024**3:.1f} GiB free; recordings need room.")
    return f"{settings.home}, {free_bytes / 1024**3:.0f} GiB free"


def _bucket(settings: Settings) -> str:
    url = settings.bucket_url
    bucket = ObjectBucket(url, allow_http=settings.bucket_allow_http) if url else FolderBucket(settings.bucket_dir)
    return bucket.check()


def _scanner(settings: Settings) -> str:
    """Whether it finds the test file that every scanner finds, and takes the largest file that we do."""
    scanner = scanner_at(settings.virus_scan)
    if scanner is None:
        return "off; VIRUS_SCAN turns it on"
    if scanner.scan_pieces([EICAR]) is None:
        raise NurseconvError("the virus scanner does not find the EICAR test file; update its signatures (freshclam).")
    whole, rest = divmod(settings.max_file_size, len(_ZEROS))
    scanner.scan_pieces([*repeat(_ZEROS, whole), _ZEROS[:rest]] if rest else repeat(_ZEROS, whole))
    return f"finds the EICAR test file, and takes {settings.max_file_size} bytes"


def _database(settings: Settings) -> str:
    if not settings.database_url and not server_is_up(settings.home):
        raise NurseconvError("the embedded Postgres is not running; any other command starts it: `nurseconv migrate`.")
    url = app_url(settings)
    engine = open_engine(url)
    check_schema(engine)
    engine.dispose()
    return f"{url.host}:{url.port}, schema up to date"


def _ledger(settings: Settings) -> str:
    engine = open_engine(app_url(settings))
    broken = [f"{promise.sentence} ({count})" for promise in PROMISES if (count := count_broken(engine, promise))]
    counts = listings.count_by_status(engine)
    engine.dispose()
    if broken:
        raise NurseconvError("these promises are broken: " + " ".join(broken))
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "empty"


def _audit(settings: Settings) -> str:
    engine = open_engine(app_url(settings))
    n_right, first_wrong = audit.verify(engine)
    engine.dispose()
    if first_wrong is not None:
        raise NurseconvError(f"the audit log was changed: row {first_wrong} does not fit the chain.")
    return f"{n_right} rows, the chain holds"


def _catalogue(settings: Settings) -> str:
    from nurseconv_dagster.extraction.catalogue import load_catalogue
    from nurseconv_dagster.extraction.confidence import load_weights
    from nurseconv_dagster.scoring.rubric import load_rubric

    catalogue = load_catalogue(settings.catalogue_file)
    if settings.default_profile not in catalogue.profiles:
        allowed = ", ".join(sorted(catalogue.profiles))
        raise NurseconvError(f"DEFAULT_PROFILE={settings.default_profile} is not in the catalogue; allowed: {allowed}.")
    load_rubric(settings.rubric_file)
    load_weights(settings.confidence_file)
    return f"{catalogue.version}, profiles {', '.join(catalogue.profiles)}"


def _speech(settings: Settings) -> str:
    from nurseconv_dagster.speech.weights import find_weights

    weights = find_weights(settings.whisper_model, settings.home)
    return f"{weights.name} {weights.revision[:12]}"


def _reader(settings: Settings) -> str:
    from nurseconv_dagster.resources.extractors import client, offline

    names = settings.active_providers
    found = [client(name, settings) if name in HOSTED else offline(name, settings) for name in names]
    return ", ".join(f"{provider.name} {provider.model_name}".strip() for provider in found)


def _hosted_models(settings: Settings) -> str:
    engine = open_engine(app_url(settings))
    spending = describe_spending(settings, engine)
    engine.dispose()
    return f"{describe_privacy(settings)} {spending}"


def _celery(settings: Settings) -> str:
    engine = open_engine(app_url(settings))
    found = list_workers(engine)
    missing = STAGE_QUEUES - queues_served(engine)
    engine.dispose()
    if missing:
        away = [worker.name for worker in found if worker.is_alive and not worker.reaches_redis]
        hint = f" These workers live and do not reach Redis: {', '.join(away)}." if away else ""
        raise NurseconvError(
            f"no worker listens to {', '.join(sorted(missing))}; start one: nurseconv worker --queues all.{hint}"
        )
    return ", ".join(worker.name for worker in found if worker.is_alive)


def _encryption(settings: Settings) -> str:
    ring, engine = ring_of(settings), open_engine(app_url(settings))
    counts = count_texts(engine)
    engine.dispose()
    share = f"{counts.total() - counts['']} of {counts.total()} texts are encrypted; doctor --deep counts recordings"
    return f"newest key {ring.newest.id}, {share}" if ring.newest else f"off (ENCRYPTION_KEY_FILE is empty), {share}"


def _daemon(settings: Settings) -> str:
    engine = open_engine(app_url(settings))
    alive = listings.daemon_is_alive(engine, settings.reconcile_every_s)
    engine.dispose()
    return "running" if alive else "not running; `nurseconv ingest` does the work itself, `nurseconv up` starts it"


def _api(settings: Settings) -> str:
    """Whether somebody answers at the API's address, and with figures."""
    address = Address(settings.host, settings.port)
    if not address.answers("/ready"):
        return f"no API answers at {address.url}; `nurseconv api` serves it alone, `nurseconv up` with the rest"
    has_metrics = address.answers("/metrics")
    return f"answers at {address.url}, " + ("with metrics" if has_metrics else "metrics need a key (scope read)")


def _log(settings: Settings) -> str:
    path = log_file(settings)
    folder = path.parent if path.parent.exists() else settings.home
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise NurseconvError(f"{path} cannot be written by this user; give it back with its folder (chown).")
    return f"{path}, {path.stat().st_size / 1024**2:.1f} MiB" if path.exists() else f"{path}, nothing written yet"


def _traces(settings: Settings) -> str:
    where = os.environ.get(VARIABLE)
    if not where:
        return f"off; {VARIABLE} names a collector"
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise NurseconvError(f"{VARIABLE} is set and nothing is sent there: pip install 'nurseconv[telemetry]'")
    return "sent to the collector that the environment names"


def _definitions(settings: Settings) -> str:
    """Dagster's own validation, in a process of its own as the code server would load it."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
        [
            str(Path(sys.executable).with_name("dagster")),
            "definitions",
            "validate",
            "-w",
            str(PROJECT / "workspace.yaml"),
        ],
        env={**os.environ, **environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NurseconvError(f"dagster definitions validate failed: {_tail(done.stderr + done.stdout)}")
    return "dagster loads them all"


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-15:])
