"""Writes the `.env` that docker-compose.yml needs, with passwords of this machine's own; one that exists stays.

Plain Python of the standard library: it runs before anything of ours is installed.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

ENV = Path(__file__).parents[1] / ".env"
PASSWORD_FILE = ENV.parent / "secrets" / "postgres_password"
TEXT = """\
# Made by `make env`, for the containers of docker-compose.yml. Every other setting: .env.example.
# Password of the containers' Postgres. It is set when the volume is made: change it as docs/operations/keys.md says.
POSTGRES_PASSWORD={password}
# Recordings and transcripts are encrypted with this ring of keys, made at the first start in a volume of its own. Copy
# it to where no backup lies: what it encrypts is lost without it (docs/operations/keys.md).
ENCRYPTION_KEY_FILE=/keys/ring
# Of the overrides: Redis and Flower (celery), Grafana's user admin (monitoring), Jupyter (dev).
REDIS_PASSWORD={redis}
FLOWER_PASSWORD={flower}
GRAFANA_PASSWORD={grafana}
JUPYTER_TOKEN={jupyter}
# The host name that the self-signed certificate is for.
SERVER_NAME={name}
# Processes that serve the API; each takes about 110 MB.
WORKERS=2
"""


def main() -> int:
    """0 when a .env is there afterwards, 1 when the one that is there lacks what the containers need."""
    name = sys.argv[1] if len(sys.argv) > 1 else "localhost"
    if not ENV.exists():
        ENV.touch(mode=0o600)
        made = {each: secrets.token_urlsafe(24) for each in ("password", "redis", "flower", "grafana", "jupyter")}
        ENV.write_text(TEXT.format(name=name, **made), encoding="utf-8")
        print("wrote .env; next: make image && docker compose up -d")
        return 0
    return check(ENV.read_text(encoding="utf-8").splitlines())


def check(lines: list[str]) -> int:
    """0 when a .env of these lines has what the containers need, else 1; says what is missing."""
    said = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    # With docker-compose.prod.yml the password is a file, and the line may be empty.
    if not said.get("POSTGRES_PASSWORD") and not ("POSTGRES_PASSWORD" in said and PASSWORD_FILE.exists()):
        print(".env is there, without POSTGRES_PASSWORD: add a line POSTGRES_PASSWORD=<a password of your own>")
        return 1
    if not said.get("ENCRYPTION_KEY_FILE"):
        print(".env names no ENCRYPTION_KEY_FILE: the containers take /keys/ring, and encrypt what comes from now on.")
        print("Copy that ring to where no backup lies, or what it encrypts may be lost: docs/operations/keys.md")
    print(".env is there already; nothing was changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
