"""The database roles of readers: who may see what, and how they get a password.

What lives here: the roles' names, `create_roles()`, `set_password()`, `forbid_strangers()`.
When to add here: a new kind of reader.
What to keep out: grants on marts, which dbt renews after each build because it re-creates tables.
"""

from __future__ import annotations

from psycopg import sql
from sqlalchemy import Connection, text

BI_ROLE = "nurseconv_bi"
PEOPLE_ROLE = "nurseconv_people"
API_ROLE = "nurseconv_api"
AUDIT_ROLE = "nurseconv_audit"
READERS = {"bi": BI_ROLE, "people": PEOPLE_ROLE, "api": API_ROLE, "audit": AUDIT_ROLE}


def create_roles(connection: Connection) -> None:
    """Each reader's role exists afterwards, without a password and so without a way in.

    Roles belong to the whole server: two homes on one server share them, so none is ever dropped.
    """
    for role in READERS.values():
        connection.execute(
            text(
                f"do $$ begin create role {role} nologin; "
                "exception when duplicate_object or unique_violation then null; end $$"
            )
        )


def grant_tables(connection: Connection, tables: tuple[str, ...]) -> None:
    """What the app's own tables show to a reader: to audit its log, to the API its work, to bi and people nothing.

    Args:
        connection: of the tables' owner.
        tables: by name. Not all that are there: one of another role refuses, and its rows are nobody's business.
    """
    connection.execute(text("revoke all on schema public from public"))
    connection.execute(text(f"grant usage on schema public to {API_ROLE}, {AUDIT_ROLE}"))
    connection.execute(text(f"grant select, insert, update on {', '.join(tables)} to {API_ROLE}"))
    connection.execute(text(f"revoke update on audit_log from {API_ROLE}"))
    connection.execute(text(f"grant usage on sequence audit_log_seq_seq to {API_ROLE}"))
    connection.execute(text(f"grant select on audit_log to {AUDIT_ROLE}"))


def forbid_strangers(connection: Connection) -> None:
    """Only named roles may connect to this database; a reader's role must not reach its neighbours on the server."""
    database: str = connection.execute(text("select current_database()")).scalar_one()
    name = sql.Identifier(database).as_string()
    connection.execute(text(f"revoke connect, temporary on database {name} from public"))
    connection.execute(text(f"grant connect on database {name} to {', '.join(READERS.values())}"))


def set_password(connection: Connection, role: str, password: str) -> None:
    """The role can log in with this password from now on."""
    statement = sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(password))
    connection.exec_driver_sql(statement.as_string().replace("%", "%%"))
