"""Laws of who may: a key that does not count is refused at once, and what a caller may not see does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from nurseconv_dagster.api.callers import Caller, require
from nurseconv_dagster.api.parts import Database
from nurseconv_dagster.errors import RequestRefusedError, UnknownUploadError
from nurseconv_dagster.store import audit, keys
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import conversation_uploads
from nurseconv_dagster.store.visibility import EVERY_UNIT, may_see, visible_to
from tests.api.conftest import MakeKey
from tests.fakes.uploads import accept_many

router = APIRouter()


@router.get("/uploads/{unit}")
def read(unit: str, caller: Annotated[Caller, require("read")], engine: Database) -> dict[str, str]:
    """A route as routers write them: one audited transaction, 404 for what the caller may not see."""
    with audit.access(engine, caller.actor, "upload.read", unit) as connection:
        found = connection.execute(
            select(conversation_uploads.c.id).where(conversation_uploads.c.unit == unit, visible_to(caller.units))
        ).first()
        if found is None:
            raise UnknownUploadError("no upload with this id.")
    return {"actor": caller.actor}


@pytest.fixture
def guarded(app: FastAPI, engine: Engine) -> Iterator[TestClient]:
    """An API with one guarded route, and an upload of unit A and one of unit B."""
    app.include_router(router)
    accept_many(ArrivalLedger(engine), 2)
    with transaction(engine) as connection:
        connection.execute(
            text(
                "update conversation_uploads set unit = case when id = (select min(id::text)::uuid from "
                "conversation_uploads) then 'A' else 'B' end"
            )
        )
    with TestClient(app) as opened:
        yield opened


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer nonsense",
        "Basic bmM6eA==",
        "Bearer nc_000000000000_" + "0" * 64,
        "Bearer nc_000000000000_" + "0" * 63 + "é",
        "Bearer " + "x" * 8000,
    ],
)
def test_nobody_without_a_key_gets_an_answer(guarded: TestClient, header: str | None) -> None:
    headers = {"Authorization": header.encode()} if header is not None else {}
    refused = guarded.get("/uploads/A", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_refused")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_of_one_unit_learns_nothing_of_another(guarded: TestClient, key: MakeKey) -> None:
    mine = key("read", units=["A"])
    assert guarded.get("/uploads/A", headers=mine).status_code == 200
    hidden, missing = (guarded.get(f"/uploads/{unit}", headers=mine) for unit in ("B", "nowhere"))
    assert (hidden.status_code, missing.status_code) == (404, 404)
    same = ("type", "title", "status", "detail", "code")
    assert [hidden.json()[name] for name in same] == [missing.json()[name] for name in same]


def test_a_key_needs_the_scope_and_admin_has_all(guarded: TestClient, engine: Engine, key: MakeKey) -> None:
    refused = guarded.get("/uploads/A", headers=key("upload", units=["A"]))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    with transaction(engine) as connection:
        tried = connection.execute(text("select details from audit_log where action = 'scope.tried'")).scalars().all()
    assert tried == [{"scope": "read", "refused": "scope_missing"}]
    assert guarded.get("/uploads/B", headers=key("admin")).status_code == 200


def test_a_revoked_a_rotated_and_an_expired_key_are_refused_at_once(
    guarded: TestClient, engine: Engine, key: MakeKey
) -> None:
    revoked, rotated = key("admin"), key("admin")
    soon = datetime.now(UTC) + timedelta(hours=1)
    expired = key("admin", expires_at=soon)
    for headers in (revoked, rotated, expired):
        assert guarded.get("/uploads/A", headers=headers).status_code == 200
    by_age = [found.id for found in keys.list_keys(engine)]
    keys.revoke_key(engine, by_age[0], "test")
    fresh = keys.rotate_key(engine, by_age[1], "test")
    with transaction(engine) as connection:
        connection.execute(text("update api_keys set expires_at = now() where expires_at is not null"))
    for headers in (revoked, rotated, expired):
        assert guarded.get("/uploads/A", headers=headers).status_code == 401
    assert guarded.get("/uploads/A", headers={"Authorization": f"Bearer {fresh}"}).status_code == 200
    with pytest.raises(RequestRefusedError, match="keys list"):
        keys.rotate_key(engine, by_age[0], "test")


def test_each_access_is_one_audit_row_and_a_refused_one_says_so(
    guarded: TestClient, engine: Engine, key: MakeKey
) -> None:
    mine = key("read", units=["A"])
    actor = guarded.get("/uploads/A", headers=mine).json()["actor"]
    guarded.get("/uploads/B", headers=mine)
    while audit.seal(engine):
        pass
    with transaction(engine) as connection:
        rows = connection.execute(text("select * from audit_log where action = 'upload.read' order by seq")).all()
    assert [(row.actor, row.subject, row.details) for row in rows] == [
        (actor, "A", {}),
        (actor, "B", {"refused": "unknown_upload"}),
    ]
    assert audit.verify(engine)[1] is None
    assert audit.n_unsealed(engine) == 0


def test_no_secret_is_stored(engine: Engine, key: MakeKey) -> None:
    token = key("admin")["Authorization"].removeprefix("Bearer ")
    with transaction(engine) as connection:
        tables = ("api_keys", "audit_log")
        stored = " ".join(str(connection.execute(text(f"select * from {table}")).all()) for table in tables)
    assert token.split("_")[2] not in stored


def test_a_key_is_marked_used_at_most_once_a_minute(guarded: TestClient, engine: Engine, key: MakeKey) -> None:
    mine = key("admin")
    guarded.get("/uploads/A", headers=mine)
    first = keys.list_keys(engine)[0].last_used_at
    guarded.get("/uploads/A", headers=mine)
    assert first is not None
    assert keys.list_keys(engine)[0].last_used_at == first
    with transaction(engine) as connection:
        connection.execute(text("update api_keys set last_used_at = last_used_at - interval '61 seconds'"))
    guarded.get("/uploads/A", headers=mine)
    assert keys.list_keys(engine)[0].last_used_at > first


@pytest.mark.parametrize(("scopes", "units"), [((), ("A",)), (("write",), ("A",)), (("read",), ())])
def test_a_key_that_could_do_nothing_or_too_much_is_not_made(
    engine: Engine, scopes: tuple[str, ...], units: tuple[str, ...]
) -> None:
    with pytest.raises(RequestRefusedError):
        keys.make_key(engine, "x", scopes=scopes, units=units, actor="test")


NAMES = st.sampled_from(["A", "B", "%", "_", "a", ""])


def test_the_rule_in_sql_is_the_rule_in_python(engine: Engine) -> None:
    accept_many(ArrivalLedger(engine), 7)
    with transaction(engine) as connection:
        ids = connection.execute(select(conversation_uploads.c.id)).scalars().all()
        for found, unit in zip(ids, ["A", "B", "%", "_", "a", "", None], strict=True):
            connection.execute(
                text("update conversation_uploads set unit = :unit where id = :id"), {"id": found, "unit": unit}
            )

    @given(units=st.none() | st.frozensets(NAMES | st.just(EVERY_UNIT)))
    def holds(units: frozenset[str] | None) -> None:
        with transaction(engine) as connection:
            rows = connection.execute(select(conversation_uploads.c.unit, visible_to(units).label("seen"))).all()
        assert {row.unit: row.seen for row in rows} == {row.unit: may_see(units, row.unit) for row in rows}

    holds()
