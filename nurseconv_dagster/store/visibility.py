"""What a caller may see: one clause that every query about uploads carries.

What lives here: `Units`, `may_see()` for one unit, and `visible_to()`, the same rule as SQL. A test compares the two.
When to add here: another kind of reach than units; every router follows by itself.
What to keep out: who the caller is (api, `keys`); queries.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, true

from nurseconv_dagster.store.tables import conversation_uploads

EVERY_UNIT = "*"

# Null is everything, uploads without a unit included: admins. Otherwise the units by name, `EVERY_UNIT` for all that
# have a name. An upload without a unit is for admins alone.
Units = frozenset[str] | None


def may_see(units: Units, unit: str | None) -> bool:
    """Whether somebody with these units may see an upload of this one."""
    if units is None:
        return True
    return unit is not None and (unit in units or EVERY_UNIT in units)


def visible_to(units: Units) -> ColumnElement[bool]:
    """The rows of `conversation_uploads` that somebody with these units may see; for `where()`."""
    unit = conversation_uploads.c.unit
    if units is None:
        return true()
    if EVERY_UNIT in units:
        return unit.is_not(None)
    # Never null, so that `~visible_to(...)` is its opposite.
    return unit.is_not(None) & unit.in_(sorted(units)) if units else false()
