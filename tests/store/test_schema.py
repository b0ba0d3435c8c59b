"""The schema: migrations give what the tables say, go back and forward, and the audit log cannot be rewritten."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from nurseconv_dagster.errors import NurseconvError, SchemaError, SettingsError, StoreUnavailableError
from nurseconv_dagster.store import audit, schema
from nurseconv_dagster.store.arrivals import ArrivalLedger
from nurseconv_dagster.store.engine import open_engine, parse_url, transaction
from nurseconv_dagster.store.schema import check_schema, migrate
from nurseconv_dagster.store.tables import metadata
from tests.fakes.uploads import accept_many


def test_migrations_give_exactly_the_tables_of_the_code(engine):
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrations_go_back_and_forward_and_data_that_exists_in_both_is_kept(engine):
    accept_many(ArrivalLedger(engine), 2)
    migrate(engine, "0001")
    with pytest.raises(SchemaError, match="nurseconv migrate"):
        check_schema(engine)
    migrate(engine)
    check_schema(engine)
    with transaction(engine) as connection:
        assert connection.execute(text("select count(*) from conversation_uploads")).scalar_one() == 2
    migrate(engine, "base")
    migrate(engine)
    check_schema(engine)


def test_the_audit_chain_holds_and_a_changed_row_is_found(engine):
    with transaction(engine) as connection:
        for number in range(5):
            audit.record(connection, "test", "did", str(number), {"n": number})
    assert audit.seal(engine) == 5
    assert audit.seal(engine) == 0
    assert audit.verify(engine) == (5, None)
    with transaction(engine) as connection:
        connection.execute(text("alter table audit_log disable trigger audit_log_append_only"))
        connection.execute(text("update audit_log set subject = 'other' where seq = 3"))
    assert audit.verify(engine) == (2, 3)


@pytest.mark.parametrize("statement", ["update audit_log set actor = 'x'", "delete from audit_log"])
def test_a_sealed_audit_row_cannot_be_changed_or_deleted(engine, statement):
    with transaction(engine) as connection:
        audit.record(connection, "test", "did", None, {})
    audit.seal(engine)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "spelling", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "POSTGRES"]
)
def test_every_spelling_of_a_postgres_address_is_taken(spelling):
    url = parse_url(f"{spelling}://u:p@h:5433/db", "DATABASE_URL", "postgresql+psycopg2")
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg2://u:p@h:5433/db"


def test_an_address_of_something_else_is_refused_without_showing_the_password():
    with pytest.raises(SettingsError, match="DATABASE_URL must be a Postgres address") as caught:
        parse_url("mysql://u:secret@h/db", "DATABASE_URL", "postgresql+psycopg")
    assert "secret" not in str(caught.value)


def test_an_unreachable_database_is_named_with_what_to_do():
    away = open_engine(parse_url("postgresql://u:secret@127.0.0.1:1/db", "DATABASE_URL", "postgresql+psycopg"))
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1 did not answer") as caught, transaction(away):
        pass
    assert "secret" not in str(caught.value)
    assert "nurseconv doctor" in str(caught.value)


@pytest.mark.parametrize("role", ["nurseconv_bi", "nurseconv_people"])
def test_readers_of_marts_see_no_table_of_the_app(engine, role):
    with engine.connect() as connection:
        tables = list(metadata.tables)
        seen = [
            table
            for table in tables
            if connection.execute(text(f"select has_table_privilege('{role}', '{table}', 'select')")).scalar_one()
        ]
    assert seen == []


def test_the_audit_role_reads_its_log_and_nothing_else(engine):
    with engine.connect() as connection:
        seen = [
            table
            for table in metadata.tables
            if connection.execute(
                text(f"select has_table_privilege('nurseconv_audit', '{table}', 'select')")
            ).scalar_one()
        ]
    assert seen == ["audit_log"]


def test_an_exception_of_the_store_never_shows_what_a_statement_carried(engine):
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(text("select cast(:words as integer) from no_such_table"), {"words": "canary words"})
    assert "canary" not in str(caught.value)


def newer(engine, works_with):
    """The database as a newer version has left it, with a column that this one does not know."""
    with transaction(engine) as connection:
        connection.execute(text("alter table conversation_uploads add column of_the_next_version text"))
        connection.execute(text("update alembic_version set version_num = '9999'"))
        connection.execute(text(f"comment on table alembic_version is 'works with {works_with}'"))


def test_a_version_goes_on_working_while_a_newer_schema_that_only_adds_is_there_already(engine):
    newer(engine, "0007")
    check_schema(engine)
    migrate(engine)  # as every start of a process does; changes nothing
    accept_many(ArrivalLedger(engine), 2)
    with transaction(engine) as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar_one() == "9999"
        assert connection.execute(text("select count(*) from conversation_uploads")).scalar_one() == 2


@pytest.mark.parametrize("works_with", ["9998", ""])
def test_a_version_refuses_a_newer_schema_that_does_not_promise_to_work_with_it(engine, works_with):
    newer(engine, works_with)
    for try_it in (check_schema, migrate):
        with pytest.raises(SchemaError, match="newer than this version"):
            try_it(engine)


def test_a_schema_names_the_oldest_version_that_it_works_with_and_no_later_migration_takes_that_back(engine):
    with transaction(engine) as connection:
        said = connection.execute(text("select obj_description('alembic_version'::regclass, 'pg_class')")).scalar_one()
    newest, *older = ScriptDirectory(str(schema._MIGRATIONS)).walk_revisions()
    promised = {script.revision: getattr(script.module, "works_with", script.revision) for script in (newest, *older)}
    assert said == f"works with {promised[newest.revision]}"
    for revision, oldest in promised.items():
        between = [other for other in promised if oldest < other <= revision]
        assert all(promised[other] <= oldest for other in between)


def test_two_that_migrate_at_once_do_not_disturb_each_other(engine):
    migrate(engine, "base")
    failures = []

    def migrate_too():
        try:
            migrate(engine)
        except (SQLAlchemyError, NurseconvError) as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate_too) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check_schema(engine)
