"""What is older than somebody decided to keep is erased as a person would erase it, a few at a time."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text, update

from nurseconv_dagster.automation.reconciler_sensor import erase_expired as by_the_reconciler
from nurseconv_dagster.automation.reconciler_sensor import tidy_vault
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.erasure import finish_erasures
from nurseconv_dagster.store.retention import erase_expired
from nurseconv_dagster.store.tables import audit_log
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from tests.fakes.results import CANARY, add_results
from tests.store.test_erasure import House


@pytest.fixture
def house(engine, tmp_path):
    return House(engine, tmp_path)


def age(engine, upload_id, days):
    with transaction(engine) as connection:
        older = func.now() - func.make_interval(0, 0, 0, days)
        connection.execute(update(uploads).where(uploads.c.id == upload_id).values(created_at=older))


def erased(engine):
    with engine.connect() as connection:
        return set(connection.execute(select(uploads.c.id).where(uploads.c.status == "erased")).scalars())


def test_uploads_past_their_days_are_erased_oldest_first_and_the_audit_log_says_by_what(house):
    ids = [house.arrive(f"note {n}".encode()).upload_id for n in range(4)]
    add_results(house.engine, ids[0])
    for upload_id, days in zip(ids, (40, 31, 35, 29), strict=True):
        age(house.engine, upload_id, days)
    assert erase_expired(house.engine, 30, house.root, at_most=2) == 2
    assert erased(house.engine) == {ids[0], ids[2]}
    assert erase_expired(house.engine, 30, house.root) == 1
    assert erase_expired(house.engine, 30, house.root) == 0
    assert erased(house.engine) == set(ids[:3])
    finish_erasures(house.engine, house.vault)
    assert len(house.objects) == 1
    assert [row for row in house.contents().splitlines() if str(ids[0]) in row and CANARY in row] == []
    with house.engine.connect() as connection:
        actors = connection.execute(select(audit_log.c.actor).where(audit_log.c.action == "upload.erased")).scalars()
        assert list(actors) == ["retention"] * 3


@pytest.mark.parametrize(("days", "n_erased"), [("", 0), ("30", 1)])
def test_the_reconciler_erases_by_age_only_when_days_are_set(home, engine, monkeypatch, days, n_erased):
    house = House(engine, home.home)
    upload_id = house.arrive(b"old").upload_id
    age(engine, upload_id, 31)
    monkeypatch.setenv("RETENTION_DAYS", days)
    store = StoreResource()
    assert by_the_reconciler(store) == n_erased
    tidy_vault(store)
    assert len(house.objects) == 1 - n_erased
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from conversation_uploads")).scalar_one() == 1
