"""What tables are made of: the one metadata with its naming rule, and the columns that many tables have.

What lives here: `metadata`, `row_id()`, `upload_id()`, `moment()`, `deadline()`, `one_of()`.
When to add here: a column that a third table needs in the same form.
What to keep out: tables (`tables`, `provider_tables`).
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, MetaData, func, text
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def row_id() -> Column[object]:
    """The primary key of a table whose rows have no natural one."""
    return Column("id", UUID(as_uuid=True), primary_key=True, server_default=text("gen_random_uuid()"))


def upload_id(*, nullable: bool = False) -> Column[object]:
    """The upload that a row belongs to, with the index that finds its rows."""
    return Column("upload_id", UUID(as_uuid=True), ForeignKey("conversation_uploads.id"), nullable=nullable, index=True)


def moment(name: str, *, required: bool = False) -> Column[object]:
    """A time; a required one is the server's clock when nothing is said."""
    default = func.clock_timestamp() if required else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


def deadline(name: str) -> Column[object]:
    """A time that whoever writes the row has to say."""
    return Column(name, DateTime(timezone=True), nullable=False)


def one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    """The column holds one of these words."""
    return CheckConstraint(f"{column} in ({', '.join(repr(value) for value in values)})", name=name)
