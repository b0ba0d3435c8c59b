"""Who may see what: each reader's role sees its marts and nothing else, also after tables were made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from nurseconv_dagster.store.engine import DAGSTER_DATABASE
from nurseconv_dagster.store.roles import BI_ROLE, PEOPLE_ROLE

if TYPE_CHECKING:
    from tests.marts.conftest import Warehouse

READABLE = """
    select schemaname || '.' || relation from (
        select schemaname, tablename as relation from pg_tables
        union all select schemaname, viewname from pg_views
    ) as relations
    where schemaname not in ('pg_catalog', 'information_schema')
      and has_schema_privilege(:role, schemaname, 'usage')
      and has_table_privilege(:role, format('%I.%I', schemaname, relation), 'select')
    order by 1
"""
MARTS = ["answer_measurements", "answers", "conversations", "pipeline_days", "question_weeks", "unit_weeks"]
BI = [f"marts.{name}" for name in MARTS]
PEOPLE = [*BI, "marts_people.conversation_people", "marts_people.nurse_weeks"]


@pytest.fixture(scope="module", params=["first build", "build from nothing"])
def built(request: pytest.FixtureRequest, migrated: Warehouse) -> Warehouse:
    if request.param == "first build":
        migrated.clear()
        migrated.conversation(nurse_id="n1")
        migrated.build()
    else:
        migrated.build("--full-refresh")
    return migrated


@pytest.mark.parametrize(("role", "expected"), [(BI_ROLE, BI), (PEOPLE_ROLE, PEOPLE)])
def test_a_reader_may_select_its_marts_and_no_other_relation(built: Warehouse, role: str, expected: list[str]) -> None:
    assert [name for [name] in built.query(READABLE, role=role)] == expected


def test_the_bi_role_can_log_in_and_read_each_mart(built: Warehouse) -> None:
    with built.connect_as_reader("bi").connect() as connection:
        for table in BI:
            connection.execute(text(f"select count(*) from {table}"))
        assert connection.execute(text("select count(*) from marts.answers")).scalar_one() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "select full_text from public.conversation_transcriptions",
        "select * from staging.stg_conversation_uploads",
        "select * from marts_people.conversation_people",
        "delete from marts.answers",
        "create table marts.mine ()",
        "create temporary table mine ()",
    ],
)
def test_the_bi_role_is_refused_everything_else(built: Warehouse, statement: str) -> None:
    with (
        built.connect_as_reader("bi").connect() as connection,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        connection.execute(text(statement))


def test_the_bi_role_cannot_connect_to_the_database_of_dagster(built: Warehouse) -> None:
    with pytest.raises(OperationalError, match="permission denied for database"):
        built.connect_as_reader("bi", DAGSTER_DATABASE).connect()
