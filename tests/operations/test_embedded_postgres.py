"""Laws of the embedded server: what it writes of itself holds no words of a conversation.

What lives here: the server's own log after an error.
When to add here: another thing that the server does beside answering.
What to keep out: what is kept in it (tests/store); that a home starts one (tests/system).
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from tests.conftest import OTHER_SERVER


@pytest.mark.skipif(OTHER_SERVER in os.environ, reason="the server is not the embedded one; its log is elsewhere")
def test_a_row_that_is_refused_leaves_no_words_in_the_servers_log(engine: Engine) -> None:
    constraint, words = f"refused_{uuid4().hex}", f"canary {uuid4().hex}"
    log = Path(os.environ["NURSECONV_TEST_SERVER"]) / "postgres" / "data" / "log"
    with engine.connect() as connection:
        connection.execute(text(f"create temporary table said (a text, constraint {constraint} check (a is null))"))
        connection.commit()
        for statement in ("insert into said values (:words)", f"insert into said values ('{words}')"):
            with pytest.raises(IntegrityError):
                connection.execute(text(statement), {"words": words} if ":words" in statement else {})
            connection.rollback()
    written = log.read_text(encoding="utf-8", errors="replace")
    assert written.count(constraint) == 2
    assert words not in written
