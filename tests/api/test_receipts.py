"""What waits for a person is seen by admins alone, and settled once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from nurseconv_dagster.intake.arrivals import Sender, Sidecar
from nurseconv_dagster.operations.status import read_status
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.erasure import erase_upload
from nurseconv_dagster.store.tables import conversation_uploads, upload_receipts
from tests.api.test_reading import actions
from tests.fakes.uploads import new_upload

URL = "/api/v1/receipts"


@pytest.fixture
def upload_id(engine):
    """Sent by icu, and again by er, which may not see it."""
    ledger = ArrivalLedger(engine)
    for unit in ("icu", "er"):
        said, sender = Sidecar(unit=unit, nurse_id=f"n-{unit}"), Sender(f"key:{unit}", frozenset({unit}))
        made = ledger.record_arrival(new_upload("a", sidecar=said, sender=sender, source="api")).upload_id
    return made


def units(engine):
    of = conversation_uploads.c
    with engine.connect() as connection:
        return tuple(connection.execute(select(of.unit, of.nurse_id)).one())


def test_an_admin_sees_what_waits_and_nobody_else_does(client, key, upload_id):
    [item] = client.get(URL, params={"disposition": "awaiting_review"}, headers=key("admin")).json()["items"]
    assert (item["upload_id"], item["received_by"], item["unit"]) == (str(upload_id), "key:er", "icu")
    assert item["sidecar"] == {"unit": "er", "nurse_id": "n-er"}
    nosy = key("read", "upload", "review", units=["*"])
    assert client.get(URL, headers=nosy).status_code == 403
    assert client.post(f"{URL}/{item['id']}", json={"verdict": "accept"}, headers=nosy).status_code == 403


@pytest.mark.parametrize(
    ("verdict", "disposition", "now"),
    [("accept", "amended", ("er", "n-er")), ("dismiss", "dismissed", ("icu", "n-icu"))],
)
def test_a_receipt_is_settled_once_and_in_the_audit_log(client, key, engine, upload_id, verdict, disposition, now):
    admin = key("admin")
    [item] = client.get(URL, headers=admin).json()["items"]
    settled = client.post(f"{URL}/{item['id']}", json={"verdict": verdict}, headers=admin)
    assert (settled.status_code, settled.json()["disposition"]) == (200, disposition)
    assert units(engine) == now
    assert ("receipt.settled", str(upload_id), {"verdict": verdict, "receipt": item["id"]}) in actions(engine)
    assert client.get(URL, headers=admin).json()["items"] == []
    again = client.post(f"{URL}/{item['id']}", json={"verdict": verdict}, headers=admin)
    assert (again.status_code, again.json()["code"]) == (422, "receipt_not_waiting")


def test_a_receipt_of_an_erased_upload_waits_for_nobody(client, key, engine, upload_id, tmp_path):
    with transaction(engine) as connection:
        erase_upload(connection, upload_id, tmp_path, "test")
        receipt = connection.execute(
            select(upload_receipts.c.id).where(upload_receipts.c.disposition == "awaiting_review")
        ).scalar_one()
    admin = key("admin")
    assert client.get(URL, headers=admin).json()["items"] == []
    assert client.post(f"{URL}/{receipt}", json={"verdict": "accept"}, headers=admin).status_code == 422
    assert units(engine) == ("icu", None)


def test_the_operator_sees_what_waits_without_names(api_settings, upload_id):
    [item] = read_status(api_settings, names=False, limit=1)["receipts_awaiting_review"]
    assert (item["upload_id"], item["received_by"]) == (upload_id, "key:er")
    assert "sidecar" not in item
