"""Laws of the commands about access: a secret is shown once, the log is proven, the first start gives a key."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from nurseconv_dagster.errors import RequestRefusedError
from nurseconv_dagster.operations.api_server import api_command, first_key
from nurseconv_dagster.operations.cli import app
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.keys import admit_key

pytestmark = pytest.mark.usefixtures("home")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_key_is_made_listed_rotated_and_revoked_and_its_secret_shown_once(store_engine: Engine) -> None:
    made = run("keys", "make", "lab", "--scope", "upload", "--scope", "read", "--unit", "A", "--expires", "90d")
    token = made.stdout.strip()
    assert re.fullmatch(r"nc_[0-9a-f]{12}_[0-9a-f]{64}", token)
    listed = json.loads(run("keys", "list", "--json").stdout)
    key_id = token.split("_")[1]
    assert [(key["id"], key["scopes"], key["units"], key["state"]) for key in listed] == [
        (key_id, ["read", "upload"], ["A"], "good")
    ]
    for shown in (json.dumps(listed), run("keys", "list").output):
        assert token.split("_")[2] not in shown
        assert "sha256" not in shown
    fresh = run("keys", "rotate", key_id).stdout.strip()
    assert admit_key(store_engine, token)[0] is None
    assert admit_key(store_engine, fresh)[0] is not None
    assert run("keys", "revoke", key_id).exit_code == 0
    assert admit_key(store_engine, fresh)[0] is None
    assert "revoked" in run("keys", "list").output


@pytest.mark.parametrize(
    "options",
    [
        ["--scope", "root", "--unit", "A"],
        ["--unit", "A"],
        ["--scope", "read", "--unit", "A", "--expires", "soon"],
        ["--scope", "read", "--unit", "A", "--expires", "2001-01-01"],
    ],
)
def test_a_wrong_wish_for_a_key_is_wrong_usage(options: list[str]) -> None:
    assert run("keys", "make", "lab", *options).exit_code == 2


def test_a_key_without_reach_is_refused_with_what_to_do() -> None:
    refused = run("keys", "make", "lab", "--scope", "read")
    assert isinstance(refused.exception, RequestRefusedError)
    assert "name one or more" in str(refused.exception)


def test_the_first_start_gives_an_admins_key_and_later_ones_give_none(store_engine: Engine) -> None:
    token = first_key(store_engine)
    assert token is not None
    found, _ = admit_key(store_engine, token)
    assert found is not None
    assert found.scopes == {"admin"}
    assert first_key(store_engine) is None
    run("keys", "revoke", found.id)
    assert first_key(store_engine) is None, "who revoked it wants no other"


def test_a_changed_audit_log_is_found_by_the_command(store_engine: Engine) -> None:
    first_key(store_engine)
    audit.seal(store_engine)
    good = run("audit", "verify")
    assert (good.exit_code, "1 rows, the chain holds" in good.output) == (0, True)
    assert audit.newest_hash(store_engine) in good.output
    with transaction(store_engine) as connection:
        connection.execute(text("alter table audit_log disable trigger audit_log_append_only"))
        connection.execute(text("update audit_log set actor = 'somebody else'"))
    bad = run("audit", "verify")
    assert (bad.exit_code, "WRONG" in bad.output) == (1, True)


def test_the_servers_command_line_says_what_the_settings_say(home: Settings) -> None:
    command = " ".join(api_command(home.model_copy(update={"host": "0.0.0.0", "port": 8123, "workers": 2})))
    assert "--host 0.0.0.0 --port 8123 --workers 2" in command
    assert "--no-access-log" in command, "a path may hold what somebody typed"
